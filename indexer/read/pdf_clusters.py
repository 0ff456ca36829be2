"""Blanks that PDFium makes up inside Indic words, told from real ones.

Chromium gives all letters of a syllable to its first glyph and none to the others. PDFium leaves
glyphs without letters out, sees a gap and fills it with a blank (seen with PDFium 153). The page
still knows where those glyphs are printed.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from indexer.read.pdf_marks import font_size, origin

# Indic scripts, Sinhala, Tibetan, Burmese, Khmer.
_SYLLABIC = r"[\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff]"
_IN_WORD = re.compile(rf"(?<={_SYLLABIC}{_SYLLABIC}) (?=\S)")
# The least width of a blank, as a share of the font's size.
_BLANK = 0.15
# Cleaning removes this character; until then it keeps text and glyphs aligned.
WORD_JOINER = "\u2060"

_Span = tuple[float, float]


def join_clusters(text_page: pdfium.PdfTextPage, text: str) -> str:
    """Replace the blanks where a glyph without letters is printed by word joiners."""
    suspects = [
        at
        for at in (found.start() for found in _IN_WORD.finditer(text))
        if pdfium_c.FPDFText_IsGenerated(text_page, at) == 1
        and origin(text_page, at) == origin(text_page, at - 1) == origin(text_page, at - 2)
    ]
    if not suspects:
        return text
    printed = _printed(text_page)
    letters = list(text)
    for at in suspects:
        if _uncovered(text_page, at, printed) < _BLANK * font_size(text_page, at - 1):
            letters[at] = WORD_JOINER
    return "".join(letters)


def _printed(text_page: pdfium.PdfTextPage) -> dict[int, list[_Span]]:
    """Where text is printed, letters known or not: height in whole points -> extents."""
    spans: dict[int, list[_Span]] = defaultdict(list)
    for found in text_page.page.get_objects(filter=(pdfium_c.FPDF_PAGEOBJ_TEXT,)):
        left, bottom, right, top = found.get_bounds()
        for height in range(math.floor(bottom), math.ceil(top)):
            spans[height].append((left, right))
    return spans


def _uncovered(
    text_page: pdfium.PdfTextPage, at: int, printed: Mapping[int, Sequence[_Span]]
) -> float:
    """How much of the gap that a blank fills is free of print, in points."""
    before, after = text_page.get_charbox(at - 1), text_page.get_charbox(at + 1)
    middle = math.floor((before[1] + before[3]) / 2)
    place, free = float(before[2]), 0.0
    for left, right in sorted(printed.get(middle, ())):
        if right > place and left < after[0]:
            free += max(0.0, left - place)
            place = right
    return free + max(0.0, float(after[0]) - place)
