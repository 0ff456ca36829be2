"""Disk -> documents, passages and rows. Nothing in here writes."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import IndexDamaged
from indexer.health import Finding
from indexer.manifest import Manifest, read_manifest
from indexer.store.database import (
    DATABASE,
    Unread,
    check_no_links,
    check_schema,
    connect_for_reading,
    storage_errors,
)
from indexer.store.rows import VECTORS, RowFile, row_crc32, text_key


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the index knows it; sizes of the source file in bytes."""

    source: str
    sha256: str
    size_bytes: int
    format: str
    title: str
    language: str
    passages: int
    notes: tuple[str, ...]
    health: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage as the index knows it: what `Passage` says, with its source and row."""

    row: int
    source: str
    title: str
    page: int | None
    start: int
    end: int
    text: str
    language: str
    heading: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One committed state of the rows, held in memory for searching.

    Attributes:
        commit_id: The commit it shows.
        live: Shape (rows,); True where a row belongs to a complete document.
        language_of: Shape (rows,); position of the row's language in `languages`.
        document_of: Shape (rows,); position of the row's document in `sources`.
        formats: Of each document, in the order of `sources`: "pdf".
        modified_s: Of each document, shape (documents,): when its file was last written to, in
            seconds since 1970.
    """

    commit_id: int
    live: npt.NDArray[np.bool_]
    language_of: npt.NDArray[np.int32]
    document_of: npt.NDArray[np.int32]
    languages: tuple[str, ...]
    sources: tuple[str, ...]
    formats: tuple[str, ...]
    modified_s: npt.NDArray[np.int64]


class Index:
    """An index open for reading; made by `open_index`. It never writes."""

    def __init__(self, index_dir: Path, manifest: Manifest) -> None:
        self.index_dir = index_dir
        self.manifest = manifest
        self.folder = index_dir / manifest.generation

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: everything read within it belongs to one commit.

        Raises:
            IndexDamaged: corpus.sqlite is missing or damaged.
            StorageError: It cannot be read from this account.
        """
        with storage_errors(self.index_dir):
            database = connect_for_reading(self.folder / DATABASE, self.index_dir)
            try:
                yield database
            finally:
                database.close()

    @contextmanager
    def _as_written(self) -> Iterator[None]:
        """Say that the database is damaged where a value is not of the kind that was written.

        SQLite checks kinds when it writes; a changed byte in the file passes as what it looks like.
        """
        try:
            yield
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
            finding = f"{DATABASE} holds a value that no build has written ({error})"
            raise IndexDamaged(self.index_dir, finding) from error

    def commit_id(self, database: sqlite3.Connection) -> int:
        """The number of the latest commit."""
        with self._as_written():
            return int(database.execute("SELECT commit_id FROM state").fetchone()[0])

    def snapshot(self, database: sqlite3.Connection) -> Snapshot:
        """Read which rows are live, with their languages and documents.

        Raises:
            IndexDamaged: They are not what a build writes.
        """
        with self._as_written():
            return self._snapshot(database)

    def _snapshot(self, database: sqlite3.Connection) -> Snapshot:
        next_row, commit_id = database.execute("SELECT next_row, commit_id FROM state").fetchone()
        rows = database.execute("SELECT row, language, document FROM passages").fetchall()
        documents = database.execute(
            "SELECT id, source, format, modified_s FROM documents WHERE stage = 'complete'"
            " ORDER BY source"
        ).fetchall()
        document_at = {number: i for i, (number, *_) in enumerate(documents)}
        rows = [row for row in rows if row[2] in document_at]
        languages = tuple(sorted({language for _, language, _ in rows}))
        language_at = {language: i for i, language in enumerate(languages)}
        live = np.zeros(next_row, np.bool_)
        language_of, document_of = np.zeros((2, next_row), np.int32)
        for row, language, document in rows:
            live[row] = True
            language_of[row], document_of[row] = language_at[language], document_at[document]
        sources, formats = (tuple(row[at] for row in documents) for at in (1, 2))
        modified_s = np.array([row[3] for row in documents], np.int64)
        return Snapshot(
            commit_id, live, language_of, document_of, languages, sources, formats, modified_s
        )

    def rows(self, first: int, last: int) -> npt.NDArray[Any]:
        """Rows first (included) to last (excluded) of vectors.bin, as they are stored.

        Raises:
            IndexDamaged: The file is too short.
        """
        with storage_errors(self.index_dir):
            return RowFile.read_range(self.folder / VECTORS, self.manifest, first, last)

    def passages(
        self, database: sqlite3.Connection, rows: Sequence[int]
    ) -> tuple[StoredPassage, ...]:
        """The passages of these rows, in the order given.

        Raises:
            IndexDamaged: One is missing, or its text or its row is not what was committed.
        """
        with self._as_written():
            return tuple(self._passage(database, int(row)) for row in rows)

    def _passage(self, database: sqlite3.Connection, row: int) -> StoredPassage:
        values = database.execute(
            'SELECT source, title, page, start, "end", substr(text, start + 1, "end" - start),'
            " passages.language, heading, key, row_crc32 FROM passages"
            " JOIN documents ON documents.id = document WHERE row = ?",
            (row,),
        ).fetchone()
        if values is None:
            raise IndexDamaged(self.index_dir, f"{DATABASE}: passage {row} is missing")
        source, title, page, start, end, text, language, heading, key, crc32 = values
        text = text.strip()
        # Nothing is answered from damage that the record can tell.
        if text_key(text) != key:
            raise IndexDamaged(self.index_dir, f"the text of {source} has changed")
        if row_crc32(self.rows(row, row + 1)[0], self.manifest) != crc32:
            raise IndexDamaged(self.index_dir, f"{VECTORS}: the row of passage {row} has changed")
        return StoredPassage(row, source, title, page, start, end, text, language, heading)

    def documents(self, database: sqlite3.Connection) -> tuple[StoredDocument, ...]:
        """Every complete document, by source.

        Raises:
            IndexDamaged: What is written of one makes no sense.
        """
        with self._as_written():
            return self._documents(database)

    def _documents(self, database: sqlite3.Connection) -> tuple[StoredDocument, ...]:
        rows = database.execute(
            "SELECT source, sha256, size_bytes, format, title, documents.language,"
            " count(passages.row), notes, health FROM documents LEFT JOIN passages"
            " ON document = documents.id WHERE stage = 'complete' GROUP BY documents.id"
            " ORDER BY source"
        )
        return tuple(
            StoredDocument(
                source, sha256, size, kind, title, language, passages,
                tuple(json.loads(notes)),
                tuple(Finding(**finding) for finding in json.loads(health)),
            )
            for source, sha256, size, kind, title, language, passages, notes, health in rows
        )  # fmt: skip

    def sources_holding(self, database: sqlite3.Connection, text: str) -> tuple[str, ...]:
        """The documents in whose text these characters stand, by source."""
        rows = database.execute(
            "SELECT source FROM documents WHERE stage = 'complete' AND instr(text, ?) > 0"
            " ORDER BY source",
            (text,),
        )
        return tuple(str(source) for (source,) in rows)

    def unread(self, database: sqlite3.Connection) -> tuple[Unread, ...]:
        """The files that the last finished build could not read, by source."""
        return tuple(
            Unread(*row)
            for row in database.execute("SELECT source, reason FROM unread ORDER BY source")
        )

    def finished_at_utc(self, database: sqlite3.Connection) -> str:
        """When the last build finished; empty if it was interrupted or is still running."""
        return str(database.execute("SELECT finished_at_utc FROM state").fetchone()[0])


def open_index(index_dir: Path) -> Index:
    """Open an index for reading.

    Raises:
        IndexNotFound: There is none.
        IndexMismatch: It has another format version.
        IndexDamaged: Its files contradict one another.
        StorageError: It cannot be read from this account.
    """
    index = Index(index_dir, read_manifest(index_dir))
    with storage_errors(index_dir):
        check_no_links(index_dir, index.folder)
    with index.reading() as database:
        check_schema(index_dir, database)
        next_row = database.execute("SELECT next_row FROM state").fetchone()[0]
        index.rows(next_row, next_row)
    return index
