"""Lines of Indic, Thai, Lao, Tibetan, Burmese and Khmer print, put together from their glyphs.

A syllable of these scripts is printed by glyphs that stand in another order than its letters, above
each other or apart. PDFium 153 fills gaps inside words with blanks, gives a syllable's letters a
second time where another glyph stands between its own, and sorts by place what was written by
meaning (seen on PDFs of Chromium). Where a line's blanks come from another font, LibreOffice prints
them before the letters, and PDFium drops some and leaves others at the wrong place. But the page
knows in which order its pieces were printed, and where.
"""

import ctypes
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from indexer.read.pdf_marks import font_size, origin

# Indic scripts, Sinhala, Thai, Lao, Tibetan, Burmese, Khmer.
_SYLLABIC = re.compile(r"[\u0900-\u109f\u1780-\u17ff]")
# The least width of a blank, as a share of the font's size.
_BLANK = 0.15
# A reph, the "r" that is printed as a hook over the letters behind it, reaches over a blank.
_REPH = re.compile(r"[\u0930\u09b0][\u094d\u09cd]\w")
_BLANK_AFTER_REPH = 0.04
# As shares of the font's size: how far a line may go back to a syllable's first letters; how far
# apart two syllables may stand, and how far above each other on one line.
_FAR_BACK = 3.0
_NEAR = 3.0
_SAME_LINE = 0.1
_MOST_DEPTH = 5

_Address = int
# A pointer to one of PDFium's own objects.
_Handle = Any


@dataclass(frozen=True, slots=True)
class Piece:
    """A text object of a page.

    Attributes:
        order: Its place in the order of printing.
        syllable: The marked content whose letters it prints together with other pieces, or itself.
        right: Where the ink of the whole syllable ends, in points; 0 where it is one piece.
    """

    order: int
    syllable: _Address
    right: float


@dataclass(slots=True)
class _Glyph:
    """The letters that are printed from one place on."""

    text: str
    left: float
    right: float
    order: int


def is_syllabic(text: str) -> bool:
    """Tell whether a text holds any letter of these scripts."""
    return bool(_SYLLABIC.search(text))


def goes_on(text_page: pdfium.PdfTextPage, text: str, end: int, start: int) -> bool:
    """Tell whether what comes after a line's end stands right beside it: it is no end then.

    Args:
        text_page: The page.
        text: Its text, each character at its index.
        end: Index behind the last character of the line.
        start: Index of the first character after it.
    """
    if not (_SYLLABIC.match(text[end - 1 : end]) and _SYLLABIC.match(text[start : start + 1])):
        return False
    (left, base), (right, next_base) = origin(text_page, end - 1), origin(text_page, start)
    size = font_size(text_page, start)
    return 0 < right - left < _NEAR * size and abs(base - next_base) < _SAME_LINE * size


def pieces(text_page: pdfium.PdfTextPage) -> dict[_Address, Piece]:
    """Return the text objects of a page by their address."""
    spans: dict[_Address, tuple[int, float]] = {}
    found: list[tuple[_Address, _Address]] = []
    for order, printed in enumerate(_text_objects(text_page.page)):
        address = _address(printed)
        syllable = _actual_text(printed) or address
        first, right = spans.get(syllable, (order, 0.0))
        if syllable != address:
            right = max(right, _right(printed))
        spans[syllable] = (first, right)
        found.append((address, syllable))
    return {address: Piece(spans[key][0], key, spans[key][1]) for address, key in found}


def read_syllables(
    text_page: pdfium.PdfTextPage, line: str, start: int, printed: Mapping[_Address, Piece]
) -> str:
    """Return the text of a line; as PDFium gives it, where its pieces do not make a line.

    Args:
        text_page: The page the line is on.
        line: Its text, as long as the characters of the page from `start` on.
        start: Index of its first character.
        printed: The page's text objects.
    """
    size = font_size(text_page, start + len(line) - len(line.lstrip()))
    glyphs = _glyphs(text_page, line, start, printed)
    if not glyphs:
        return line
    ordered = list(_by_meaning(glyphs))
    if any(b.left < a.left - _FAR_BACK * size for a, b in pairwise(ordered)):
        return line
    return "".join(_with_blanks(ordered, size))


def _glyphs(
    text_page: pdfium.PdfTextPage, line: str, start: int, printed: Mapping[_Address, Piece]
) -> list[_Glyph]:
    """The glyphs of a line, its blanks too but for those that PDFium made up."""
    glyphs: list[_Glyph] = []
    owners: dict[_Address, _Address] = {}
    place = None
    for at, char in enumerate(line, start):
        here = origin(text_page, at)
        if pdfium_c.FPDFText_IsGenerated(text_page, at) == 1:
            continue
        address = _address(pdfium_c.FPDFText_GetTextObject(text_page, at))
        piece = printed.get(address)
        if piece is None:
            return []
        if char.isspace():
            glyphs.append(_Glyph(" ", here[0], here[0], piece.order))
            place = None
            continue
        if owners.setdefault(piece.syllable, address) != address:
            continue  # PDFium gives it a second time
        one_piece = piece.syllable == address
        right = text_page.get_charbox(at, loose=True)[2] if one_piece else piece.right
        if here == place:
            glyphs[-1].text += char
            glyphs[-1].right = max(glyphs[-1].right, right)
            continue
        glyphs.append(_Glyph(char, here[0], right, piece.order))
        place = here
    return glyphs


def _by_meaning(glyphs: Sequence[_Glyph]) -> Iterator[_Glyph]:
    """Letters in the order of printing; blanks, digits and signs, printed apart, by their place."""
    others = sorted((g for g in glyphs if not _is_letter(g)), key=lambda glyph: -glyph.left)
    for glyph in sorted(filter(_is_letter, glyphs), key=lambda glyph: glyph.order):
        # No word begins with a mark: a blank beside one that takes no room comes after it.
        while others and others[-1].left <= glyph.left and not _joins(glyph.text):
            yield others.pop()
        yield glyph
    yield from reversed(others)


def _with_blanks(glyphs: Iterable[_Glyph], size: float) -> Iterator[str]:
    """The texts of glyphs, with a blank where they leave room for one."""
    edge, before = 0.0, " "
    for glyph in glyphs:
        least = _BLANK_AFTER_REPH if _REPH.match(before) else _BLANK
        wide = glyph.left - edge > least * size and not _joins(glyph.text)
        blank = glyph.text.isspace()
        if not before.isspace() and (wide or blank):
            yield " "
        if not blank:
            yield glyph.text
        edge, before = max(edge, glyph.right), glyph.text


def _is_letter(glyph: _Glyph) -> bool:
    return unicodedata.category(glyph.text[0])[0] in "LM"


def _joins(text: str) -> bool:
    """Tell whether a glyph's letters belong to the letter before them."""
    return unicodedata.category(text[0])[0] == "M"


def _text_objects(page: pdfium.PdfPage) -> Iterator[_Handle]:
    """Yield a page's text objects in the order of printing.

    By PDFium's own functions: a helper object for each glyph takes longer than reading it.
    """
    count = pdfium_c.FPDFPage_CountObjects(page)
    for at in range(count):
        yield from _texts_in(pdfium_c.FPDFPage_GetObject(page, at), _MOST_DEPTH)


def _texts_in(printed: _Handle, depth: int) -> Iterator[_Handle]:
    kind = pdfium_c.FPDFPageObj_GetType(printed)
    if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
        yield printed
    elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth > 1:
        for at in range(pdfium_c.FPDFFormObj_CountObjects(printed)):
            yield from _texts_in(pdfium_c.FPDFFormObj_GetObject(printed, at), depth - 1)


def _right(printed: _Handle) -> float:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    pdfium_c.FPDFPageObj_GetBounds(printed, left, bottom, right, top)
    return right.value


def _actual_text(printed: _Handle) -> _Address:
    """Return the marked content with a text of its own that an object belongs to, or 0."""
    for at in reversed(range(pdfium_c.FPDFPageObj_CountMarks(printed))):
        mark = pdfium_c.FPDFPageObj_GetMark(printed, at)
        if (
            pdfium_c.FPDFPageObjMark_GetParamValueType(mark, b"ActualText")
            == pdfium_c.FPDF_OBJECT_STRING
        ):
            return _address(mark)
    return 0


def _address(handle: _Handle) -> _Address:
    return ctypes.addressof(handle.contents) if handle else 0
