"""Texts in Latin letters of an unknown encoding: which one gives words that a language has.

They have a handful of bytes above ASCII, too few for statistics of encodings. But read in a wrong
encoding they become letters that the language does not have, whose words ASCII shows. A long text
is what most of its parts are, as names and quotations bring in letters of other languages.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from indexer.language import detect_language

# Encoding -> language -> its letters beyond ASCII, by CLDR's main and auxiliary exemplars, in the
# order of how often files are found in each encoding.
_WESTERN = {
    "af": "áäéèêëíîïóôöúûü", "br": "âêñôùûü", "ca": "àáçèéíïòóúü·", "da": "åæøéáíóúäöü",
    "de": "äöüßéèà", "en": "àáâäæçèéêëíîïñóôöùúûüœ", "es": "áéíñóúüªº", "eu": "çñáéíóúü",
    "fi": "äåöšžéü", "fo": "áæðíóúýø", "fr": "àâæçèéêëîïôœùûüÿ", "ga": "áéíóú", "gl": "áéíïñóúü",
    "id": "éè", "is": "áæðéíóöúýþ", "it": "àèéìíîòóùú", "lb": "äëéèêâîôöûü", "ms": "é",
    "nl": "áäèéêëíïóöúüç", "nn": "åæøéèêòóôàü", "no": "åæøéèêòóôàüä", "oc": "àáçèéíïòóúü",
    "pt": "ªºàáâãçèéêíóôõúü", "sq": "çë", "sv": "åäöéàáèëüæø", "sw": "é", "tl": "ñáéíóúâêîôû",
}  # fmt: skip
_CENTRAL = {
    "bs": "čćđšž", "cs": "áčďéěíňóřšťúůýžöü", "hr": "čćđšž", "hu": "áéíóöőúüűä",
    "pl": "ąćęłńóśźżéöü", "ro": "ăâîşţ", "sk": "áäčďéíĺľňóôŕšťúýžö", "sl": "čšžćđ",
    "sq": "çë", "sr": "čćđšž",
}  # fmt: skip
_ALPHABETS = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1254": {"ku": "çêîşû", "tr": "çğıöşüâîû"},
    "cp1257": {"et": "äöõüšž", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūžō"},
    "cp850": _WESTERN,
    "cp852": _CENTRAL,
    "mac_roman": _WESTERN,
}
_OLD = ("cp850", "cp852", "mac_roman")
# In a wrong encoding, letters become signs inside words, and signs control characters.
_WRONG = re.compile(
    r"(?<=[^\W\d_])[^\w\s\x00-\x7f’‘´·\xad](?=[^\W\d_])|[^\W\d_][¹²³¼½¾]|[\x80-\x9f]"
)
_PART = re.compile(rb"(?s).{1,1000}(?!\S)|.{1,1000}")
_MOST_PARTS = 16
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_ASCII_LETTER = re.compile(rb"[A-Za-z]")
# High bytes stand alone, by twos or threes, among so many ASCII letters for each.
_LONGEST_RUN, _LETTERS = 3, 2


def latin_encoding(data: bytes) -> str | None:
    """Return the encoding in which a text is words of a language that is written in it.

    Of a long text the first parts that are not plain ASCII are asked; more than half must agree.

    Returns:
        None where it is none of these languages, or in none of these encodings.
    """
    parts = (match[0] for match in _PART.finditer(data) if not match[0].isascii())
    found = Counter(map(_encoding_of_part, islice(parts, _MOST_PARTS)))
    for encoding, number in found.items():
        if encoding and 2 * number > found.total():
            return encoding
    return None


def _encoding_of_part(data: bytes) -> str | None:
    """Return the encoding of some sentences.

    Where no language is known, as of single words, the letters of any will do, but for encodings
    of DOS and old Macs.
    """
    runs = [len(run) for run in _HIGH_RUN.findall(data)]
    if max(runs) > _LONGEST_RUN or len(_ASCII_LETTER.findall(data)) < _LETTERS * sum(runs):
        return None
    found = list(_readings(data))
    for encoding, text, letters in found:
        if letters <= set(_ALPHABETS[encoding].get(detect_language(text), "")):
            return encoding
    for encoding, _, letters in found:
        if encoding not in _OLD and any(letters <= set(a) for a in _ALPHABETS[encoding].values()):
            return encoding
    return None


def _readings(data: bytes) -> Iterator[tuple[str, str, set[str]]]:
    """Encoding, text and its letters beyond ASCII, where nothing shows that it is wrong."""
    for encoding in _ALPHABETS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _WRONG.search(text):
            yield encoding, text, {c for c in text.lower() if c > "\x7f" and c.isalpha()}
