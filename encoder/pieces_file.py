"""The pieces of a tokeniser in the user's cache, so that the next start need not read it whole.

The file is named after the content of tokenizer.json. One that is damaged, of another version or
of another tokeniser is made anew, which costs a second once.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from encoder.array_file import digest_of, read_arrays, write_arrays
from encoder.cache import cache_dir
from encoder.part_tokenizer import PartTokenizer
from encoder.pieces import Pieces, pieces_of
from encoder.unigram_trie import UnfitVocabularyError

log = logging.getLogger(__name__)

# Raised whenever the same tokeniser would be taken apart differently, or read by other rules.
PIECES_VERSION = 1


def open_tokenizer(
    tokenizer_file: Path, read_whole: Callable[[], Tokenizer]
) -> PartTokenizer | Tokenizer:
    """Return what cuts as a tokeniser does; without reading all of it, if it was here before.

    Args:
        tokenizer_file: The tokeniser.
        read_whole: Reads it, or raises what is to be said of a file that cannot be read.
    """
    try:
        digest = digest_of(tokenizer_file)
    except OSError:
        return read_whole()
    path = cache_dir() / f"pieces-{digest[:16]}-v{PIECES_VERSION}.bin"
    try:
        return PartTokenizer(read_pieces(path, digest), read_whole)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.info("the tokeniser is read whole: %s", error)
    tokenizer = read_whole()
    try:
        write_pieces(pieces_of(tokenizer), digest, path)
    except (UnfitVocabularyError, OSError) as error:
        log.info("the tokeniser will be read whole next time as well: %s", error)
    return tokenizer


def write_pieces(pieces: Pieces, digest: str, path: Path) -> None:
    """Write the file whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    source = np.frombuffer(digest.encode(), np.uint8)
    write_arrays({**pieces.arrays(), "source": source}, path)


def read_pieces(path: Path, digest: str) -> Pieces:
    """Read what `write_pieces` wrote.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is damaged, of another version, or of another tokeniser.
    """
    arrays = read_arrays(path)
    if "source" not in arrays or arrays["source"].tobytes() != digest.encode():
        raise ValueError(f"{path} is of another tokeniser")
    try:
        return Pieces.from_arrays(arrays)
    except ValueError as error:
        raise ValueError(f"{path} is of another version: {error}") from error
