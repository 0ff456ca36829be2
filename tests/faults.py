"""A fault at the Nth file operation of a writer: the disk is full from there on, or it is killed.

`strike` is called in a process of its own (tests/warm.py). Operations are what reaches the disk:
files made, written, forced, renamed and removed, folders made, and SQL statements that begin or end
a transaction or a checkpoint. A write that is hit writes its first half. The last line on standard
output is the number of operations.
"""

import errno
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from encoder.errors import RagError
from indexer import build
from indexer.backup import back_up
from indexer.chunk import Chunking
from indexer.compact import compact_index
from indexer.options import BuildOptions
from tests.concept_encoder import ConceptEncoder

CALLS = ("fsync", "unlink", "replace", "rename", "mkdir", "rmdir")
STATEMENTS = ("BEGIN", "COMMIT", "PRAGMA wal_checkpoint", "PRAGMA journal_mode", "ATTACH")


class Faults:
    """Counts operations and strikes at one of them."""

    def __init__(self, at: int, mode: str) -> None:
        self.at = at
        self.mode = mode
        self.count = 0

    def strikes(self) -> bool:
        """Count an operation; tells whether the disk refuses it. May not return."""
        self.count += 1
        if self.mode == "full":
            return 0 < self.at <= self.count
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    def install(self) -> None:
        """Put the faults between the program and the operating system."""
        for name in CALLS:
            setattr(os, name, self._call(getattr(os, name)))
        fdopen, connect = os.fdopen, sqlite3.connect

        def opened(descriptor: int, mode: str = "r", *more: Any, **options: Any) -> Any:
            file = fdopen(descriptor, mode, *more, **options)
            return _File(file, self) if mode == "r+b" else file

        def connected(*place: Any, **options: Any) -> sqlite3.Connection:
            return connect(*place, **options, factory=_connection(self))

        os.fdopen = opened  # type: ignore[assignment]
        sqlite3.connect = connected  # type: ignore[assignment]

    def _call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.strikes():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments, **options)

        return call


class _File:
    """The rows of the vectors, as the writer sees them."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file = file
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        half = len(data) // 2
        self._file.write(data[:half])
        if self._faults.strikes():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return half + int(self._file.write(data[half:]))

    def truncate(self, size: int) -> int:
        if self._faults.strikes():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self._file.truncate(size))


def _connection(faults: Faults) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith(STATEMENTS):
                self._strike()
            cursor = super().execute(sql, *values)
            if sql.startswith("COMMIT"):
                faults.strikes()  # killed right after: committed is committed
            return cursor

        def executescript(self, sql: str) -> sqlite3.Cursor:
            self._strike()
            return super().executescript(sql)

        def _strike(self) -> None:
            if faults.strikes():
                full = sqlite3.OperationalError("database or disk is full")
                full.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise full

    return Connection


def strike(what: str, at: str, mode: str, corpus: str, index_dir: str) -> None:
    """Do some work with a fault in it, and end the process.

    Args:
        what: build, fresh, compact, or backup, which copies the index to "copy" beside it.
        at: The number of the operation that is hit, from 1; 0 for none.
        mode: kill or full.
        corpus: The folder of documents.
        index_dir: The index.
    """
    build.FIRST_WINDOW_PASSAGES = build.MAX_WINDOW_PASSAGES = 8
    faults = Faults(int(at), mode)
    faults.install()
    code = 0
    try:
        if what == "compact":
            compact_index(Path(index_dir))
        elif what == "backup":
            back_up(Path(index_dir), Path(index_dir).with_name("copy"))
        else:
            options = BuildOptions(chunking=Chunking(60, 12), fresh=what == "fresh")
            build.build_index(Path(corpus), Path(index_dir), ConceptEncoder(), options)
    except RagError as error:
        sys.stdout.write(f"{error}\n")
        code = error.exit_code
    sys.stdout.write(f"{faults.count}\n")
    sys.exit(code)
