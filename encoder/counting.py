"""How many tokens a text has for a model that runs elsewhere."""

import logging
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from encoder.errors import UsageError
from encoder.spec import TokenEnds
from encoder.templates import valid_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

# A start token, an end token, and the "▁" that some tokenisers put before a text.
SPECIAL_TOKENS = 3


class TokenCounter(Protocol):
    """Counts the tokens of a text."""

    @property
    def exact(self) -> bool:
        """Whether it counts as the model does, or gives an upper bound."""
        ...

    def ends(self, text: str) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        ...

    def count(self, text: str) -> int:
        """Tokens of the text with the model's special tokens."""
        ...


class TokenizerCounter:
    """Counts with the model's own tokeniser."""

    exact = True

    def __init__(self, tokenizer: "Tokenizer", special: int = 0) -> None:
        self._tokenizer = tokenizer
        self._more = max(0, special - len(tokenizer.encode("").ids))

    def ends(self, text: str) -> TokenEnds:
        offsets = self._tokenizer.encode(valid_text(text), add_special_tokens=False).offsets
        ends = np.fromiter((end for _, end in offsets), np.int64, len(offsets))
        return np.maximum.accumulate(ends)

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(valid_text(text)).ids) + self._more


class ByteCounter:
    """Counts a token for each byte: never too few, whatever the model's tokeniser is.

    A token of a subword vocabulary stands for at least one byte of the text, or of the Unicode
    normal form that the tokeniser makes of it. Latin text has about four bytes in a token, so a
    passage of 1,000 of these "tokens" has about 250 real ones.
    """

    exact = False

    def ends(self, text: str) -> TokenEnds:
        places = np.arange(1, len(text) + 1, dtype=np.int64)
        if text.isascii():
            return places
        weights = np.fromiter(map(_bytes, valid_text(text)), np.int64, len(text))
        return np.repeat(places, weights)

    def count(self, text: str) -> int:
        return len(self.ends(text)) + SPECIAL_TOKENS


@lru_cache(maxsize=65_536)
def _bytes(character: str) -> int:
    """Bytes of a character or of its longest normal form; "ﷺ" becomes a whole phrase."""
    forms = (character, *(unicodedata.normalize(form, character) for form in ("NFKC", "NFKD")))
    return max(len(form.encode("utf-8")) for form in forms)


def read_tokenizer(path: Path, special: int = 0) -> TokenizerCounter:
    """Count with a `tokenizer.json`.

    Args:
        path: The file.
        special: Start and end tokens of the model; some tokenisers leave the last to the caller.

    Raises:
        UsageError: It cannot be read.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for every kind of bad file
        raise UsageError(
            f"The tokeniser cannot be read from {path}: {error}.",
            "Name the tokenizer.json of the model: tokenizer=/path/to/tokenizer.json",
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenizerCounter(tokenizer, special)
