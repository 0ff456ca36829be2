"""What to show of a hit: the part around the sentence that carried most of its score.

A better hit of the same document may show that sentence already; then it is the next best one.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.boundaries import last_grapheme_end, last_word_end
from retriever.hit import Hit
from retriever.why import UNREAD, Part, Why

# About three lines of a terminal or a card.
SNIPPET_CHARS = 280
ELLIPSIS = "…"
# What is only drawn: a line of nothing but such signs, or four alike among others of them alone
# between spaces, since three may be a dash.
_DRAWN, _ALIKE = "-=_*~#+|:\u2500-\u257f", "-=_*~\u2500-\u257f"
RULE = re.compile(
    rf"^[ \t]*(?:[{_DRAWN}][ \t]*){{3,}}$|"
    rf"(?<!\S)(?=[{_DRAWN}]*?([{_ALIKE}])\1{{3}})[{_DRAWN}]+(?!\S)",
    re.MULTILINE,
)

Spans = tuple[tuple[int, int], ...]
"""Half-open spans of a text, in order."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Part of a passage, on one line and without control characters.

    Attributes:
        text: What is shown.
        best_start, best_end: The span of the sentence that it is shown for.
        words: The words in `text` that carried most.
    """

    text: str
    best_start: int
    best_end: int
    words: Spans = ()


class Snippets:
    """Shows the hits of one search one after the other, each by a sentence not shown before.

    Neighbouring passages of a document share sentences, and one that answers carries the score of
    both. Whoever has read it in the better hit is shown the next best of the other one.
    """

    def __init__(self) -> None:
        self._shown: set[tuple[str, str]] = set()

    def show(self, hit: Hit, why: Why) -> Snippet:
        """Show one; its best sentence if no other one is left. Best hits come first."""
        source, text = hit.passage.source, hit.passage.text
        parts = [(part, (source, text[part.start : part.end].strip())) for part in why.sentences]
        new = [part for part in parts if part[1] not in self._shown and part[0].score > UNREAD]
        part, named = max(new or parts, key=lambda part: part[0].score)
        self._shown.add(named)
        return show(text, part, why.words)


def show(text: str, best: Part, words: Sequence[Part]) -> Snippet:
    """Show of a passage its best sentence, with what stands around it.

    Lines that are only drawn ("=====", borders of tables) are left out.

    Args:
        text: The whole passage.
        best: The sentence.
        words: Those that are marked.
    """
    spans = [(part.start, part.end) for part in (best, *words)]
    text, (shown, *marked) = without_rules(text, spans)
    return _around(text, shown, marked)


def without_rules(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Leave out what is only drawn, and find the spans again; a text of nothing else stays."""
    kept, last = "", 0
    gone: list[tuple[int, int]] = []
    for match in RULE.finditer(text):
        kept += text[last : match.start()]
        gone.append(match.span())
        last = match.end()
    kept += text[last:]
    if not gone or not kept.strip():
        return text, [*spans]

    def place(at: int) -> int:
        return at - sum(min(at, end) - start for start, end in gone if start < at)

    return kept, [(place(start), place(end)) for start, end in spans]


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
