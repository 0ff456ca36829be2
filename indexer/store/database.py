"""corpus.sqlite: its tables, and how it is opened."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.errors import IndexDamaged, StorageError

log = logging.getLogger(__name__)

DATABASE = "corpus.sqlite"
# How long one connection waits for another that holds the database.
BUSY_S = 30.0
# While the last writer closes, its journal vanishes under a reader that is just opening; one "disk
# I/O error" in 1,190 such openings was seen (SQLite 3.40), and none when the same was tried again.
RETRY_AFTER_S = (0.02, 0.1, 0.5)

SCHEMA = """
CREATE TABLE state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    next_row INTEGER NOT NULL,
    commit_id INTEGER NOT NULL,
    finished_at_utc TEXT NOT NULL
) STRICT;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('partial', 'complete', 'left behind')),
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_s INTEGER NOT NULL,
    format TEXT NOT NULL,
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    text TEXT NOT NULL,
    pages TEXT NOT NULL,
    notes TEXT NOT NULL,
    health TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_source ON documents (source);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    heading TEXT NOT NULL,
    language TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    key BLOB NOT NULL,
    row_crc32 INTEGER NOT NULL
) STRICT;
CREATE INDEX passages_of_document ON passages (document);
CREATE INDEX passages_with_key ON passages (key);
CREATE TABLE unread (
    source TEXT PRIMARY KEY,
    reason TEXT NOT NULL
) STRICT;
CREATE TABLE segments (
    first_row INTEGER PRIMARY KEY,
    rows INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE lexical (
    folder TEXT NOT NULL,
    rows INTEGER NOT NULL,
    passages INTEGER NOT NULL,
    recipe TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that is not in the index, and why."""

    source: str
    reason: str


def connect(
    path: Path, mode: Literal["ro", "rwc"], *, immutable: bool = False
) -> sqlite3.Connection:
    # as_uri quotes "?" and "#", which would otherwise end the path.
    uri = f"{path.resolve().as_uri()}?mode={mode}" + ("&immutable=1" if immutable else "")
    database = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def connect_for_reading(path: Path, index_dir: Path) -> sqlite3.Connection:
    """Open the database in a read transaction: all that is read in it belongs to one commit."""
    if not path.is_file():
        raise IndexDamaged(index_dir, f"{DATABASE} is missing")
    writable = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)
    journal = path.with_name(path.name + "-wal")
    if not writable and journal.exists() and journal.stat().st_size:
        raise StorageError(
            f"{index_dir} cannot be written from this account, and a build left a journal in it.",
            f"Let its owner build again: python -m indexer build DOCS --index {index_dir}",
        )
    for pause_s in RETRY_AFTER_S:
        try:
            return _begin_reading(path, immutable=not writable)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _PASSING:
                raise
            log.info("%s: %s; trying again", path, error.sqlite_errorname)
            time.sleep(pause_s)
    return _begin_reading(path, immutable=not writable)


_PASSING = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL}


def _begin_reading(path: Path, *, immutable: bool) -> sqlite3.Connection:
    """Begin a read transaction; the first page is read, so that it is a transaction indeed."""
    database = connect(path, "ro", immutable=immutable)
    try:
        database.execute("PRAGMA query_only = ON")
        database.execute("BEGIN")
        database.execute("PRAGMA schema_version").fetchone()
    except BaseException:
        database.close()
        raise
    return database


def check_no_links(index_dir: Path, folder: Path) -> None:
    """Refuse an index whose files are links: writing would change what they point to.

    Raises:
        IndexDamaged: One of them is.
    """
    lexical = folder / "lexical"
    inside = (*folder.glob("*"), *lexical.glob("*"))
    for path in (folder, *inside):
        if path.is_symlink():
            raise IndexDamaged(index_dir, f"{path.name} is a link")


def check_schema(index_dir: Path, database: sqlite3.Connection) -> None:
    """Check tables, and that every passage has a row.

    Raises:
        IndexDamaged: There are other tables, views or triggers (which may run on reading), the
            state is missing, or a passage lies outside the rows.
    """
    found = database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    if sorted(map(str, found)) != expected_schema():
        raise IndexDamaged(index_dir, f"{DATABASE} has not the tables of an index")
    state = database.execute("SELECT next_row, commit_id FROM state").fetchone()
    low, high = database.execute("SELECT min(row), max(row) FROM passages").fetchone()
    if state is None or not all(isinstance(value, int) and value >= 0 for value in state):
        raise IndexDamaged(index_dir, f"{DATABASE} does not say how many rows there are")
    if low is not None and not 0 <= low <= high < state[0]:
        raise IndexDamaged(index_dir, f"{DATABASE} has passages outside its {state[0]} rows")


def expected_schema() -> list[str]:
    with sqlite3.connect(":memory:") as database:
        database.executescript(SCHEMA)
        rows = database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    database.close()
    return sorted(map(str, rows))


_DISK_REFUSED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


@contextmanager
def storage_errors(index_dir: Path) -> Iterator[None]:
    """Say in one sentence what the disk or SQLite refused."""
    try:
        yield
    except OSError as error:
        raise StorageError.refused(index_dir, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:  # sqlite3 in Python lets it through for the schema's text
        raise IndexDamaged(index_dir, f"{DATABASE} holds text that is no text") from error
    except sqlite3.DatabaseError as error:
        # The low byte is the kind; IOERR and READONLY come in many variants.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK_REFUSED:
            raise StorageError.refused(index_dir, str(error)) from error
        raise IndexDamaged(index_dir, f"{DATABASE}: {error}") from error
