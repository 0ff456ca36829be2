"""A Unigram vocabulary as arrays, in which the pieces that some words may use are looked up.

Which pieces a word is cut into depends on those alone that occur in it, on the least score of all,
and on the unknown one. So a tokeniser that has no others cuts it in the same way, and is made in no
time (part_tokenizer.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from encoder.array_file import Arrays
from encoder.unigram_trie import UnfitVocabularyError

Ids = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

# Any odd number would do: two pieces with one hash are refused, and what a text has in common
# with a piece by chance is one piece more to choose from, which does not occur.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MODEL_FIELDS = {"type", "unk_id", "vocab", "byte_fallback"}
_TYPES = {
    "texts": "uint8",
    "ends": "int64",
    "scores": "float64",
    "hashes": "uint64",
    "ids": "int64",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a tokeniser does beside its vocabulary.

    Attributes:
        unknown: Id of the unknown piece.
        normalizer, pre_tokenizer: As tokenizer.json has them.
        before, after: Ids of the special tokens around a text.
        named: Texts that are one token wherever they stand; who meets one asks the tokeniser.
        size: All ids are below that, those of named tokens too.
        library: Version of the library that has read the vocabulary.
    """

    unknown: int
    normalizer: Any
    pre_tokenizer: Any
    before: tuple[int, ...]
    after: tuple[int, ...]
    named: tuple[str, ...]
    size: int
    library: str = tokenizers.__version__


@dataclass(frozen=True, slots=True)
class Pieces:
    """The arrays, and the rules.

    Attributes:
        texts: All pieces one after the other, UTF-8.
        ends: Where each ends there.
        scores: Log probability of each.
        hashes: Of all different pieces, sorted.
        ids: Which piece each of these hashes is.
        longest: Characters of the longest piece.
        rules: What else there is.
    """

    texts: npt.NDArray[np.uint8]
    ends: Ids
    scores: npt.NDArray[np.float64]
    hashes: Hashes
    ids: Ids
    longest: int
    rules: Rules

    def used_in(self, words: Sequence[str]) -> Ids:
        """Ids of all pieces that occur in the words, of the unknown, and of the least likely."""
        always = [self.rules.unknown, int(self.scores.argmin())]
        if not words:
            return np.unique(always)
        asked = _hashes_within(words, self.longest)
        at = np.searchsorted(self.hashes, asked)
        at[at == len(self.hashes)] = 0
        return np.unique(np.concatenate([self.ids[at[self.hashes[at] == asked]], always]))

    def vocabulary(self, ids: Ids) -> list[tuple[str, float]]:
        """The pieces of these ids with their scores."""
        spans = zip(np.where(ids > 0, self.ends[ids - 1], 0), self.ends[ids], strict=True)
        texts = [self.texts[start:end].tobytes().decode() for start, end in spans]
        return list(zip(texts, self.scores[ids].tolist(), strict=True))

    def arrays(self) -> Arrays:
        """All of it by name, as `from_arrays` takes it."""
        rules = {name: getattr(self.rules, name) for name in Rules.__slots__}
        told = json.dumps(rules | {"longest": self.longest}).encode()
        return {name: getattr(self, name) for name in _TYPES} | {
            "told": np.frombuffer(told, np.uint8)
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it of what `arrays` gave.

        Raises:
            ValueError: These are others, or made by another version of the library.
        """
        try:
            told = json.loads(arrays["told"].tobytes())
            longest = told.pop("longest")
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in told.items()
            }
            rules = Rules(**values)
            given = {name: arrays[name] for name in _TYPES}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"other arrays: {error!r}") from error
        if rules.library != tokenizers.__version__:
            raise ValueError(f"made with tokenizers {rules.library}")
        if {name: str(array.dtype) for name, array in given.items()} != _TYPES:
            raise ValueError("arrays of other types")
        of_pieces, of_hashes = (given["ends"], given["scores"]), (given["hashes"], given["ids"])
        if len({a.shape for a in of_pieces}) > 1 or len({a.shape for a in of_hashes}) > 1:
            raise ValueError("arrays of other shapes")
        return cls(**given, longest=longest, rules=rules)


def pieces_of(tokenizer: Tokenizer) -> Pieces:
    """Take a tokeniser apart: half a second.

    Raises:
        UnfitVocabularyError: It is no Unigram, or what it does cannot be told beforehand.
    """
    if not isinstance(tokenizer.model, Unigram):
        raise UnfitVocabularyError("its model is no Unigram")
    model = json.loads(tokenizer.model.__getstate__())
    if set(model) != _MODEL_FIELDS or model["byte_fallback"] or model["unk_id"] is None:
        raise UnfitVocabularyError("its Unigram has rules of its own")
    vocabulary = [piece for piece, _ in model["vocab"]]
    # Where two pieces are equal, the last one counts.
    id_of = {piece: number for number, piece in enumerate(vocabulary)}
    hashes = _hashes(list(id_of))
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    if (hashes[1:] == hashes[:-1]).any():
        raise UnfitVocabularyError("two of its pieces have the same hash")
    whole = [piece.encode() for piece in vocabulary]
    return Pieces(
        np.frombuffer(b"".join(whole), np.uint8),
        np.cumsum([*map(len, whole)], dtype=np.int64),
        np.array([score for _, score in model["vocab"]], np.float64),
        hashes,
        np.fromiter(id_of.values(), np.int64, len(id_of))[order],
        max(map(len, vocabulary)),
        _rules(tokenizer, model["unk_id"]),
    )


def _rules(tokenizer: Tokenizer, unknown: int) -> Rules:
    normalizer, pre_tokenizer, post_processor = (
        None if part is None else json.loads(part.__getstate__())
        for part in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.post_processor)
    )
    before, after = _around(post_processor)
    added = tokenizer.get_added_tokens_decoder()
    size = max([tokenizer.get_vocab_size(), *(number + 1 for number in added)])
    named = {token.content for token in added.values()}
    if tokenizer.normalizer is not None:
        named |= {tokenizer.normalizer.normalize_str(name) for name in named}
    return Rules(unknown, normalizer, pre_tokenizer, before, after, tuple(sorted(named)), size)


def _around(post_processor: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of what a template puts before a text and after it."""
    if post_processor is None:
        return (), ()
    steps = post_processor.get("single", ())
    texts = [at for at, step in enumerate(steps) if "Sequence" in step]
    if post_processor["type"] != "TemplateProcessing" or len(texts) != 1:
        raise UnfitVocabularyError("what stands around a text is not told by a template")
    ids_of = {name: token["ids"] for name, token in post_processor["special_tokens"].items()}
    before, after = (
        tuple(number for step in part for number in ids_of[step["SpecialToken"]["id"]])
        for part in (steps[: texts[0]], steps[texts[0] + 1 :])
    )
    return before, after


def _code_points(text: str) -> Hashes:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes.astype(np.uint64)


def _hashes(pieces: Sequence[str]) -> Hashes:
    """A number for each piece."""
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    codes, starts = _code_points("".join(pieces)), np.cumsum(lengths) - lengths
    hashes = np.zeros(len(pieces), np.uint64)
    for at in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > at)
        hashes[longer] = hashes[longer] * _FACTOR + codes[starts[longer] + at]
    return hashes


def _hashes_within(words: Sequence[str], longest: int) -> Hashes:
    """The same number for whatever stands within a word, up to so many characters."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    codes = _code_points("".join(words))
    place = np.arange(len(codes))
    room = np.repeat(np.cumsum(lengths), lengths) - place
    hashes, found = np.zeros(len(codes), np.uint64), []
    for at in range(longest):
        inside = room > at
        place, room, hashes = place[inside], room[inside], hashes[inside]
        if not len(place):
            break
        hashes = hashes * _FACTOR + codes[place + at]
        found.append(hashes)
    return np.concatenate(found)
