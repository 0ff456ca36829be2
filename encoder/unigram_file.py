"""A vocabulary that was laid out once, kept in the user's cache for the next time.

A file that is damaged or cannot be written costs a second, no more.
"""

import logging
from pathlib import Path

from tokenizers import Tokenizer

from encoder.array_file import digest_of, read_arrays, write_arrays
from encoder.cache import cache_dir
from encoder.unigram import ManyWords, fits, trie_of
from encoder.unigram_trie import PieceTrie, UnfitVocabularyError

log = logging.getLogger(__name__)

# Raised whenever the same vocabulary would be laid out differently, or read by other rules.
LAYOUT_VERSION = 1
# Fewer characters of new words are cut faster by the tokeniser itself.
LEAST_CHARS = 1_500
# So many must have come before the file is read (0.05 s), and before it is made (1 s).
READ_AT_CHARS, MAKE_AT_CHARS = 50_000, 600_000


class ManyWordsLater:
    """Gives a `ManyWords` as soon as it pays for itself."""

    def __init__(self, tokenizer: Tokenizer, tokenizer_file: Path) -> None:
        self._tokenizer = tokenizer
        self._tokenizer_file = tokenizer_file
        self._path: Path | None = None
        self._ready: ManyWords | None = None
        self._chars = 0
        # What may still be tried.
        self._may_read = self._may_make = fits(tokenizer)

    def __call__(self, chars: int) -> ManyWords | None:
        """Return it for new words of so many characters; None where they had better do without."""
        if chars < LEAST_CHARS:
            return None
        self._chars += chars
        if self._may_read and self._chars >= READ_AT_CHARS:
            self._may_read = False
            self._use(self._read())
        if self._may_make and self._chars >= MAKE_AT_CHARS:
            self._may_make = False
            self._use(self._make())
        return self._ready

    def _use(self, trie: PieceTrie | None) -> None:
        if trie is not None:
            self._may_read = self._may_make = False
            self._ready = ManyWords(trie, self._tokenizer)

    def _read(self) -> PieceTrie | None:
        try:
            digest = digest_of(self._tokenizer_file)
            self._path = cache_dir() / f"words-{digest[:16]}-v{LAYOUT_VERSION}.bin"
            return read_trie(self._path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.info("the vocabulary is laid out again: %s", error)
            return None

    def _make(self) -> PieceTrie | None:
        try:
            trie = trie_of(self._tokenizer)
        except UnfitVocabularyError as error:
            log.info("words are tokenised one after another: %s", error)
            return None
        if self._path is not None:
            try:
                write_trie(trie, self._path)
            except OSError as error:
                log.info("the vocabulary will be laid out again next time: %s", error)
        return trie


def write_trie(trie: PieceTrie, path: Path) -> None:
    """Write the file whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_arrays(trie.arrays(), path)


def read_trie(path: Path) -> PieceTrie:
    """Read what `write_trie` wrote.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is damaged.
    """
    arrays = read_arrays(path)
    try:
        return PieceTrie.from_arrays(arrays)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path} is of another version: {error}") from error
