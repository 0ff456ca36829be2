"""Where a text may be cut: sentence ends, word ends, graphemes, in every script, found by ICU."""

import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from icu4py.breakers import (
    BaseBreaker,
    CharacterBreaker,
    LineBreaker,
    SentenceBreaker,
    WordBreaker,
)

Offsets = npt.NDArray[np.int64]

# ICU's rules are the same for all locales that matter here; its dictionaries (Thai, Lao, Khmer,
# Burmese, Chinese, Japanese) are chosen by script and not by locale.
LOCALE = "en"
# Context before a cut, so that a dictionary or a grapheme rule sees what it needs.
CONTEXT_CHARS = 64

_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_PARAGRAPH_END = re.compile(r"\n\s*\n\s*")


def sentence_ends(text: str) -> Offsets:
    """Offsets where a sentence and the space after it end, the end of the text included."""
    return _breaks(SentenceBreaker(text, LOCALE), text)


def paragraph_ends(text: str) -> Offsets:
    """Offsets after each blank line."""
    return np.fromiter((m.end() for m in _PARAGRAPH_END.finditer(text)), np.int64)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of the words of a text and of what stands between them, in order."""
    ends = [0, *_breaks(WordBreaker(text, LOCALE), text).tolist()]
    return list(pairwise(ends))


def last_word_end(text: str, low: int, high: int) -> int | None:
    """The last offset in (low, high] where a line could be broken; None if there is none.

    A place after white space wins over one inside a run of unspaced script, where it is near:
    Thai, Lao and Khmer put spaces between phrases.
    """
    start = max(0, low - CONTEXT_CHARS)
    part = text[start : high + CONTEXT_CHARS]
    ends = _breaks(LineBreaker(part, LOCALE), part) + start
    ends = ends[(ends > low) & (ends <= high)]
    if not len(ends):
        return None
    spaced = [int(end) for end in ends[-16:] if text[int(end) - 1].isspace()]
    return spaced[-1] if spaced else int(ends[-1])


def last_grapheme_end(text: str, low: int, high: int) -> int | None:
    """The last offset in (low, high] between two graphemes; None if there is none."""
    start = max(low, high - CONTEXT_CHARS)
    part = text[start : high + CONTEXT_CHARS]
    ends = _breaks(CharacterBreaker(part, LOCALE), part) + start
    ends = ends[(ends > low) & (ends <= high)]
    return int(ends[-1]) if len(ends) else None


def _breaks(breaker: BaseBreaker, text: str) -> Offsets:
    """Ends of the segments in code points; ICU counts UTF-16 units (seen in icu4py 1.2.0)."""
    ends = np.fromiter((end for _, end in breaker.segments()), np.int64)
    if text.isascii() or not _BEYOND_BMP.search(text):
        return ends
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    utf16_ends = np.cumsum(1 + (code_points > 0xFFFF))
    return np.searchsorted(utf16_ends, ends, side="left").astype(np.int64) + (ends > 0)
