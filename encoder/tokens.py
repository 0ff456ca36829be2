"""text -> token ids: with the start and end tokens that the model was trained with, cut to fit."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.quiet import quiet_transformers
from encoder.spec import EncoderSpec, TokenEnds
from encoder.templates import valid_text
from encoder.token_ends import token_ends_by, words_stand_alone

TOKENIZER_FILE = "tokenizer.json"


class TextTokens:
    """The tokeniser of an encoder; made by `open`."""

    def __init__(
        self, tokenizer: Tokenizer, file: Path, max_tokens: int, appended: int | None
    ) -> None:
        self.tokenizer = tokenizer
        self._file = file
        self._max_tokens = max_tokens
        self._appended = appended
        whole, bare = tokenizer.encode("a").ids, _bare(tokenizer, "a")
        self._keeps_end = appended is not None or whole[-1:] != bare[-1:]

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path) -> Self:
        """Read the tokeniser from a Hugging Face folder.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: It adds other tokens around a text than the spec says.
        """
        own = spec.add_bos is None or spec.add_eos is None
        tokenizer = _as_transformers_reads_it(spec, folder) if own else _from_file(spec, folder)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        file = folder / TOKENIZER_FILE
        return cls(tokenizer, file, spec.max_tokens, _token_to_append(spec, tokenizer, folder))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, however long, start and end tokens included."""
        tail = [] if self._appended is None else [self._appended]
        encodings = self.tokenizer.encode_batch([*map(valid_text, texts)])
        return [encoding.ids + tail for encoding in encodings]

    def placed(self, texts: Sequence[str]) -> list[tuple[list[int], npt.NDArray[np.int64]]]:
        """Token ids, cut to fit, and their half-open spans in each text, shape (tokens, 2).

        The span of what stands for nothing in the text, as start and end tokens do, is empty.
        """
        tail = [] if self._appended is None else [self._appended]
        found = []
        for encoding in self.tokenizer.encode_batch([*map(valid_text, texts)]):
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
        return words_stand_alone(self.tokenizer)

    def cut(self, ids: list[int]) -> list[int]:
        """Cut what exceeds the limit off the text, not the end token."""
        if len(ids) <= self._max_tokens:
            return ids
        if self._keeps_end:
            return ids[: self._max_tokens - 1] + ids[-1:]
        return ids[: self._max_tokens]


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
        f"The tokeniser of {spec.name} cannot be read from {folder}: {error}.",
        "Delete that folder and try again; it is made or downloaded anew.",
    )


def _token_to_append(spec: EncoderSpec, tokenizer: Tokenizer, folder: Path) -> int | None:
    """Compare what the tokeniser adds with the spec; return the end token if it is left to us."""
    bare, whole = _bare(tokenizer, "a"), tokenizer.encode("a").ids
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
    token = tokenizer.token_to_id(end) if end is not None else None
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


def _bare(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids
