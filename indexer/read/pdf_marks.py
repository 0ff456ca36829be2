"""Letters and marks that PDFium gives in the wrong order, put right line by line.

Seen with pypdfium2 5.15.2 (PDFium 153) on PDFs of LibreOffice, Word and Chrome.
"""

import ctypes
import math
import re
from collections.abc import Iterable

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

_ALEF_LAM = re.compile("[اأإآٱ]ل")
_RTL_LETTER = re.compile(r"[\u05d0-\u05f2\u0620-\u064a\u066e-\u06d3]")
_LATIN_LETTER = re.compile(r"[A-Za-z\u00c0-\u024f]")
_RTL_MARKS = r"[\u0591-\u05bd\u05bf\u05c1\u05c2\u064b-\u0655\u0670]"
_STRAY_AT_START = re.compile(rf"^\s*{_RTL_MARKS}+\s+")
_STRAY_BEFORE_LETTER = re.compile(rf"\s({_RTL_MARKS}+)([\u05d0-\u05ea\u0620-\u064a\u066e-\u06d3])")
_LATIN_THEN_RTL = re.compile(r"([A-Za-z])(?=[\u05d0-\u05ea\u0620-\u064a\u066e-\u06d3])")
_BLANK_BEFORE_STOP = re.compile(r"(?<! ) +([.,:;،؛؟])(?=\s|$)")
_BRACKETS = str.maketrans("()[]{}«»‹›", ")(][}{»«›‹")
_OPENING, _CLOSING = "([{«‹", ")]}»›"
# Brackets in words of a left-to-right script belong to them: "JavaScript (ES6)".
_LATIN_BRACKETS = re.compile(
    r"[A-Za-z0-9][^\u0590-\u08ff()\[\]{}]*[(\[{][^\u0590-\u08ff()\[\]{}]*[A-Za-z][^\u0590-\u08ff()\[\]{}]*[)\]}]"
)
_BLANK_INSIDE = re.compile(r"(\S)([(\[{«‹]) (?=\S)")


def turn_ligatures(text_page: pdfium.PdfTextPage, text: str) -> str:
    """Turn "alef lam" that is printed as one glyph back into "lam alef".

    PDFium reverses right-to-left text letter by letter, also inside a ligature. No font has a
    ligature of alef and lam in this order, so a common origin tells the case.
    """
    letters = list(text)
    for pair in _ALEF_LAM.finditer(text):
        at = pair.start()
        if origin(text_page, at) == origin(text_page, at + 1):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def mirrored(lines: Iterable[str]) -> bool:
    """Tell whether right-to-left lines of a document hold brackets as printed, not as typed."""
    gains = [_unmatched(line) - _unmatched(_turned(line)) for line in lines]
    return sum(gain > 0 for gain in gains) > sum(gain < 0 for gain in gains)


def is_rtl(line: str) -> bool:
    """Tell whether most of a line is Hebrew or Arabic letters."""
    return len(_RTL_LETTER.findall(line)) * 2 >= max(1, len(line.strip()))


def _turned(line: str) -> str:
    """Return the line with the brackets turned that are not inside Latin words."""
    parts, done = [], 0
    for latin in _LATIN_BRACKETS.finditer(line):
        parts += [line[done : latin.start()].translate(_BRACKETS), latin[0]]
        done = latin.end()
    return "".join(parts) + line[done:].translate(_BRACKETS)


def has_rtl(line: str) -> bool:
    """Tell whether a line holds any Hebrew or Arabic letter."""
    return bool(_RTL_LETTER.search(line))


def has_latin(line: str) -> bool:
    """Tell whether a line holds any Latin letter."""
    return bool(_LATIN_LETTER.search(line))


def mostly_rtl(text: str) -> bool:
    """Tell whether a text has more Hebrew and Arabic letters than Latin ones."""
    return len(_RTL_LETTER.findall(text)) > len(_LATIN_LETTER.findall(text))


def mend_rtl(line: str, *, turn_brackets: bool) -> str:
    """Put right what shows in the text of a right-to-left line alone.

    Marks before their letter go behind it; a mark lost at the start of the line is dropped;
    mirrored brackets are turned back; Latin words get back the blank behind them; stops lose the
    one before.
    """
    line = _STRAY_AT_START.sub("", line)
    line = _STRAY_BEFORE_LETTER.sub(r"\2\1", line)
    line = _LATIN_THEN_RTL.sub(r"\1 ", line)
    line = _BLANK_BEFORE_STOP.sub(r"\1", line)
    turned = _turned(line)
    gain = _unmatched(line) - _unmatched(turned)
    if gain > 0 or (turn_brackets and gain == 0):
        line = _BLANK_INSIDE.sub(r"\1 \2", turned)
    return line


def _unmatched(text: str) -> int:
    """Count brackets without a partner."""
    depth = wrong = 0
    for char in text:
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            wrong += depth == 0
            depth = max(0, depth - 1)
    return wrong + depth


def origin(text_page: pdfium.PdfTextPage, at: int) -> tuple[float, float]:
    """Return where a character is printed: its place on the base line, in points."""
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium_c.FPDFText_GetCharOrigin(text_page, at, x, y)
    return x.value, y.value


def font_size(text_page: pdfium.PdfTextPage, at: int) -> float:
    """The size of a character's font in points: some fonts give boxes of the ink only."""
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(text_page, at, matrix)
    size: float = pdfium_c.FPDFText_GetFontSize(text_page, at)
    return size * math.hypot(matrix.c, matrix.d)
