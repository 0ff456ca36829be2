"""Raw text as a parser gives it -> text as a person would type it."""

import re
import unicodedata

# Presentation forms: glyphs that PDFs store in place of letters, so no query would match them. All
# other compatibility characters (full-width letters, superscripts) are what the author typed.
_PRESENTATION_FORMS = (
    range(0xFB00, 0xFB07),  # Latin ligatures: fi, fl, ffi
    range(0xFB13, 0xFB18),  # Armenian ligatures
    range(0xFB1D, 0xFB50),  # Hebrew wide letters and points
    range(0xFB50, 0xFE00),  # Arabic presentation forms A
    range(0xFE70, 0xFEFD),  # Arabic presentation forms B
    range(0x2E80, 0x2FD6),  # CJK radicals that stand for ideographs
)
_DELETED = (
    0x00AD,  # soft hyphen
    0x061C,  # Arabic letter mark: like all bidi marks below, invisible and glued to words
    0x180E,  # Mongolian vowel separator
    0x200B,  # zero-width space
    *range(0x200E, 0x2010),  # left-to-right and right-to-left mark; ZWNJ and ZWJ just before stay
    *range(0x202A, 0x202F),  # bidi embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, invisible operators, bidi isolates
    0xFEFF,  # byte order mark
    *range(0xFFF9, 0xFFFC),  # interlinear annotation marks
    0xFFFE,
    0xFFFF,
    *range(0xE0000, 0xE0080),  # tag characters: text that no reader sees
)
# List marks of the Symbol and Wingdings fonts, which office programs store as private characters.
_LIST_MARKS = {0xF0B7: "•", 0xF0A7: "▪", 0xF0D8: "➢", 0xF0FC: "✓"}
_NEW_LINES = (0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029)
_CONTROLS = (*range(0x00, 0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0))
_SURROGATES = range(0xD800, 0xE000)


def _expanded(code: int) -> str:
    """Return the letters a presentation form stands for; marks lose the space that carries them."""
    letters = unicodedata.normalize("NFKC", chr(code))
    return letters.lstrip(" ") or letters


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    table |= {code: _expanded(code) for block in _PRESENTATION_FORMS for code in block}
    table |= dict.fromkeys(_CONTROLS, " ")
    table |= dict.fromkeys(_NEW_LINES, "\n")
    table |= dict.fromkeys(_DELETED, None)
    table |= dict.fromkeys(_SURROGATES, "\N{REPLACEMENT CHARACTER}")
    table |= _LIST_MARKS
    table[0xA0] = " "
    return table


_TABLE = _table()
# Two classes: re turns a class within the BMP into a bitmap, 30 times faster than a mixed one.
_BMP = "".join(re.escape(chr(code)) for code in sorted(_TABLE) if code <= 0xFFFF)
_TOUCHED = re.compile(f"[{_BMP}]|[\U000e0000-\U000e007f]")
# The dots of a table of contents, between a title and its page: a run of dots and blanks is taken
# whole, so a megabyte of dots takes no longer than one of words.
_RUN = re.compile(r"[.…·‥・][ \t.…·‥・]{3,}+")
_PAGE = re.compile(r"(?:\d{1,5}|[ivxlcIVXLC]{1,7})[ \t]*$", re.MULTILINE)
_LEAST_DOTS = 4
_BLANK_LINES = re.compile(r"\n\n\n+")


def clean(text: str) -> str:
    """Return the text in NFC without invisible characters, stray blanks and runs of blank lines.

    ZWNJ and ZWJ stay: Persian, Indic scripts and emoji need them. Cleaning twice changes nothing.
    """
    text = text.replace("\r\n", "\n")
    text = _TOUCHED.sub(lambda found: _TABLE[ord(found[0])] or "", text)
    text = unicodedata.normalize("NFC", text)
    # Line by line: an expression that looks for blanks at line ends takes ten times as long.
    text = "\n".join(map(str.rstrip, text.split("\n")))
    return _BLANK_LINES.sub("\n\n", text)


def without_leaders(text: str) -> tuple[str, int]:
    """Return a text with a blank for the dots that lead to a page number, and how often.

    A passage of such lines would be mostly dots, and like any other such passage.
    """
    parts, start = [], 0
    for run in _RUN.finditer(text):
        dots = len(run[0]) - run[0].count(" ") - run[0].count("\t")
        if dots >= _LEAST_DOTS and _PAGE.match(text, run.end()):
            parts += [text[start : run.start()].rstrip(" \t"), " "]
            start = run.end()
    return "".join([*parts, text[start:]]), len(parts) // 2


def one_line(text: str) -> str:
    """Return the cleaned text with every run of white space as one blank."""
    return " ".join(clean(text).split())
