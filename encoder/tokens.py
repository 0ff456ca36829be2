"""text -> token ids: with the start and end tokens that the model was trained with, cut to fit."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.part_tokenizer import PartTokenizer, Tokeniser
from encoder.pieces_file import open_tokenizer
from encoder.quiet import quiet_transformers
from encoder.spec import EncoderSpec, TokenEnds
from encoder.templates import valid_text
from encoder.token_ends import token_ends_by, words_stand_alone
from encoder.weights import anew, told

TOKENIZER_FILE = "tokenizer.json"
# A word, nothing, and what hardly a vocabulary knows.
_TRIED = ("a", "", "query: 儃 \U0010fffd?")


class TextTokens:
    """The tokeniser of an encoder; made by `open`."""

    def __init__(
        self,
        tokenizer: PartTokenizer | Tokenizer,
        file: Path,
        max_tokens: int,
        appended: int | None,
    ) -> None:
        self._tokenizer = tokenizer
        self._file = file
        self._max_tokens = max_tokens
        self._appended = appended
        whole, bare = _ids(tokenizer, "a"), _bare(tokenizer, "a")
        self._keeps_end = appended is not None or whole[-1:] != bare[-1:]

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path) -> Self:
        """Read the tokeniser from a Hugging Face folder.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: It adds other tokens around a text than the spec says.
        """
        file = folder / TOKENIZER_FILE
        tokenizer: PartTokenizer | Tokenizer
        if spec.add_bos is None or spec.add_eos is None:
            tokenizer = _unlimited(_as_transformers_reads_it(spec, folder))
        else:
            tokenizer = open_tokenizer(file, lambda: _unlimited(_from_file(spec, folder)))
        _try(tokenizer, spec, folder)
        return cls(tokenizer, file, spec.max_tokens, _token_to_append(spec, tokenizer, folder))

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokeniser as the library reads it whole."""
        held = self._tokenizer
        return held.whole if isinstance(held, PartTokenizer) else held

    @property
    def size(self) -> int:
        """How many tokens there are: all ids are below that."""
        held = self._tokenizer
        if isinstance(held, PartTokenizer):
            return held.size
        if isinstance(held.model, Unigram) and not held.get_added_tokens_decoder():
            return held.get_vocab_size()
        return 1 + max(held.get_vocab().values())

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, however long, start and end tokens included."""
        tail = [] if self._appended is None else [self._appended]
        encodings = self._tokenizer.encode_batch([*map(valid_text, texts)])
        return [encoding.ids + tail for encoding in encodings]

    def placed(self, texts: Sequence[str]) -> list[tuple[list[int], npt.NDArray[np.int64]]]:
        """Token ids, cut to fit, and their half-open spans in each text, shape (tokens, 2).

        The span of what stands for nothing in the text, as start and end tokens do, is empty.
        """
        tail = [] if self._appended is None else [self._appended]
        found = []
        for encoding in self._tokenizer.encode_batch([*map(valid_text, texts)]):
            whole = encoding.ids + tail
            ids = self.cut(whole)
            spans = np.zeros((len(ids), 2), np.int64)
            kept = len(ids) - (len(ids) < len(whole) and self._keeps_end)
            known = encoding.offsets[:kept]
            spans[: len(known)] = known
            found.append((ids, spans))
        return found

    def ends(self, text: str) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self._ends(valid_text(text))

    @cached_property
    def _ends(self) -> Callable[[str], TokenEnds]:
        # Not at once: a search never asks.
        return token_ends_by(self.tokenizer, self._file)

    @cached_property
    def words_stand_alone(self) -> bool:
        """Whether what stands between two blanks has the same tokens wherever it stands."""
        return words_stand_alone(self._tokenizer)

    def cut(self, ids: list[int]) -> list[int]:
        """Cut what exceeds the limit off the text, not the end token."""
        if len(ids) <= self._max_tokens:
            return ids
        if self._keeps_end:
            return ids[: self._max_tokens - 1] + ids[-1:]
        return ids[: self._max_tokens]


def _unlimited(tokenizer: Tokenizer) -> Tokenizer:
    """Have it neither cut nor fill texts."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _from_file(spec: EncoderSpec, folder: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # tokenizers raises bare Exception for every kind of bad file
        raise _unreadable(spec, folder, error) from error


def _as_transformers_reads_it(spec: EncoderSpec, folder: Path) -> Tokenizer:
    """Read it with tokenizer_config.json, whose class may add tokens that tokenizer.json lacks."""
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            wrapper = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:  # as above
        raise _unreadable(spec, folder, error) from error
    if not getattr(wrapper, "is_fast", False):
        raise EncoderRefused(
            f"The tokeniser of {spec.name} is not one of the tokenizers library.",
            "Use a model that has a tokenizer.json.",
        )
    return Tokenizer.from_str(wrapper.backend_tokenizer.to_str())


def _unreadable(spec: EncoderSpec, folder: Path, error: Exception) -> EncoderNotAvailable:
    return EncoderNotAvailable(
        f"The tokeniser of {spec.name} cannot be read from {folder}: {told(error)}.", anew(spec)
    )


def _try(tokenizer: Tokeniser, spec: EncoderSpec, folder: Path) -> None:
    """Have it cut a few texts.

    Raises:
        EncoderNotAvailable: It cannot.
    """
    try:
        word = tokenizer.encode_batch(list(_TRIED), add_special_tokens=False)[0].ids
    except Exception as error:  # as above
        raise _unreadable(spec, folder, error) from error
    if not word:
        raise _unreadable(spec, folder, ValueError("a text has no tokens"))


def _token_to_append(
    spec: EncoderSpec, tokenizer: PartTokenizer | Tokenizer, folder: Path
) -> int | None:
    """Compare what the tokeniser adds with the spec; return the end token if it is left to us."""
    bare, whole = _bare(tokenizer, "a"), _ids(tokenizer, "a")
    start = whole.index(bare[0])
    found = (start == 1, len(whole) - start - len(bare) == 1)
    wanted = tuple(
        own if asked is None else asked
        for own, asked in zip(found, (spec.add_bos, spec.add_eos), strict=True)
    )
    if found == wanted:
        return None
    # Some publish a tokeniser that leaves the end token to the caller.
    end = _end_token(folder) if found == (wanted[0], False) else None
    held = tokenizer.whole if isinstance(tokenizer, PartTokenizer) else tokenizer
    token = held.token_to_id(end) if end is not None else None
    if token is None:
        raise EncoderRefused(
            f"The tokeniser adds (start, end) tokens {found}; {spec.name} needs {wanted}.",
            "Use the unchanged files of the model.",
        )
    return int(token)


def _end_token(folder: Path) -> str | None:
    """The end token that tokenizer_config.json names."""
    try:
        named = json.loads((folder / "tokenizer_config.json").read_text("utf-8")).get("eos_token")
    except (OSError, ValueError, AttributeError):
        return None
    text = named.get("content") if isinstance(named, dict) else named
    return text if isinstance(text, str) else None


def _ids(tokenizer: Tokeniser, text: str) -> list[int]:
    return tokenizer.encode_batch([text])[0].ids


def _bare(tokenizer: Tokeniser, text: str) -> list[int]:
    return tokenizer.encode_batch([text], add_special_tokens=False)[0].ids
