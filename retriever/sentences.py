"""passage -> the sentences that may answer: across the line breaks of a hard-wrapped paragraph.

ICU ends a sentence at each line break, as Unicode's rules have it. In a text that was wrapped by
hand or by a mail program, most of them are none. A line was wrapped where the word after it had
not fitted, as with it the line would be longer than the longest of its paragraph, or where the next
one goes on with a small letter.
"""

import re
from itertools import pairwise

from indexer.boundaries import sentence_ends

# Paragraphs of shorter lines are lists, verses, addresses.
LEAST_WIDTH = 40
# A line by itself that is longer is no heading; nor is one with a sign that ends a sentence, or
# with a number, which may be what was asked for.
MOST_HEADING_CHARS = 80

_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]*\S[^\n]*)*")
# What begins an entry of a list, a heading, a cell of a table, a quotation or a definition.
_ENTRY = re.compile(r"\s*(?:[-*+•‣▪◦–—#|>]|\(?\w{1,3}[.)]\s)")
_BLANK_LINE = re.compile(r"[ \t]*\n[ \t]*\n")
_NUMBER = re.compile(r"^[\d.]+\s")
_ENDS_A_SENTENCE = re.compile(r"[.!?…:;,।॥。！？：；，、؟۔؛،।៖។၊။]\W*$")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences, in order, and of lines that stand for one.

    Left out is what holds no letter or digit, and headings, unless there is nothing else.
    """
    ends = [0, *sentence_ends(_unwrapped(text)).tolist()]
    spans = [
        (start, end) for start, end in pairwise(ends) if any(map(str.isalnum, text[start:end]))
    ]
    like = [_is_like_a_heading(text, start, end) for start, end in spans] + [True]
    # What follows a heading is none, or a second one, of a section within.
    above_text = [one and not other for one, other in pairwise(like)] + [False]
    kept = [
        span for at, span in enumerate(spans)
        if not (like[at] and (above_text[at] or above_text[at + 1]))
    ]  # fmt: skip
    return kept or spans or [(0, len(text))]


def _unwrapped(text: str) -> str:
    """The text with a blank for each line break at which a paragraph was wrapped."""
    parts = list(text)
    for paragraph in _PARAGRAPH.finditer(text):
        lines = paragraph[0].split("\n")
        width, at = max(map(len, lines)), paragraph.start()
        if width < LEAST_WIDTH:
            continue
        first_words = [line.split(maxsplit=1)[0] for line in lines[1:]]
        # The longest line of a list is full as well, but most others are not.
        full = [
            len(line) + 1 + len(word) > width
            for line, word in zip(lines, first_words, strict=False)
        ]
        is_wrapped = 2 * sum(full) > len(full)
        for line, after, is_full in zip(lines, lines[1:], full, strict=False):
            at += len(line) + 1
            goes_on = (is_full and is_wrapped) or after.lstrip()[0].islower()
            if goes_on and not _ENTRY.match(after):
                parts[at - 1] = " "
    return "".join(parts)


def _is_like_a_heading(text: str, start: int, end: int) -> bool:
    """Tell whether a span is a short line between blank ones, or one with a heading's mark."""
    line = text[start:end].strip()
    if "\n" in line or len(line) > MOST_HEADING_CHARS or _ENDS_A_SENTENCE.search(line):
        return False
    before, rest = text[:start].rstrip(" \t"), text[start:].lstrip()[len(line) :]
    if before and not before.endswith("\n"):
        return False
    if line.startswith("#"):
        return True
    has_number = any(map(str.isdigit, _NUMBER.sub("", line)))
    return (not rest.strip() or bool(_BLANK_LINE.match(rest))) and not has_number
