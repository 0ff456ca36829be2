"""Prove that a server gives the vectors that its client relies on.

Seen in public servers: a second template in front of ours, rows in another order than the texts,
texts cut far below the model's limit. None of them is an error there.
"""

import logging

from encoder.errors import EncoderRefused
from encoder.finding import Finding
from encoder.served import ServedEncoder
from encoder.server_errors import ServerError
from encoder.spec import Vectors
from encoder.wire import InputType

log = logging.getLogger(__name__)

TEXTS = ("water", "the cat sat on the mat and looked at the bird " * 3, "Die Garantie gilt.")
# Servers run in half precision, and a text beside others may be computed in another order.
SAME_COSINE, OTHER_COSINE = 0.995, 0.9999
# Of two long texts that differ in their last quarter.
HEAD_SHARE = 0.75


def check_server(encoder: ServedEncoder) -> tuple[Finding, ...]:
    """Try order and independence of rows, templates, and the longest input.

    Raises:
        EncoderRefused: One of them did not hold.
        ServerError: The server gives no vectors.
    """
    together = encoder.encode_passages(TEXTS)
    tried = (
        (_neighbours(encoder, together), "Its rows are in a wrong order, or texts in one request "
         "disturb each other: try ?batch=1 after the model's name, or another server."),
        (_difference(together), "Does the model embed texts at all?"),
        (_templates(encoder, together), "Say ?templates=server after the model's name if the "
         "server adds its model's templates by itself, and leave it out if it does not."),
        (_length(encoder), "Start it with a longer limit, or say how many tokens it reads: "
         "?tokens=512 after the model's name."),
    )  # fmt: skip
    failed = [(finding, advice) for finding, advice in tried if not finding.held]
    if failed:
        raise EncoderRefused(
            f"{encoder.client.address.host} failed the self-test of {encoder.spec.name}: "
            "it is not true that "
            + ", nor that ".join(f"{finding.name} ({finding.measured})" for finding, _ in failed)
            + ".",
            failed[0][1],
        )
    return tuple(finding for finding, _ in tried)


def _neighbours(encoder: ServedEncoder, together: Vectors) -> Finding:
    """Encode each text alone and among the others."""
    alone = [encoder.encode_passages([text])[0] for text in TEXTS]
    worst = min(float(a @ b) for a, b in zip(alone, together, strict=True))
    return Finding(
        "each text has its own row, whatever its neighbours",
        worst >= SAME_COSINE,
        f"cosine {worst:.6f}",
    )


def _difference(rows: Vectors) -> Finding:
    closest = max(float(rows[i] @ rows[j]) for i in range(len(rows)) for j in range(i))
    held = closest < OTHER_COSINE
    return Finding("other texts have other vectors", held, f"cosine {closest:.6f}")


def _templates(encoder: ServedEncoder, together: Vectors) -> Finding:
    """See whether the server puts templates around texts, which must be either its work or ours.

    One that does so by `input_type` gives a query and a passage of the same words two vectors.
    """
    cosine = 1.0
    try:
        rows = [_typed(encoder, kind) for kind in ("query", "passage")]
        cosine = float(rows[0] @ rows[1])
    except ServerError as error:
        if encoder.client.address.templates == "server":
            raise
        log.debug("the server does not know input_type: %s", error)
    by_server = cosine < SAME_COSINE
    wanted = encoder.client.address.templates == "server"
    return Finding(
        "the server adds the templates" if wanted else "the server adds no templates",
        by_server == wanted,
        f"as query and as passage: cosine {cosine:.6f}",
    )


def _typed(encoder: ServedEncoder, kind: InputType) -> Vectors:
    row: Vectors = encoder.client.embed([TEXTS[0]], kind).rows[0]
    return row


def _length(encoder: ServedEncoder) -> Finding:
    """Send two texts as long as they may be that differ in their last quarter."""
    room = encoder.passage_room
    head = _fill(encoder, "a b c ", max(1, int(room * HEAD_SHARE)))
    texts = [head + _fill(encoder, end, room - int(room * HEAD_SHARE)) for end in (" 1 2", " x z")]
    ready = [encoder.ready(text, encoder.in_template) for text in texts]
    kind: InputType | None = "passage" if encoder.client.address.templates == "server" else None
    answer = encoder.client.embed([item.text for item in ready], kind)
    cosine = float(answer.rows[0] @ answer.rows[1])
    held, measured = cosine < OTHER_COSINE, f"with another end: cosine {cosine:.6f}"
    sent = sum(item.tokens for item in ready)
    if encoder.usage_counts and answer.tokens is not None:
        held = held and answer.tokens >= sent
        measured += f"; the server says it has read {answer.tokens} of {sent}"
    return Finding(f"all of {encoder.spec.max_tokens} tokens are read", held, measured)


def _fill(encoder: ServedEncoder, words: str, tokens: int) -> str:
    """Repeat words up to a number of tokens."""
    text = words * max(1, tokens)
    ends = encoder.token_ends(text)
    return text[: int(ends[min(tokens, len(ends)) - 1])]
