"""text -> where its tokens end: what passages are cut by.

A tokeniser that cuts at white space first and then looks at each word alone, as XLM-R's does, gives
a word the same tokens wherever it stands. So each word is tokenised once and remembered; the rest
is numpy.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from threading import Lock

import numpy as np
from tokenizers import Tokenizer

from encoder.spec import TokenEnds

# 6 MB of text in 29 languages have 106,000 different words of 1.2 million characters.
MEMORY_CHARS = 4_000_000
# The tokeniser gets several texts of about this length at once, so that it can use all cores.
BATCH_CHARS = 8_192
LEARN_CHARS = 4_096
# Control characters at which Python splits, and which the tokeniser deletes without splitting.
_SPLIT_BY_PYTHON_ONLY = re.compile("[\x0b\x1c-\x1f]")
_LAST_SPACE = 0x3000
_IS_SPACE = np.array([chr(code).isspace() for code in range(_LAST_SPACE + 1)] + [False])


def token_ends_by(tokenizer: Tokenizer) -> Callable[[str], TokenEnds]:
    """Return what tells where the tokens of a text end; keep it, for it remembers words."""
    if words_stand_alone(tokenizer):
        return WordMemory(tokenizer).token_ends
    return lambda text: token_ends(tokenizer, [text])[0]


def words_stand_alone(tokenizer: Tokenizer) -> bool:
    """Tell whether a tokeniser cuts at white space before anything else."""
    rules = json.loads(tokenizer.to_str())["pre_tokenizer"] or {}
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


class WordMemory:
    """The tokens of the words met so far, of a tokeniser whose words stand alone.

    Safe to use from several threads.

    Attributes:
        memory_chars: It is emptied when its words have more characters.
        learn_chars: Shorter texts, such as passages that were cut, are not learnt from.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        memory_chars: int = MEMORY_CHARS,
        learn_chars: int = LEARN_CHARS,
    ) -> None:
        self.memory_chars = memory_chars
        self.learn_chars = learn_chars
        self._tokenizer = tokenizer
        self._lock = Lock()
        self._forget()

    def token_ends(self, text: str) -> TokenEnds:
        """The same as the function `token_ends` of one text."""
        words = text.split()
        with self._lock:
            unknown = {word for word in words if word not in self._number_of}
            if _SPLIT_BY_PYTHON_ONLY.search(text) or (unknown and len(text) < self.learn_chars):
                return token_ends(self._tokenizer, [text])[0]
            if self._chars > self.memory_chars:
                self._forget()
                unknown = set(words)
            self._learn(sorted(unknown))
            counts, ends = self._recalled(words)
        return ends + np.repeat(_word_starts(text), counts)

    def _recalled(self, words: Sequence[str]) -> tuple[TokenEnds, TokenEnds]:
        """Of known words: how many tokens each has; all their ends, each from its word's start."""
        numbers = np.fromiter(map(self._number_of.__getitem__, words), np.int64, len(words))
        counts = self._first[numbers + 1] - self._first[numbers]
        # For each word the range of its entries in _ends, all ranges one after another.
        before = np.cumsum(counts) - counts
        entries = np.arange(counts.sum()) + np.repeat(self._first[numbers] - before, counts)
        return counts, self._ends[entries]

    def _forget(self) -> None:
        self._chars = 0
        self._number_of: dict[str, int] = {}
        # Number n has the entries _first[n] to _first[n + 1], counted from the word's start.
        self._first = np.zeros(1, np.int64)
        self._ends = np.empty(0, np.int64)

    def _learn(self, words: Sequence[str]) -> None:
        if not words:
            return
        batches = list(_batches(words))
        tokens = token_ends(self._tokenizer, ["\n".join(batch) for batch in batches])
        counts, ends = [self._first], [self._ends]
        last = self._first[-1]
        for batch, found in zip(batches, tokens, strict=True):
            lengths = np.fromiter(map(len, batch), np.int64, len(batch))
            word_ends = np.cumsum(lengths + 1) - 1
            # A first token may be the mark of a word's start alone, and end where the word starts.
            word = np.searchsorted(word_ends, found, side="left")
            ends.append(found - (word_ends - lengths)[word])
            counts.append(last + np.cumsum(np.bincount(word, minlength=len(batch))))
            last = counts[-1][-1]
        self._first, self._ends = np.concatenate(counts), np.concatenate(ends)
        number = len(self._number_of)
        self._number_of.update(
            zip(chain.from_iterable(batches), range(number, number + len(words)), strict=True)
        )
        self._chars += sum(map(len, words))


def _batches(words: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for word in words:
        if batch and size + len(word) > BATCH_CHARS:
            yield batch
            batch, size = [], 0
        batch.append(word)
        size += len(word) + 1
    yield batch


def _word_starts(text: str) -> TokenEnds:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    spaces = _IS_SPACE[np.minimum(codes, _LAST_SPACE + 1)]
    after_space = np.concatenate(([True], spaces[:-1]))
    return np.flatnonzero(after_space & ~spaces)
