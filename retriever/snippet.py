"""What to show of a hit: the part around the sentence that carried most of its score."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.boundaries import last_grapheme_end, last_word_end
from retriever.why import Why

# About three lines of a terminal or a card.
SNIPPET_CHARS = 280
ELLIPSIS = "…"

Spans = tuple[tuple[int, int], ...]
"""Half-open spans of a text, in order."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Part of a passage, on one line and without control characters.

    Attributes:
        text: What is shown.
        best_start, best_end: The span of the sentence that carried most of the score.
        words: The words in `text` that carried most.
    """

    text: str
    best_start: int
    best_end: int
    words: Spans = ()


def show(text: str, why: Why) -> Snippet:
    """Show of a passage the sentence that carried most, with what stands around it."""
    return _around(text, (why.best.start, why.best.end), [(w.start, w.end) for w in why.words])


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


def clean_spans(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, Spans]:
    """Clean a text as `clean_line` does, and find the spans again; those left empty are dropped."""
    kept: list[str] = []
    place = []  # for each character of the text, where what comes of it stands
    for part in text:
        clean = clean_line(part) if not part.isspace() else " "
        if clean == " " and (not kept or kept[-1] == " "):
            clean = ""
        place.append(len(kept))
        kept += clean
    place.append(len(kept))
    while kept and kept[-1] == " ":
        kept.pop()
    ends = [(place[start], min(place[end], len(kept))) for start, end in spans]
    return "".join(kept), tuple((start, end) for start, end in ends if start < end)


def _around(text: str, best: tuple[int, int], words: Sequence[tuple[int, int]]) -> Snippet:
    """Fill up with what stands before and after, cut between words."""
    start, end = best
    end = min(end, _cut(text, start, start + SNIPPET_CHARS))
    room = SNIPPET_CHARS - (end - start)
    first = start
    if room > 0 and start:
        wanted = max(0, start - room // 3)
        first = _cut(text, max(0, wanted - 40), wanted) if wanted else 0
    last = _cut(text, end, min(len(text), end + room - (start - first)))
    shown, best_place, marked = ELLIPSIS if first else "", (0, 0), []
    for low, high in ((first, start), (start, end), (end, last)):
        inside = [(a - low, b - low) for a, b in words if low <= a and b <= high]
        part, spans = clean_spans(text[low:high], inside)
        if part and shown not in ("", ELLIPSIS):
            shown += " "
        if low == start:
            best_place = (len(shown), len(shown) + len(part))
        marked += [(a + len(shown), b + len(shown)) for a, b in spans]
        shown += part
    tail = ELLIPSIS if last < len(text) else ""
    return Snippet(shown + tail, *best_place, tuple(marked))


def _cut(text: str, low: int, high: int) -> int:
    """The last good place to cut in (low, high]."""
    if high >= len(text):
        return len(text)
    if high <= low:
        return low
    return last_word_end(text, low, high) or last_grapheme_end(text, low, high) or high
