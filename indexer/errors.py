"""What can go wrong between a folder and an index. The whole tree is drawn in encoder/errors.py."""

from pathlib import Path
from typing import Self

from encoder.errors import RagError


class IndexerError(RagError):
    """A corpus or an index cannot be used."""


class CorpusError(IndexerError):
    """The folder of documents is missing, empty, unreadable or no folder."""

    exit_code = 2


class IndexNotFound(IndexerError):
    """There is no index in the folder."""

    exit_code = 4

    def __init__(self, index_dir: Path) -> None:
        super().__init__(
            f"No index at {index_dir}.",
            f"Build one: python -m indexer build ./docs --index {index_dir}",
        )


class IndexMismatch(IndexerError):
    """The index was made for another encoder, another corpus root or another format version."""

    exit_code = 5


class IndexDamaged(IndexerError):
    """The files of the index contradict one another."""

    exit_code = 6

    def __init__(self, index_dir: Path, finding: str, next_step: str = "") -> None:
        super().__init__(
            f"The index at {index_dir} is damaged: {finding}.",
            next_step
            or "Build it anew: python -m indexer build DOCS "
            f"--index {index_dir} --fresh (DOCS is the folder of documents)",
        )
        self.finding = finding


class WordsDamaged(IndexDamaged):
    """The index of words, which is derived from the rest, is not what was written."""

    def __init__(self, index_dir: Path, finding: str) -> None:
        super().__init__(
            index_dir,
            f"its words cannot be searched: {finding}",
            "Run the same build again, which makes them anew: python -m indexer build DOCS "
            f"--index {index_dir}",
        )


class IndexLocked(IndexerError):
    """Another process is writing to the index."""

    exit_code = 9

    def __init__(self, index_dir: Path) -> None:
        super().__init__(
            f"Another build is writing to {index_dir}.",
            "Wait until it has finished; searching works meanwhile.",
        )


class RemovalGuard(IndexerError):
    """An update would drop more than half of the documents."""

    exit_code = 2


class StorageError(IndexerError):
    """The index cannot be used: the disk is full, or permission is missing."""

    @classmethod
    def refused(cls, index_dir: Path, reason: str) -> Self:
        """What the operating system or SQLite refused, in its own words."""
        return cls(
            f"The index at {index_dir} cannot be used: {reason}.",
            "Free space or mend the permissions there; what was committed is kept, and the same "
            "command goes on from it.",
        )


class ReaderNotStarted(IndexerError):
    """A process that reads documents could not be started: no file is to blame."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"A process that reads documents could not be started: {reason}.",
            "The machine may be short of memory or very busy; what was committed is kept, and the "
            "same command goes on from it.",
        )


class UnreadableDocument(IndexerError):
    """One file could not be read. A build lists it with its reason and goes on."""

    def __init__(self, reason: str, next_step: str = "") -> None:
        super().__init__(reason, next_step)
        self.reason = reason
