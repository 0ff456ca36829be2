"""Prove at load that the encoder computes what its spec says.

Public loaders of bidirectional decoder models often run them with causal attention, without any
error: transformers 4.53 to 5.1 ignored the settings that such models relied on, some only for
padded batches and some only for single texts. So both are tried here.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from encoder.errors import EncoderRefused
from encoder.finding import Finding
from encoder.local import LocalEncoder
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.weights import not_numbers

# Bounds between what is right (below 1e-6 in float32, below 2e-2 in bfloat16 relative to the
# states' size) and what a wrong attention mask causes (above 0.1; measured on the tiny models
# in the tests).
CHANGED = 1e-4
SAME_COSINE = {"float32": 0.99999, "bfloat16": 0.995, "float16": 0.999}


# Token ids that every vocabulary has; what they mean does not matter.
TEXT, CHANGED_TEXT = (5, 6, 7, 8, 9, 10), (5, 6, 7, 8, 9, 11)
LONGER = (12,) * 8
SHORT, LONG = "water", "the cat sat on the mat and looked at the bird " * 4


class HasStates(Protocol):
    """Whatever computes the states of tokens: an encoder, a reranker."""

    @property
    def spec(self) -> EncoderSpec: ...

    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, (tokens, dim)."""
        ...


def self_test(encoder: LocalEncoder) -> tuple[Finding, ...]:
    """Try attention, independence of neighbours and padding, pooling, templates and unit length.

    Raises:
        EncoderRefused: One of them did not hold.
    """
    # A pass costs a search from the shell some 40 ms: what several of them need is computed once.
    states, passage = _states_of_both(encoder), encoder.encode_passages([SHORT])[0]
    findings = (
        *_attention_findings(encoder.spec, states),
        _neighbour_finding(states),
        _batch_finding(encoder, passage),
        _pooling_finding(encoder, states.alone[0]),
        _template_finding(encoder, passage),
        _norm_finding(encoder),
    )
    _refuse_failed(encoder.spec.name, findings)
    return findings


def prove_attention(model: HasStates) -> tuple[Finding, ...]:
    """Try attention and independence of neighbours alone, for what gives no vectors.

    Raises:
        EncoderRefused: One of them did not hold.
    """
    states = _states_of_both(model)
    findings = (*_attention_findings(model.spec, states), _neighbour_finding(states))
    _refuse_failed(model.spec.name, findings)
    return findings


def _refuse_failed(name: str, findings: tuple[Finding, ...]) -> None:
    failed = [finding for finding in findings if not finding.held]
    if failed:
        raise EncoderRefused(
            f"{name} failed its self-test: it is not true that "
            + ", nor that ".join(f"{finding.name} ({finding.measured})" for finding in failed)
            + ".",
            "Reinstall the packages as pinned: pip install -c constraints.txt -e .; then run: "
            "python -m encoder doctor",
        )


@dataclass(frozen=True, slots=True)
class _States:
    """The states of the text and of the changed one: each (tokens, dim)."""

    alone: tuple[Vectors, Vectors]
    between: tuple[tuple[Vectors, ...], tuple[Vectors, ...]]  # the neighbours of each, and itself


def _states_of_both(model: HasStates) -> _States:
    """Run the text and the changed one, alone and between longer ones.

    Raises:
        EncoderRefused: The states are no numbers, or nothing but zeros.
    """
    with np.errstate(all="ignore"):  # what is no number is refused here, not warned of
        alone = (model.states((TEXT,))[0], model.states((CHANGED_TEXT,))[0])
    if not all(np.isfinite(states).all() and states.any() for states in alone):
        raise not_numbers(model.spec)
    return _States(
        alone,
        (model.states((LONGER, TEXT, LONGER)), model.states((LONGER, CHANGED_TEXT, LONGER))),
    )


def _attention_findings(spec: EncoderSpec, states: _States) -> tuple[Finding, Finding]:
    """Change the last token and see whether the first token's state moves."""
    direction = "only backwards" if spec.is_causal else "in both directions"
    findings = []
    for name, (first, second) in (
        ("single text", states.alone),
        ("batch", (states.between[0][1], states.between[1][1])),
    ):
        moved = _moved(first[0], second[0])
        held = (moved > CHANGED) != spec.is_causal
        findings.append(
            Finding(f"attention looks {direction}, {name}", held, f"first token moved {moved:.1e}")
        )
    return findings[0], findings[1]


def _neighbour_finding(states: _States) -> Finding:
    """Change a text and see whether the states of its neighbours in the batch move."""
    before, after = states.between
    moved = max(_moved(before[i], after[i]) for i in (0, 2))
    return Finding(
        "texts in one batch do not see each other", moved < CHANGED, f"neighbours moved {moved:.1e}"
    )


def _moved(before: Vectors, after: Vectors) -> float:
    """The largest change, relative to the largest value."""
    return float(np.abs(before - after).max() / np.abs(before).max())


def _batch_finding(encoder: LocalEncoder, alone: Vectors) -> Finding:
    """Encode a short text beside a long one, and compare with its vector alone."""
    together = encoder.encode_passages([LONG, SHORT])[1]
    cosine = float(alone @ together)
    held = cosine >= SAME_COSINE[encoder.choice.dtype]
    return Finding("padding changes nothing", held, f"cosine {cosine:.6f}")


def _pooling_finding(encoder: LocalEncoder, states: Vectors) -> Finding:
    """Pool one text's states by hand and compare."""
    by_hand = {"mean": states.sum(0) / len(TEXT), "cls": states[0], "last_token": states[-1]}
    own = encoder.encode_rows((TEXT,))[0]
    expected = encoder.head(by_hand[encoder.spec.pooling][None])[0, : encoder.spec.dim]
    cosine = float(own @ expected / (np.linalg.norm(own) * np.linalg.norm(expected)))
    held = cosine >= SAME_COSINE[encoder.choice.dtype]
    return Finding("vectors are pooled as the spec says", held, f"cosine {cosine:.6f}")


def _template_finding(encoder: LocalEncoder, passage: Vectors) -> Finding:
    """A query's vector differs from a passage's where their templates do."""
    spec = encoder.spec
    bare = (spec.query_template.replace("{query}", ""), spec.passage_template[: -len("{passage}")])
    cosine = float(encoder.encode_queries([SHORT])[0] @ passage)
    held = (cosine < 1 - CHANGED) == (bare[0] != bare[1])
    differs = (
        "a query is not encoded as a passage" if bare[0] != bare[1] else "a query is a passage"
    )
    return Finding(differs, held, f"cosine {cosine:.6f}")


def _norm_finding(encoder: LocalEncoder) -> Finding:
    vectors = encoder.encode_queries(["a question", "another, longer question than the first"])
    norms = np.linalg.norm(vectors, axis=1)
    worst = float(np.abs(norms - 1).max())
    return Finding("rows have unit length", bool(worst < 1e-4), f"off by {worst:.1e}")
