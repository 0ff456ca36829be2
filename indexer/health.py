"""The health of a document: signs that its text is not what its author wrote.

They are told from the text, so they hold for every format. A sign keeps no document out of the
index: `ls`, `status` and a build's summary name it, with what helps.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal

from indexer.chunk import Passage
from indexer.document import Document
from indexer.language import UNKNOWN, language_name

Kind = Literal["unmapped", "mojibake", "script", "scanned"]

# A text about encodings quotes a few such signs; a damaged one has them all over.
MIN_SIGNS, MAX_SIGNS_PER_CHAR = 3, 0.001
# Characters that are looked through for mojibake, in evenly spread parts: ftfy reads about 2 MB a
# second, all else here 20.
PROBES, PROBE_CHARS = 25, 4_000
# Words that mix alphabets. Healthy texts seen: up to 0.0001; with Latin look-alikes for Cyrillic
# letters or a font that PDF readers take for Greek: 0.03 and more.
MAX_MIXED = 0.01
# Characters in passages of which most letters are of scripts that the language is not written in.
MAX_FOREIGN = 0.1

_CID = re.compile(r"\(cid:\d+\)")
_UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
# Two letters of one alphabet beside one of another. Not one beside one: "Δx" and "µm" are healthy.
_MIXED = re.compile(
    r"[A-Za-zÀ-ɏ]{2}[\u0400-\u04ff]|[\u0400-\u04ff]{2}[A-Za-zÀ-ɏ]"
    r"|(?<!\w)[A-Za-zÀ-ɏ][\u0400-\u04ff]{2}|[\u0370-\u03ff]{2}[A-Za-zÀ-ɏ]"
    r"|[A-Za-zÀ-ɏ]{2}[\u0370-\u03ff]{2}|[\u0620-\u06ff][\u0370-\u03ff]|[\u0370-\u03ff][\u0620-\u06ff]"
)
_SHOWN_CHARS = 12
# First words of Unicode's names of letters, and the languages written with them. Latin letters
# stand in texts of every language, so they are foreign nowhere.
_SCRIPTS = (
    "ARABIC ar fa ku ps sd ug ur;ARMENIAN hy;BENGALI as bn;CJK ja ko yue zh;CYRILLIC az ba be bg bs"
    " crh kk ky mk mn ru sr tg tk tt uk uz;DEVANAGARI hi kok mr ne sa sd;ETHIOPIC am ti;GEORGIAN ka"
    ";GREEK el grc;GUJARATI gu;GURMUKHI pa;HANGUL ko;HEBREW he yi;HIRAGANA ja;KANNADA kn;KATAKANA"
    " ja;KHMER km;LAO lo;MALAYALAM ml;MYANMAR my;ORIYA or;SINHALA si;TAMIL ta;TELUGU te;THAANA dv;"
    "THAI th;TIBETAN bo dz"
)
_LANGUAGES = {names[0]: frozenset(names[1:]) for names in map(str.split, _SCRIPTS.split(";"))}


@dataclass(frozen=True, slots=True)
class Finding:
    """A sign of damage: its kind, and a sentence with figures and what helps."""

    kind: Kind
    message: str


def examine(document: Document, passages: Sequence[Passage]) -> tuple[Finding, ...]:
    """Return what speaks against a document's text; most have nothing."""
    findings = (
        _scanned(document),
        _unmapped(document),
        _mojibake(document.text),
        _mixed(document),
        _foreign(document, passages),
    )
    return tuple(finding for finding in findings if finding)


def _scanned(document: Document) -> Finding | None:
    scanned = document.scanned_pages
    if not scanned:
        return None
    shown = ", ".join(map(str, scanned[:10])) + (" ..." if len(scanned) > 10 else "")
    pages = "pages are pictures" if len(scanned) > 1 else "page is a picture"
    return Finding(
        "scanned",
        f"{len(scanned)} {pages} without text (scanned?): {shown}. "
        "Run OCR on it: ocrmypdf --skip-text IN.pdf OUT.pdf",
    )


def _unmapped(document: Document) -> Finding | None:
    text = document.text
    signs = len(_UNMAPPED.findall(text)) + len(_CID.findall(text))
    if signs < max(MIN_SIGNS, MAX_SIGNS_PER_CHAR * len(text)):
        return None
    return Finding(
        "unmapped",
        f"{signs:,} of {len(text):,} characters are not known to be any letter. {_help(document)}",
    )


def _mojibake(text: str) -> Finding | None:
    from ftfy.badness import BADNESS_RE

    probe = _probe(text)
    signs = [found[0] for found in BADNESS_RE.finditer(probe)]
    if len(signs) < max(MIN_SIGNS, MAX_SIGNS_PER_CHAR * len(probe)):
        return None
    (often, _), *_ = Counter(sign.strip() for sign in signs).most_common(1)
    return Finding(
        "mojibake",
        f"It looks as if it was decoded with a wrong encoding ({often!r}). "
        "Save it anew as UTF-8 from the program that made it.",
    )


def _probe(text: str) -> str:
    if len(text) <= PROBES * PROBE_CHARS:
        return text
    step = (len(text) - PROBE_CHARS) // (PROBES - 1)
    return "\n".join(text[at * step : at * step + PROBE_CHARS] for at in range(PROBES))


def _mixed(document: Document) -> Finding | None:
    text = document.text
    if text.isascii():
        return None
    places = [found.start() for found in islice(_MIXED.finditer(text), 100_000)]
    if len(places) < max(MIN_SIGNS, MAX_MIXED * len(text.split())):
        return None
    start = max(0, places[0] - _SHOWN_CHARS)
    before, word = text[start : places[0]], text[places[0] : places[0] + _SHOWN_CHARS]
    shown = "".join(before.split()[-1:] if before[-1:].strip() else []) + word.split()[0]
    return Finding(
        "script",
        f"In {len(places):,} places letters of two alphabets stand in one word (such as "
        f"{shown!r}). {_help(document)}",
    )


def _foreign(document: Document, passages: Sequence[Passage]) -> Finding | None:
    foreign = [passage for passage in passages if _is_foreign(passage)]
    size = sum(len(passage.text) for passage in foreign)
    if not foreign or size < MAX_FOREIGN * sum(len(passage.text) for passage in passages):
        return None
    where = f" on page {foreign[0].page}" if foreign[0].page else ""
    return Finding(
        "script",
        f"Passages in letters in which {language_name(foreign[0].language)} is not written: "
        f"{len(foreign)} of {len(passages)}, the first{where}: {foreign[0].text[:20]!r}. "
        f"{_help(document)}",
    )


def _help(document: Document) -> str:
    if document.format == "pdf":
        return "OCR reads what is printed: ocrmypdf --force-ocr IN.pdf OUT.pdf"
    return "Look at it in the program that made it."


def _is_foreign(passage: Passage) -> bool:
    """Tell whether most letters are of scripts in which the passage's language is not written."""
    if passage.language == UNKNOWN or passage.text.isascii():
        return False
    letters = foreign = 0
    for char, count in Counter(passage.text).items():
        letters += char.isalpha() * count
        script = _script(char)
        foreign += bool(script and passage.language not in _LANGUAGES[script]) * count
    return 2 * foreign > letters


@cache
def _script(char: str) -> str:
    """The script of a letter that is not Latin; "" for all other characters."""
    name = unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""
    return name if name in _LANGUAGES else ""
