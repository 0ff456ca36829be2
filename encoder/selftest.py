"""Prove at load that the encoder computes what its spec says.

Public loaders of bidirectional decoder models often run them with causal attention, without any
error: transformers 4.53 to 5.1 ignored the settings that such models relied on, some only for
padded batches and some only for single texts. So both are tried here.
"""

import numpy as np
import torch

from encoder.errors import EncoderRefused
from encoder.finding import Finding
from encoder.transformer import TransformerEncoder

# Bounds between what is right (below 1e-6 in float32, below 2e-2 in bfloat16 relative to the
# states' size) and what a wrong attention mask causes (above 0.1; measured on the tiny models
# in the tests).
CHANGED, SAME_COSINE = 1e-4, {"float32": 0.99999, "bfloat16": 0.995, "float16": 0.999}


def self_test(encoder: TransformerEncoder) -> tuple[Finding, ...]:
    """Try attention direction, independence of padding and unit length.

    Raises:
        EncoderRefused: One of them did not hold.
    """
    findings = (*_attention_findings(encoder), _padding_finding(encoder), _norm_finding(encoder))
    failed = [finding for finding in findings if not finding.held]
    if failed:
        raise EncoderRefused(
            f"{encoder.spec.name} failed its self-test: "
            + "; ".join(f"{finding.name} ({finding.measured})" for finding in failed)
            + ".",
            "Reinstall the packages as pinned: pip install -c constraints.txt -e .; then run: "
            "python -m encoder doctor",
        )
    return findings


def _attention_findings(encoder: TransformerEncoder) -> tuple[Finding, Finding]:
    """Change the last token and see whether the first token's state moves."""
    direction = "only backwards" if encoder.spec.is_causal else "in both directions"
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])
    changed = torch.tensor([[5, 6, 7, 8, 9, 11]])
    whole, padded = torch.ones_like(ids), torch.ones(2, 8, dtype=torch.long)
    padded[0, 6:] = 0
    fill = torch.full((1, 8), 12)
    findings = []
    for name, mask, rows in (
        ("single text", whole, (ids, changed)),
        ("padded batch", padded, tuple(_beside(row, fill) for row in (ids, changed))),
    ):
        with torch.inference_mode():
            first, second = (encoder.hidden_states(row, mask)[0, 0].float() for row in rows)
        moved = float((first - second).abs().max() / first.abs().max())
        held = (moved > CHANGED) != encoder.spec.is_causal
        findings.append(
            Finding(f"attention looks {direction}, {name}", held, f"first token moved {moved:.1e}")
        )
    return findings[0], findings[1]


def _beside(row: torch.Tensor, longer: torch.Tensor) -> torch.Tensor:
    """Put a text in one batch with a longer one: shape (2, tokens of the longer)."""
    padded = torch.zeros_like(longer)
    padded[:, : row.shape[1]] = row
    return torch.cat([padded, longer])


def _padding_finding(encoder: TransformerEncoder) -> Finding:
    """Encode a short text alone and beside a long one."""
    short, long = "water", "the cat sat on the mat and looked at the bird " * 4
    alone = encoder.encode_passages([short])[0]
    together = encoder.encode_passages([long, short])[1]
    cosine = float(alone @ together)
    held = cosine >= SAME_COSINE[encoder.choice.dtype]
    return Finding("padding changes nothing", held, f"cosine {cosine:.6f}")


def _norm_finding(encoder: TransformerEncoder) -> Finding:
    vectors = encoder.encode_queries(["a question", "another, longer question than the first"])
    norms = np.linalg.norm(vectors, axis=1)
    worst = float(np.abs(norms - 1).max())
    return Finding("rows have unit length", bool(worst < 1e-4), f"off by {worst:.1e}")
