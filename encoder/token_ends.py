"""text -> where its tokens end: what passages are cut by.

A tokeniser that cuts at white space first and then looks at each word alone, as XLM-R's does, gives
a word the same tokens wherever it stands. So each word is tokenised once and remembered; the rest
is numpy. Many new words are cut at once where the tokeniser is of a kind that can be (unigram.py).
"""

import json
import re
from collections.abc import Callable, Sequence
from itertools import compress, pairwise
from operator import itemgetter
from pathlib import Path
from threading import Lock

import numpy as np
from tokenizers import Tokenizer

from encoder.part_tokenizer import PartTokenizer
from encoder.spec import TokenEnds
from encoder.unigram import ManyWords
from encoder.unigram_file import ManyWordsLater

# 6 MB of text in 29 languages have 106,000 different words of 1.2 million characters.
MEMORY_CHARS = 4_000_000
# The tokeniser gets several texts of about this length at once, so that it can use all cores.
BATCH_CHARS = 1_024
# Control characters at which Python splits, and which the tokeniser deletes without splitting.
_SPLIT_BY_PYTHON_ONLY = re.compile("[\x0b\x1c-\x1f]")
_LAST_SPACE = 0x3000
_IS_SPACE = np.array([chr(code).isspace() for code in range(_LAST_SPACE + 1)] + [False])


def token_ends_by(tokenizer: Tokenizer, tokenizer_file: Path) -> Callable[[str], TokenEnds]:
    """Return what tells where the tokens of a text end; keep it, for it remembers words.

    Args:
        tokenizer: What cuts texts into tokens.
        tokenizer_file: What it was read from.
    """
    if words_stand_alone(tokenizer):
        many_words = ManyWordsLater(tokenizer, tokenizer_file)
        return WordMemory(tokenizer, many_words=many_words).token_ends
    return lambda text: token_ends(tokenizer, [text])[0]


def words_stand_alone(tokenizer: Tokenizer | PartTokenizer) -> bool:
    """Tell whether a tokeniser cuts at white space before anything else."""
    # Not by `to_str`: that spells out the vocabulary, half a second to read.
    given = tokenizer.pre_tokenizer
    rules = {} if given is None else json.loads(given.__getstate__())
    first = rules["pretokenizers"][0] if rules.get("type") == "Sequence" else rules
    return bool(first.get("type") == "WhitespaceSplit")


def token_ends(tokenizer: Tokenizer, texts: Sequence[str]) -> list[TokenEnds]:
    """Where each token of each text ends, in code points, never decreasing."""
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    found = []
    for offsets in (encoding.offsets for encoding in encodings):
        ends = np.fromiter(map(itemgetter(1), offsets), np.int64, len(offsets))
        found.append(np.maximum.accumulate(ends))
    return found


class _Numbers:
    """An array that grows at its end; a view of what it holds is `all`."""

    def __init__(self) -> None:
        self._room = np.zeros(1024, np.int64)
        self.all = self._room[:0]

    def extend(self, numbers: TokenEnds) -> None:
        size = len(self.all) + len(numbers)
        if size > len(self._room):
            room = np.empty(2 * size, np.int64)
            room[: len(self.all)] = self.all
            self._room = room
        self._room[len(self.all) : size] = numbers
        self.all = self._room[:size]


class WordMemory:
    """The tokens of the words met so far, of a tokeniser whose words stand alone.

    Safe to use from several threads.

    Attributes:
        memory_chars: It is emptied when its words have more characters.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        memory_chars: int = MEMORY_CHARS,
        many_words: Callable[[int], ManyWords | None] = lambda chars: None,
    ) -> None:
        self.memory_chars = memory_chars
        self._tokenizer = tokenizer
        self._many_words = many_words
        self._lock = Lock()
        self._forget()

    def token_ends(self, text: str) -> TokenEnds:
        """The same as the function `token_ends` of one text."""
        if _SPLIT_BY_PYTHON_ONLY.search(text):
            return token_ends(self._tokenizer, [text])[0]
        words = text.split()
        with self._lock:
            if self._chars > self.memory_chars:
                self._forget()
            self._learn(list(set(words).difference(self._number_of)))
            counts, ends = self._recalled(words)
        return ends + np.repeat(_word_starts(text), counts)

    def _recalled(self, words: Sequence[str]) -> tuple[TokenEnds, TokenEnds]:
        """Of known words: how many tokens each has; all their ends, each from its word's start."""
        numbers = np.fromiter(map(self._number_of.__getitem__, words), np.int64, len(words))
        first = self._first.all[numbers]
        counts = self._first.all[numbers + 1] - first
        # For each word the range of its entries in _ends, all ranges one after another.
        before = np.cumsum(counts) - counts
        entries = np.arange(counts.sum()) + np.repeat(first - before, counts)
        return counts, self._ends.all[entries]

    def _forget(self) -> None:
        self._chars = 0
        self._number_of: dict[str, int] = {}
        # Number n has the entries _first[n] to _first[n + 1], counted from the word's start.
        self._first, self._ends = _Numbers(), _Numbers()
        self._first.extend(np.zeros(1, np.int64))

    def _learn(self, words: Sequence[str]) -> None:
        if not words:
            return
        size = sum(map(len, words))
        self._chars += size
        at_once = self._many_words(size)
        if at_once is not None:
            cut = at_once.cut(words)
            self._remember([*compress(words, cut.known)], cut.counts, cut.ends)
            words = [*compress(words, ~cut.known)]
        if words:
            self._remember(words, *tokenised(self._tokenizer, words))

    def _remember(self, words: Sequence[str], counts: TokenEnds, ends: TokenEnds) -> None:
        self._first.extend(self._first.all[-1] + np.cumsum(counts))
        self._ends.extend(ends)
        known = len(self._number_of)
        self._number_of.update(zip(words, range(known, known + len(words)), strict=True))


def tokenised(tokenizer: Tokenizer, words: Sequence[str]) -> tuple[TokenEnds, TokenEnds]:
    """How many tokens each word has; all their ends, each from its word's start."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    line_ends = np.cumsum(lengths + 1) - 1
    # The words as lines, about BATCH_CHARS in a batch; where each begins, and where all end.
    marks = np.arange(0, line_ends[-1], BATCH_CHARS)
    firsts = np.unique(np.searchsorted(line_ends, marks, side="right"))
    bounds = [*firsts.tolist(), len(words)]
    batches = ["\n".join(words[start:end]) for start, end in pairwise(bounds)]
    places = line_ends[firsts] - lengths[firsts]
    found = token_ends(tokenizer, batches)
    tokens = np.concatenate([ends + at for at, ends in zip(places, found, strict=True)])
    # A first token may be the mark of a word's start alone, and end where the word starts.
    word = np.searchsorted(line_ends, tokens, side="left")
    counts = np.bincount(word, minlength=len(words))
    return counts, tokens - (line_ends - lengths)[word]


def _word_starts(text: str) -> TokenEnds:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    spaces = _IS_SPACE[np.minimum(codes, _LAST_SPACE + 1)]
    after_space = np.concatenate(([True], spaces[:-1]))
    return np.flatnonzero(after_space & ~spaces)
