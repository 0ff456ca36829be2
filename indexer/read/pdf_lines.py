"""One PDF page -> its lines, with the geometry that tells paragraphs apart."""

import ctypes
import re
from dataclasses import dataclass, replace

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from indexer.read.pdf_marks import mend_marks, turn_ligatures

# PDFium writes this character for a hyphen at the end of a line, and leaves the line break out.
_HYPHEN_BREAK = "\ufffe"
# No line begins with a Thai, Lao or Indic sign: PDFium breaks there because it saw a raised glyph.
_LINE_END = re.compile(f"\r\n|[\r\n{_HYPHEN_BREAK}\x02]")
_SIGN = re.compile(
    r"[\u0901-\u0903\u093a-\u094f\u0981-\u0983\u09be-\u09cd\u0b82\u0bbe-\u0bcd"
    r"\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece]"
)
_FIXED_PITCH = re.compile(
    rb"(?i)mono|courier|consol|typewriter|cmtt|nimbusmon|inconsolata|menlo|code|tt\d*$"
)
_FIXED_PITCH_FLAG = 1  # ISO 32000-1, table 123: font flags, bit 1
_FONT_NAME_BYTES = 128


@dataclass(frozen=True, slots=True)
class Line:
    """One line of print. Lengths are points, y grows upwards; all are 0 where they are not known.

    Attributes:
        text: In logical order, without its line end.
        page: 1-based.
        left, right: Extent of the line.
        base: Height of its first character's lower edge.
        height: Line height of its font.
        fixed_pitch: Printed like code.
        hyphenated: A hyphen at its end tears a word that goes on in the next line.
    """

    text: str
    page: int
    left: float = 0.0
    right: float = 0.0
    base: float = 0.0
    height: float = 0.0
    fixed_pitch: bool = False
    hyphenated: bool = False


def page_lines(text_page: pdfium.PdfTextPage, number: int) -> list[Line]:
    """Return the lines of a page in reading order; blank ones are left out."""
    text = text_page.get_text_range()
    # Where characters and indices do not agree (outside the BMP), the lines come without geometry.
    indexed = len(text) == text_page.count_chars()
    if indexed:
        text = turn_ligatures(text_page, text)
    lines: list[Line] = []
    start = 0
    for end, stop, hyphenated in _line_ends(text):
        if text[start:end].strip():
            line = Line(text[start:end], number, hyphenated=hyphenated)
            lines.append(_measured(text_page, line, start) if indexed else line)
        start = stop
    return [replace(line, text=_LINE_END.sub("", line.text)) for line in lines]


def _line_ends(text: str) -> list[tuple[int, int, bool]]:
    """Return for each line its end, the start of the next, and whether a hyphen was cut off."""
    ends: list[tuple[int, int, bool]] = []
    start = 0
    for found in _LINE_END.finditer(text):
        before = text[start : found.start()].strip()
        start = found.end()
        raised = _SIGN.match(text, start) or (before and not _SIGN.sub("", before))
        if not raised:
            ends.append((found.start(), start, found[0] in (_HYPHEN_BREAK, "\x02")))
    return [*ends, (len(text), len(text), False)]


def _measured(text_page: pdfium.PdfTextPage, line: Line, start: int) -> Line:
    """Add the geometry of the line's first and last visible characters, and place its marks."""
    # A letter or digit: marks and bullets often come from another font, of another height.
    letters = (at for at, char in enumerate(line.text) if char.isalnum())
    first = start + next(letters, len(line.text) - len(line.text.lstrip()))
    last = start + len(line.text.rstrip()) - 1
    boxes = [text_page.get_charbox(at, loose=True) for at in (first, last)]
    _, bottom, _, top = boxes[0]
    return replace(
        line,
        text=mend_marks(text_page, line.text, start, top - bottom),
        left=min(box[0] for box in boxes),
        right=max(box[2] for box in boxes),
        base=bottom,
        height=top - bottom,
        fixed_pitch=_is_fixed_pitch(text_page, first) and _is_fixed_pitch(text_page, last),
    )


def _is_fixed_pitch(text_page: pdfium.PdfTextPage, at: int) -> bool:
    name, flags = ctypes.create_string_buffer(_FONT_NAME_BYTES), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(text_page, at, name, _FONT_NAME_BYTES, flags)
    return bool(flags.value & _FIXED_PITCH_FLAG) or bool(_FIXED_PITCH.search(name.value))
