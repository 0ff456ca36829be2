"""What to show of a hit: the part around the sentence that is nearest to the question."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from encoder.spec import Encoder
from indexer.boundaries import last_grapheme_end, last_word_end, sentence_ends
from retriever.hit import Hit

# About three lines of a terminal or a card.
SNIPPET_CHARS = 280
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Part of a passage, on one line and without control characters.

    `text[best_start:best_end]` is the sentence nearest to the question.
    """

    text: str
    best_start: int
    best_end: int


def make_snippets(
    query: str, hits: Sequence[Hit], encoder: Encoder, instruction: str | None = None
) -> tuple[Snippet, ...]:
    """Choose for each hit the sentence nearest to the question, with what stands around it.

    The sentences of all hits are encoded in one go, so this costs about as much as encoding the
    hits' passages.
    """
    sentences = [_sentences(hit.passage.text) for hit in hits]
    texts = [
        hit.passage.text[start:end]
        for hit, spans in zip(hits, sentences, strict=True)
        for start, end in spans
    ]
    if not texts:
        return ()
    question = encoder.encode_queries([query], instruction)[0]
    scores = encoder.encode_passages(texts) @ question
    snippets, at = [], 0
    for hit, spans in zip(hits, sentences, strict=True):
        best = int(np.argmax(scores[at : at + len(spans)]))
        at += len(spans)
        snippets.append(_around(hit.passage.text, *spans[best]))
    return tuple(snippets)


def clean_line(text: str) -> str:
    """One line without control characters: no terminal escapes, no bidi overrides.

    Joiners stay: Persian, Indic scripts and emoji are misspelt without them.
    """
    kept = (
        " " if ch.isspace() else ch
        for ch in text
        if ch.isspace()
        or ch in "\u200c\u200d"
        or unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co")
    )
    return " ".join("".join(kept).split())


def _sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences that hold a letter or digit; the whole text if none does."""
    ends = [0, *sentence_ends(text).tolist()]
    spans = [
        (start, end) for start, end in pairwise(ends) if any(map(str.isalnum, text[start:end]))
    ]
    return spans or [(0, len(text))]


def _around(text: str, start: int, end: int) -> Snippet:
    """Fill up with what stands before and after, cut between words."""
    end = min(end, _cut(text, start, start + SNIPPET_CHARS))
    room = SNIPPET_CHARS - (end - start)
    first = start
    if room > 0 and start:
        wanted = max(0, start - room // 3)
        first = _cut(text, max(0, wanted - 40), wanted) if wanted else 0
    last = _cut(text, end, min(len(text), end + room - (start - first)))
    before, best, after = (
        clean_line(part) for part in (text[first:start], text[start:end], text[end:last])
    )
    head = (ELLIPSIS if first else "") + (f"{before} " if before else "")
    tail = (f" {after}" if after else "") + (ELLIPSIS if last < len(text) else "")
    return Snippet(head + best + tail, len(head), len(head) + len(best))


def _cut(text: str, low: int, high: int) -> int:
    """The last good place to cut in (low, high]."""
    if high >= len(text):
        return len(text)
    if high <= low:
        return low
    return last_word_end(text, low, high) or last_grapheme_end(text, low, high) or high
