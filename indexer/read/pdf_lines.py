"""One PDF page -> its lines, with the geometry that tells paragraphs apart."""

import ctypes
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from indexer.read.pdf_bidi import Glyph, read_from_the_right
from indexer.read.pdf_marks import (
    font_size,
    has_latin,
    has_rtl,
    is_rtl,
    mostly_rtl,
    origin,
    turn_ligatures,
)
from indexer.read.pdf_syllables import Piece, goes_on, is_syllabic, pieces, read_syllables

# PDFium writes this character for a hyphen at the end of a line, and leaves the line break out.
_HYPHEN_BREAK = "\ufffe"
_LINE_END = re.compile(f"\r\n|[\r\n{_HYPHEN_BREAK}\x02]")
# No line begins with a sign over or under a letter of India or South East Asia: PDFium breaks there
# because it saw a raised glyph. Khmer writes letters under others behind U+17D2.
_MARKS = "".join(chr(c) for c in range(0x0900, 0x1800) if unicodedata.category(chr(c))[0] == "M")
_SIGN = re.compile(f"\u17d2.|[{_MARKS}]")
_ONLY_SIGNS = re.compile(f"(?>{_SIGN.pattern})+")
_FIXED_PITCH = re.compile(
    rb"(?i)mono|courier|consol|typewriter|cmtt|nimbusmon|inconsolata|menlo|code|tt\d*$"
)
_UNMAPPED = "\ufffd"
_FIXED_PITCH_FLAG = 1  # ISO 32000-1, table 123: font flags, bit 1
_FONT_NAME_BYTES = 128

_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of print. Lengths are points, y grows upwards; all are 0 where they are not known.

    A column of vertical Japanese or Chinese is a line of a page turned by a quarter: its left is
    its upper end, its base its place from the left, so the next one is below it.

    Attributes:
        text: In logical order, without its line end.
        page: 1-based.
        left, right: Extent of the line.
        base: Height of its first character's lower edge.
        height: Line height of its font.
        fixed_pitch: Printed like code.
        vertical: Printed from top to bottom.
        right_to_left: Begins at its right end.
        hyphenated: A hyphen at its end tears a word that goes on in the next line.
    """

    text: str
    page: int
    left: float = 0.0
    right: float = 0.0
    base: float = 0.0
    height: float = 0.0
    fixed_pitch: bool = False
    vertical: bool = False
    right_to_left: bool = False
    hyphenated: bool = False


def page_lines(text_page: pdfium.PdfTextPage, number: int) -> list[Line]:
    """Return the lines of a page in reading order; blank ones are left out."""
    text = turn_ligatures(text_page, _characters(text_page))
    syllabic, any_rtl = is_syllabic(text), has_rtl(text)
    printed = pieces(text_page) if syllabic else {}
    right_to_left = any_rtl and mostly_rtl(text)
    lines: list[Line] = []
    start = 0
    for end, stop, hyphenated in _line_ends(text_page, text):
        if text[start:end].strip():
            line = _measured(text_page, Line(text[start:end], number), start)
            if any_rtl and (
                is_rtl(line.text)
                or (right_to_left and (has_rtl(line.text) or not has_latin(line.text)))
            ):
                line = _read_from_the_right(text_page, line, start)
            elif syllabic and is_syllabic(line.text) and not line.vertical:
                line = _read_syllables(text_page, line, start, printed)
            lines.append(_without_line_ends(line, hyphenated=hyphenated))
        start = stop
    return lines


def _without_line_ends(line: Line, *, hyphenated: bool) -> Line:
    """Take out what stands where PDFium saw the end of a line and there is none."""
    text = _LINE_END.sub("", line.text)
    if text == line.text and not hyphenated:
        return line
    return replace(line, text=text, hyphenated=hyphenated)


def _characters(text_page: pdfium.PdfTextPage) -> str:
    """The page's text, each character at its index."""
    text: str = text_page.get_text_range()
    size = text_page.count_chars()
    if len(text) == size:
        return text
    # PDFium leaves out of a text what its font does not explain.
    codes = (pdfium_c.FPDFText_GetUnicode(text_page, at) for at in range(size))
    return "".join(chr(code) if code else _UNMAPPED for code in codes)


def _read_from_the_right(text_page: pdfium.PdfTextPage, line: Line, start: int) -> Line:
    glyphs: list[Glyph] = []
    bare: list[float] = []
    places: set[float] = set()
    place, height = None, line.height
    for at, char in enumerate(line.text, start):
        left, bottom, right, top = text_page.get_charbox(at, loose=True)
        height = max(height, top - bottom)
        made_up = pdfium_c.FPDFText_IsGenerated(text_page, at) == 1
        if char < " " or (char.isspace() and made_up):
            continue
        here = origin(text_page, at)
        if char.isspace() and right <= left:
            bare.append(here[0])
            continue
        if here == place and glyphs and not unicodedata.combining(char):
            glyphs[-1].text += char  # a ligature
            glyphs[-1].left = min(glyphs[-1].left, left)
            glyphs[-1].right = max(glyphs[-1].right, right)
            continue
        place = here
        # Boxes are of the ink in some fonts.
        left = min(left, here[0])
        run = ctypes.cast(pdfium_c.FPDFText_GetTextObject(text_page, at), ctypes.c_void_p).value
        glyphs.append(Glyph(char, left, right, here[1], run or 0))
        places.add(here[0])
    # A blank without width that has a letter's place has none of its own.
    text = read_from_the_right(glyphs, height, [x for x in bare if x not in places])
    if text is None:
        return replace(line, right_to_left=True)
    printed = [glyph for glyph in glyphs if not glyph.text.isspace()]
    return replace(
        line,
        text=text,
        left=min(glyph.left for glyph in printed),
        right=max(glyph.right for glyph in printed),
        base=median(glyph.base for glyph in printed),
        height=font_size(text_page, start),
        right_to_left=True,
    )


def _read_syllables(
    text_page: pdfium.PdfTextPage, line: Line, start: int, printed: Mapping[int, Piece]
) -> Line:
    """Put the text right, and the geometry: boxes of syllables are of their ink."""
    text = read_syllables(text_page, line.text, start, printed)
    first = start + len(line.text) - len(line.text.lstrip())
    base, height = origin(text_page, first)[1], font_size(text_page, first)
    return replace(line, text=text, base=base, height=height)


def _line_ends(text_page: pdfium.PdfTextPage, text: str) -> list[tuple[int, int, bool]]:
    """Return for each line its end, the start of the next, and whether a hyphen was cut off."""
    ends: list[tuple[int, int, bool]] = []
    start = 0
    for found in _LINE_END.finditer(text):
        before = text[start : found.start()].strip()
        start = found.end()
        raised = _SIGN.match(text, start) or _ONLY_SIGNS.fullmatch(before)
        if not raised and not goes_on(text_page, text, found.start(), start):
            ends.append((found.start(), start, found[0] in (_HYPHEN_BREAK, "\x02")))
    return [*ends, (len(text), len(text), False)]


def _measured(text_page: pdfium.PdfTextPage, line: Line, start: int) -> Line:
    """Add the geometry of the line's first and last visible characters, and place its marks."""
    # A letter or digit: marks and bullets often come from another font, of another height.
    letters = (at for at, char in enumerate(line.text) if char.isalnum())
    first = start + next(letters, len(line.text) - len(line.text.lstrip()))
    last = start + len(line.text.rstrip()) - 1
    boxes = [text_page.get_charbox(at, loose=True) for at in (first, last)]
    left, bottom, right, top = boxes[0]
    if _is_column(*boxes):
        return Line(
            line.text,
            line.page,
            left=-top,
            right=-boxes[1][1],
            base=(left + right) / 2,
            height=font_size(text_page, first),
            vertical=True,
        )
    return Line(
        line.text,
        line.page,
        left=min(box[0] for box in boxes),
        right=max(box[2] for box in boxes),
        base=bottom,
        height=top - bottom,
        fixed_pitch=_is_fixed_pitch(text_page, first) and _is_fixed_pitch(text_page, last),
    )


def _is_column(first: _Box, last: _Box) -> bool:
    """Tell from its first and last characters whether a line runs from top to bottom."""
    down = first[1] - last[1]
    aside = abs(first[0] + first[2] - last[0] - last[2]) / 2
    return down > first[3] - first[1] > 0 and aside < first[2] - first[0]


def _is_fixed_pitch(text_page: pdfium.PdfTextPage, at: int) -> bool:
    name, flags = ctypes.create_string_buffer(_FONT_NAME_BYTES), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(text_page, at, name, _FONT_NAME_BYTES, flags)
    return bool(flags.value & _FIXED_PITCH_FLAG) or bool(_FIXED_PITCH.search(name.value))
