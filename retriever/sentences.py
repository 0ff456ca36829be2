"""passage -> the sentences that may answer: across the line breaks of a hard-wrapped paragraph.

ICU ends a sentence at each line break, as Unicode's rules have it. In a text that was wrapped by
hand or by a mail program, most of them are none. A line was wrapped where the word after it had
not fitted, as with it the line would be longer than the longest of its paragraph, or where the next
one goes on with a small letter.
"""

import re
import unicodedata
from itertools import pairwise

from indexer.boundaries import sentence_ends

# Paragraphs of shorter lines are lists, verses, addresses.
LEAST_WIDTH = 40
# A line by itself that is longer is no heading; nor is one with a sign that ends a sentence, or
# with a number, which may be what was asked for.
MOST_HEADING_CHARS = 80
# Directly above a list, a longer one says something itself. A wide letter counts twice.
MOST_WIDTH_ABOVE_LIST = 40

_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]*\S[^\n]*)*")
# What begins an entry of a list, a heading, a cell of a table, a quotation or a definition.
_ENTRY = re.compile(r"\s*(?:[-*+•‣▪◦–—#|>]|\(?\w{1,3}[.)]\s)")
_BLANK_LINE = re.compile(r"[ \t]*\n[ \t]*\n")
_UNDERLINE = re.compile(r"[ \t]*\n[ \t]*([=~_*^-])\1{2,}[ \t]*(?=\n|$)")
# What counts the items of a list, and headings: 3.  3.1  2)  (a)  iv.  一、 ３． (１)  ①
_NUMBER = re.compile(
    r"(?:\(?(?:\d{1,3}|[^\W\d_]|[ivxIVX]{1,4})[.)]|\d{1,3}(?:\.\d{1,3})+\.?)(?=\s|$)"
    r"|[（(]?[\d一二三四五六七八九十]{1,3}[、．）]|[①-⑳]"
)
# More often a name's than an item's.
_INITIAL = re.compile(r"[A-ZÀ-ÞΑ-ΩА-Я]\.")
_BULLET = re.compile(r"[-*+–—](?=\s)|[•‣▪◦・●○■□◆]")
_ENDS_A_SENTENCE = re.compile(r"[.!?…:;,।॥。！？：；，、؟۔؛،।៖។၊။]\W*$")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the sentences, in order, and of lines that stand for one.

    Left out is what holds no letter or digit, and headings, unless there is nothing else.
    """
    ends = [0, *sentence_ends(_unwrapped(text)).tolist()]
    # ICU ends a sentence behind the number of a heading or an item.
    ends = [
        end for start, end in pairwise(ends) if not _NUMBER.fullmatch(text[start:end].strip(" "))
    ]
    spans = [
        (start, end)
        for start, end in pairwise([0, *ends])
        if any(map(str.isalnum, text[start:end]))
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
    """Tell whether a span is a short line that stands apart, is above a list, or has a mark."""
    line, *more = text[start:end].strip().split("\n", 1)
    if len(line) > MOST_HEADING_CHARS or _ENDS_A_SENTENCE.search(line) or _BULLET.match(line):
        return False
    before, rest = text[:start].rstrip(" \t"), text[start:].lstrip()[len(line) :]
    if before and not before.endswith("\n"):
        return False
    if _UNDERLINE.match(rest):
        return True
    if more:
        return False
    if line.startswith("#"):
        return True
    number = _NUMBER.match(line)
    if any(map(str.isdigit, line[number.end() if number else 0 :])):
        return False
    is_apart = not rest.strip() or bool(_BLANK_LINE.match(rest))
    begins = not before or bool(number) or before.endswith("\n\n")
    return is_apart or (begins and _is_above_list(line, rest.split("\n", 2)[1]))


def _is_above_list(line: str, below: str) -> bool:
    """Tell whether the line below is an item, and this one short, and no item of the same list."""
    width = len(line) + sum(unicodedata.east_asian_width(char) in "WF" for char in line)
    own, item = _mark(line), _mark(below.lstrip())
    return width <= MOST_WIDTH_ABOVE_LIST and item not in ("", own)


def _mark(line: str) -> str:
    """How a line of a list begins, with "0" for each number and "a" for each letter; else ""."""
    found = _NUMBER.match(line) or _BULLET.match(line)
    if not found or _INITIAL.fullmatch(found[0]):
        return ""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", found[0]))
