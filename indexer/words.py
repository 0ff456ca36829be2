"""text -> words, in every script: what the words of passages and of questions are compared by.

ICU finds the words. Each is kept in one spelling (NFKC, case folded, digits as in ASCII, simplified
characters for traditional ones); marks and accents stay. Beside it stand weaker forms, so that a
question may spell or inflect it otherwise: without accents (Latin, Greek), without the article and
prefixes of Arabic and Hebrew, without their optional vowels, the parts of "name.py". What carries
marks inside ("EM-40", "--no-pager", "v2.3.1") is one form more, as it stands.

In scripts without spaces a word is where a dictionary sees one, and it may see another in the
question. So these are also kept as pairs of neighbouring characters, in order: a word of a question
is found wherever its characters stand. Korean, which adds endings to its words, is kept so too.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from indexer.boundaries import word_spans

if TYPE_CHECKING:
    from opencc import OpenCC

# Counts up whenever the words of a text change: an index made by another version is made anew.
WORDS_VERSION = 1
# Longer ones are cut: no word that anyone looks for, and an index holds no term without end.
MOST_CHARS = 64

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = (
    f"{_HAN}\u3040-\u30ff\u31f0-\u31ff\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\u1780-\u17ff\uac00-\ud7af"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_ONE_HAN = re.compile(f"[{_HAN}]")
# NFKC takes the Thai and Lao "am" apart, and ICU's dictionaries do not know it so.
_TORN_AM = re.compile("([\u0e4d\u0ecd])([\u0e48-\u0e4b\u0ec8-\u0ecb]?)([\u0e32\u0eb2])")
_CODE = re.compile(r"(?<![\w-])-{0,2}[a-z0-9]+(?:[-._/+#@:&=]+[a-z0-9]+)*[+#]{0,2}(?!\w)")
_MARK_INSIDE = re.compile(r"[^a-z0-9]")
_NUMBER = re.compile(r"\d+(?:[.,\u066b\u066c'’\u00a0 ]\d+)+")
_ACCENTED = re.compile("[\u00c0-\u024f\u0370-\u03ff\u1e00-\u1fff]")

# Optional in writing: vowels of Arabic and Hebrew, and the stroke that only stretches a word.
_POINTS = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0670]")
_ARABIC = re.compile("[\u0620-\u06ff]")
_HEBREW = re.compile("[\u05d0-\u05ea]")
_ARABIC_SPELLINGS = str.maketrans("أإآٱىیةکؤئ", "اااايي\u0647كوي")
# "and", "so", then "in", "like", "for", then the article; "for the" is written together.
_ARABIC_PREFIX = re.compile("(?:[وف]?[بك]?ال|[وف]?لل|[وف][بكل]?|[بكل])(?=.{3})")
# "and", "that", "when", "from", "in", "to", "like", then the article.
_HEBREW_PREFIX = re.compile("ו?(?:כש|מש|[שבכלמ])?ה?(?=.{3})")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text.

    Attributes:
        words: In reading order.
        forms: Weaker and additional spellings of them; in no order, each once.
        grams: Pairs of neighbouring characters of unspaced scripts in reading order, "|" between
            two runs of them.
    """

    words: tuple[str, ...]
    forms: tuple[str, ...]
    grams: tuple[str, ...]


def find_words(text: str) -> Words:
    """Find the words of a text, whatever script or mixture of scripts it is in."""
    text = spelling(text)
    words = tuple(word_tokens(text))
    forms = {form for word in set(words) for form in (*word_forms(word), *word_parts(word))}
    forms.update(codes(text), _ONE_HAN.findall(text))
    return Words(words, tuple(sorted(forms)), tuple(_grams(text)))


def spelling(text: str) -> str:
    """A text in the one spelling that its words are compared in."""
    text = text.encode("utf-8", "replace").decode()  # no half of a pair, which no index takes
    text = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    text = _TORN_AM.sub(lambda m: m[2] + chr(ord(m[3]) + 1), text)
    if not text.isascii():
        text = "".join(_ascii_digit(ch) for ch in text)
        if _ONE_HAN.search(text):
            text = str(_simplified().convert(text))
    return text


def word_tokens(text: str) -> Iterator[str]:
    """The words of a text in the one spelling, in reading order."""
    for start, end in word_spans(text):
        word = text[start:end][:MOST_CHARS]
        if any(map(str.isalnum, word)):
            yield "".join(word.split())


def word_forms(word: str) -> Iterator[str]:
    """Weaker spellings of a word."""
    if word.isascii():
        if _NUMBER.fullmatch(word):
            yield re.sub(r"\D", "", word)
        return
    bare = _POINTS.sub("", word)
    if _ARABIC.search(bare):
        bare = bare.translate(_ARABIC_SPELLINGS)
        yield from _without(_ARABIC_PREFIX, bare)
    elif _HEBREW.search(bare):
        yield from _without(_HEBREW_PREFIX, bare)
    elif _ACCENTED.search(bare):
        apart = unicodedata.normalize("NFD", bare)
        bare = "".join(ch for ch in apart if not unicodedata.combining(ch))
    if bare and bare != word:
        yield bare


def word_parts(word: str) -> Iterator[str]:
    """The parts of a word with marks inside: a question for one of them finds the whole."""
    parts = [part for part in re.split(r"[^a-z0-9]+", word) if part] if word.isascii() else []
    if len(parts) > 1:
        yield from parts


def codes(text: str) -> Iterator[str]:
    """What carries marks inside, as it stands: "em-40", "--no-pager", "c++"."""
    for match in _CODE.finditer(text):
        code = match[0]
        if _MARK_INSIDE.search(code) and len(code) <= MOST_CHARS:
            yield code


def pairs(run: str) -> list[str]:
    """The pairs of neighbouring characters of a run."""
    return [a + b for a, b in pairwise(run)]


def is_unspaced(word: str) -> bool:
    """Whether a word is in a script whose words are kept as pairs of characters too."""
    return _RUN.fullmatch(word) is not None


def _grams(text: str) -> Iterator[str]:
    for match in _RUN.finditer(text):
        if len(match[0]) > 1:
            yield from pairs(match[0])
            yield "|"


def _without(prefix: re.Pattern[str], word: str) -> Iterator[str]:
    match = prefix.match(word)
    if match and match[0]:
        yield word[match.end() :]


def _ascii_digit(ch: str) -> str:
    return str(unicodedata.decimal(ch)) if ch.isdecimal() else ch


@cache
def _simplified() -> "OpenCC":
    """The table of traditional characters, read when Chinese is first met."""
    from opencc import OpenCC

    return OpenCC("t2s")
