"""Plain text, and how bytes of unknown encoding become characters."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.latin import latin_encoding

_BOMS = (  # UTF-32 first: its little-endian mark begins with the one of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ISO_2022_JP = re.compile(rb"\x1b\$[@B][\x21-\x7e\n]+\x1b\([BJ]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
# Text has next to no control characters; random bytes have over 10%, machine code over 20%.
_MOST_CONTROLS = 0.05
_PROBE_CHARS = 100_000
# charset-normalizer's work grows with the size; a megabyte shows an encoding as well as a gigabyte.
_PROBE_BYTES = 1_000_000
# Encoding, what is typical of it, and what no text in it holds: Hebrew words are runs of E0 to FA,
# and Turkish stands out among Latin scripts by its dotless i, s and g.
_HABITS = (
    ("cp1255", re.compile(rb"[\xe0-\xfa]{3,}"), re.compile(rb"[\xc0-\xdf\xfb\xfc\xff]")),
    (
        "cp1254",
        re.compile(rb"[A-Za-z][\xf0\xfd\xfe]"),
        re.compile(
            rb"[\xc0-\xc6\xc8-\xcf\xd1-\xd5\xd7-\xdb\xdf-\xe1\xe3-\xe6\xe8-\xed\xef\xf1-\xf5"
            rb"\xf7-\xfa\xff]"
        ),
    ),
)
_ENOUGH = 4
_EUC_KANA = re.compile(rb"[\xa4\xa5][\xa1-\xf6]")
_HIGH = re.compile(rb"[\x80-\xff]")
# In KOI8 capitals stand behind small letters, as in no other encoding: words are runs of C0 to DF,
# some of which begin with a byte above. A3 and B3 are yo; A4, A6, A7, AD and B4 to BD Ukrainian.
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_KOI8_WORD = re.compile(rb"[\xb3\xb4\xb6\xb7\xbd\xe0-\xff]?[\xa3\xa4\xa6\xa7\xad\xc0-\xdf]+")
_KOI8_CAPITAL = re.compile(rb"(?<![\x80-\xff])[\xb3\xe0-\xff][\xc0-\xdf]{2}")
# The most frequent letters of Russian, but for those whose bytes are frequent letters of both.
_KOI8_FREQUENT = re.compile(rb"[\xc1\xc9\xcc\xcf\xd3\xd4\xd7]")
_CP1251_CAPITALS_FREQUENT = re.compile(rb"[\xc0\xc2\xc8\xcb\xcd\xd1\xd2]")
_UKRAINIAN = re.compile(rb"[\xa4\xa6\xa7\xad\xb4\xb6\xb7\xbd]")
_KOI8_SHARE = 0.85
_KANA_SHARE = 0.4
# Labels that browsers read as the Windows code page (WHATWG Encoding Standard, section 4.2).
_AS_WINDOWS = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "tis-620": "cp874"}
_AS_SUPERSET = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}
# Code pages that no browser knows and no files are found in today; they take short Cyrillic texts.
_NEVER_FILES = [
    "cp1006", "cp720", "cp737", "cp775", "cp856", "cp857", "cp858", "cp860", "cp861", "cp863",
    "cp864", "cp865", "cp869", "hp_roman8", "kz1048", "ptcp154", "mac_iceland", "mac_turkish",
    "mac_latin2", "mac_greek", "cp1125", "cp037", "cp273", "cp424", "cp500", "cp875", "cp1026",
    "cp1140",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters, and what a person should know about how they were found."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def read(path: Path, source: str) -> Document:
    """Return the document of a plain text file."""
    decoded = decode(path.read_bytes())
    return assemble(Origin(source, "txt"), [Block(decoded.text)], decoded.notes)


def decode(data: bytes, declared: str = "") -> Decoded:
    """Turn bytes into characters: by BOM, as UTF-8, as declared, or by what the bytes look like.

    Args:
        data: The whole file.
        declared: The encoding that the file claims for itself. It counts only if the bytes are not
            valid UTF-8, and fit.

    Raises:
        UnreadableDocument: The bytes are no text, or their encoding cannot be told.
    """
    text, encoding = (
        _by_bom(data) or _as_utf8(data) or _as(data, declared) or _by_habit(data) or _by_looks(data)
    )
    probe = text[:_PROBE_CHARS]
    if len(_CONTROL.findall(probe)) > _MOST_CONTROLS * len(probe):
        raise _no_text()
    notes = [f"Decoded as {encoding}."] if encoding not in ("utf-8", "utf-8-sig", "ascii") else []
    if nuls := text.count("\0"):
        notes.append(f"{nuls} NUL characters were read as blanks.")
    if bad := text.count("\N{REPLACEMENT CHARACTER}"):
        notes.append(f"{bad} characters could not be decoded.")
    return Decoded(text, encoding, tuple(notes))


def _by_bom(data: bytes) -> tuple[str, str] | None:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace"), encoding
    return None


def _as_utf8(data: bytes) -> tuple[str, str] | None:
    if _ISO_2022_JP.search(data, 0, _PROBE_BYTES):
        return _as(data, "iso2022_jp_ext")
    if _looks_like_utf16(data):
        return None
    return _as(data, "utf-8")


def _as(data: bytes, encoding: str) -> tuple[str, str] | None:
    """Decode strictly, or return None: the bytes do not fit, or Python knows no such encoding."""
    try:
        name = codecs.lookup(encoding).name
        name = _AS_SUPERSET.get(name) or _AS_WINDOWS.get(name) or name
        return data.decode(name), name
    except (LookupError, UnicodeError, ValueError):
        return None


def _looks_like_utf16(data: bytes) -> bool:
    """Tell whether every other byte is mostly NUL, as in UTF-16 of a Latin text without a BOM."""
    probe = data[:_PROBE_BYTES]
    half = len(probe) // 2
    return half > 1 and max(probe[::2].count(0), probe[1::2].count(0)) > 0.6 * half


def _by_looks(data: bytes) -> tuple[str, str]:
    if _looks_like_utf16(data):
        encoding = "utf-16-be" if data[::2].count(0) > data[1::2].count(0) else "utf-16-le"
        return data.decode(encoding, errors="replace"), encoding
    probe = data[:_PROBE_BYTES]
    found = latin_encoding(probe)
    if found is None:
        best = from_bytes(probe, cp_exclusion=_NEVER_FILES).best()
        if best is None:
            raise _no_text()
        found = best.encoding
    return data.decode(found, errors="replace"), found


def _by_habit(data: bytes) -> tuple[str, str] | None:
    """Know some encodings by bytes that only they use so.

    charset-normalizer 3.5.2 takes single sentences of them for others.
    """
    probe = data[:_PROBE_BYTES]
    if 2 * len(_EUC_KANA.findall(probe)) > _KANA_SHARE * len(_HIGH.findall(probe)):
        return _as(data, "euc_jp")
    if _looks_like_koi8(probe):
        return _as(data, "koi8_u" if _UKRAINIAN.search(probe) else "koi8_r")
    for encoding, typical, foreign in _HABITS:
        if len(typical.findall(probe)) >= _ENOUGH and not foreign.search(probe):
            return _as(data, encoding)
    return None


def _looks_like_koi8(probe: bytes) -> bool:
    runs = _HIGH_RUN.findall(probe)
    words = [run for run in runs if _KOI8_WORD.fullmatch(run)]
    enough = sum(map(len, words)) >= 2 * _ENOUGH and len(words) >= _KOI8_SHARE * len(runs)
    if not enough or not _KOI8_CAPITAL.search(probe):
        return False
    # Capitals of cp1251 have the bytes of small letters here, and one "кВА" among them a capital's.
    frequent = len(_KOI8_FREQUENT.findall(probe))
    return frequent > len(_CP1251_CAPITALS_FREQUENT.findall(probe))


def _no_text() -> UnreadableDocument:
    return UnreadableDocument(
        "Its bytes are no text in any known encoding.",
        "If it is text, save it as UTF-8.",
    )
