"""A tokeniser that is not read as a whole: each text is cut by a small part of its vocabulary.

Reading a vocabulary of 250,000 pieces takes the tokenizers library most of a second. For a question
it is enough to give the library those pieces that occur in it: it cuts, and everything about a
token, normal forms and equals included, is decided by the same code.
"""

import json
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple, Protocol

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from encoder.pieces import Pieces, Rules

# From so many characters on the whole is read: in parts they would have taken as long by now.
WHOLE_AT_CHARS = 400_000


class Encoded(Protocol):
    """The tokens of a text."""

    @property
    def ids(self) -> list[int]: ...

    @property
    def offsets(self) -> list[tuple[int, int]]: ...


class Tokeniser(Protocol):
    """What cuts texts as a model has learned it: a part or a whole."""

    def encode_batch(
        self, input: list[str], *, add_special_tokens: bool = True
    ) -> Sequence[Encoded]: ...


class _Tokens(NamedTuple):
    ids: list[int]
    offsets: list[tuple[int, int]]


class PartTokenizer:
    """Cuts texts by parts of a vocabulary, and by the whole where that is the quicker way."""

    def __init__(self, pieces: Pieces, read_whole: Callable[[], Tokenizer]) -> None:
        """Make one.

        Args:
            pieces: Its vocabulary and rules.
            read_whole: Reads the tokeniser that they were taken from.

        Raises:
            ValueError: The library does not know the rules.
        """
        self._pieces = pieces
        self._read_whole = read_whole
        self._steps = _without_vocabulary(pieces.rules)
        self._lock = Lock()
        self._whole: Tokenizer | None = None
        self._chars = 0

    @property
    def whole(self) -> Tokenizer:
        """All of it, read now if it was not before."""
        with self._lock:
            if self._whole is None:
                self._whole = self._read_whole()
            return self._whole

    @property
    def size(self) -> int:
        """How many tokens there are: all ids are below that."""
        return self._pieces.rules.size

    @property
    def pre_tokenizer(self) -> Any:
        """The step that cuts texts into words."""
        return self._steps.pre_tokenizer

    def encode_batch(
        self, input: list[str], *, add_special_tokens: bool = True
    ) -> Sequence[Encoded]:
        """Cut texts: the tokens of each are those that the whole gives."""
        self._chars += sum(map(len, input))
        if self._whole is None and self._chars < WHOLE_AT_CHARS:
            found = self._by_a_part(input, add_special_tokens)
            if found is not None:
                return found
        known: Sequence[Encoded] = self.whole.encode_batch(
            input, add_special_tokens=add_special_tokens
        )
        return known

    def _by_a_part(self, texts: list[str], special: bool) -> list[_Tokens] | None:
        """Cut texts by the pieces that occur in them; None where one names a token."""
        rules, steps = self._pieces.rules, self._steps
        words: set[str] = set()
        for text in texts:
            normal = steps.normalizer.normalize_str(text) if steps.normalizer else text
            if any(name in text or name in normal for name in rules.named):
                return None
            cut = steps.pre_tokenizer.pre_tokenize_str(normal) if steps.pre_tokenizer else ()
            words.update([word for word, _ in cut] if steps.pre_tokenizer else [normal])
        ids = self._pieces.used_in([*words])
        unknown = int(np.searchsorted(ids, rules.unknown))
        part = Tokenizer(Unigram(self._pieces.vocabulary(ids), unknown, False))
        if steps.normalizer:
            part.normalizer = steps.normalizer
        if steps.pre_tokenizer:
            part.pre_tokenizer = steps.pre_tokenizer
        before, after = (rules.before, rules.after) if special else ((), ())
        nowhere = (0, 0)
        return [
            _Tokens(
                [*before, *ids[encoded.ids].tolist(), *after],
                [*(nowhere for _ in before), *encoded.offsets, *(nowhere for _ in after)],
            )
            for encoded in part.encode_batch(texts, add_special_tokens=False)
        ]


def _without_vocabulary(rules: Rules) -> Tokenizer:
    """A tokeniser of which only the first steps are of use."""
    content = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": rules.normalizer,
        "pre_tokenizer": rules.pre_tokenizer,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0]], "byte_fallback": False},
    }
    try:
        return Tokenizer.from_str(json.dumps(content))
    except Exception as error:  # tokenizers raises bare Exception for every kind of bad file
        raise ValueError(f"rules that are not known here: {error}") from error
