"""Documents, passages and rows -> disk."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from encoder.spec import Vectors
from indexer.chunk import Passage
from indexer.document import Document
from indexer.errors import IndexLocked
from indexer.health import Finding
from indexer.manifest import Manifest, fsync_folder, write_manifest
from indexer.store.database import (
    DATABASE,
    SCHEMA,
    Unread,
    check_no_links,
    check_schema,
    connect,
    storage_errors,
)
from indexer.store.derived import (
    lexical_record,
    refresh_lexical,
    remove_other_folders,
    write_record,
)
from indexer.store.reader import Index
from indexer.store.rows import VECTORS, RowFile, row_crc32, text_key
from indexer.store.seal import seal, unseal

LOCK = "write.lock"
# Rows that are copied at once.
BLOCK_ROWS = 65_536
# Fill a database with the attached one, "old", while the rows close up.
COPY = (
    "INSERT INTO documents SELECT * FROM old.documents",
    "INSERT INTO passages SELECT row_number() OVER (ORDER BY row) - 1, document, start,"
    ' "end", page, heading, language, tokens, key, row_crc32 FROM old.passages',
    "INSERT INTO unread SELECT * FROM old.unread",
    "UPDATE state SET finished_at_utc = (SELECT finished_at_utc FROM old.state)",
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one commit adds of one document: passages and their rows.

    Attributes:
        modified_s: When its file was last written to, in seconds since 1970.
        vectors: Shape (passages, dim).
        complete: True for the last part; then older versions of the document go.
        health: What speaks against the document's text.
    """

    document: Document
    sha256: str
    size_bytes: int
    modified_s: int
    language: str
    passages: Sequence[Passage]
    vectors: Vectors
    complete: bool
    health: Sequence[Finding] = ()


class IndexWriter:
    """The one writer of an index. Use it as a context manager."""

    def __init__(
        self, index_dir: Path, manifest: Manifest, lock: FileLock, database: sqlite3.Connection
    ) -> None:
        self.index_dir = index_dir
        self.manifest = manifest
        self._lock = lock
        self._database = database
        self._folder = index_dir / manifest.generation
        self._rows = RowFile(self._folder / VECTORS, manifest)

    @classmethod
    def open(cls, index_dir: Path, manifest: Manifest, lock: FileLock) -> Self:
        """Open the generation that the manifest names, making it if it is not there.

        Args:
            index_dir: The folder of the index.
            manifest: Written to disk by `publish`, which a new index calls at once.
            lock: Held by the caller; released when the writer is closed.
        """
        folder = index_dir / manifest.generation
        with storage_errors(index_dir), ExitStack() as on_error:
            check_no_links(index_dir, folder)
            folder.mkdir(exist_ok=True)
            unseal(folder)
            database = connect(folder / DATABASE, "rwc")
            on_error.callback(database.close)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            if not database.execute("SELECT 1 FROM sqlite_schema").fetchone():
                database.executescript(
                    f"BEGIN; {SCHEMA} INSERT INTO state VALUES (1, 0, 0, ''); COMMIT;"
                )
            database.execute("UPDATE documents SET stage = 'left behind' WHERE stage = 'partial'")
            writer = cls(index_dir, manifest, lock, database)
            check_schema(index_dir, database)
            writer._rows.truncate(writer._state()[0])
            fsync_folder(folder)
            on_error.pop_all()
        return writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.close()
        self._database.close()
        self._lock.release()

    def publish(self) -> None:
        """Make this generation the one that readers open."""
        with storage_errors(self.index_dir):
            write_manifest(self.index_dir, self.manifest)

    def sources(self) -> dict[str, str]:
        """Source and sha256 of every complete document."""
        with storage_errors(self.index_dir):
            rows = self._database.execute(
                "SELECT source, sha256 FROM documents WHERE stage = 'complete'"
            )
            return dict(rows.fetchall())

    def known_vectors(self, keys: Iterable[bytes]) -> dict[bytes, npt.NDArray[np.float32]]:
        """The vectors of those texts that are in the index already."""
        found = {}
        with storage_errors(self.index_dir):
            for key in dict.fromkeys(keys):
                row = self._database.execute(
                    "SELECT row FROM passages WHERE key = ? LIMIT 1", (key,)
                ).fetchone()
                if row is not None:
                    found[key] = self._rows.read(row[0])
        return found

    def commit(self, parts: Sequence[Part]) -> None:
        """Add parts of documents; all of them or, after an interruption, none."""
        with storage_errors(self.index_dir):
            next_row = self._state()[0]
            added = self._rows.append(next_row, [part.vectors for part in parts])
            with self._transaction():
                if added:
                    self._database.execute("INSERT INTO segments VALUES (?, ?, ?)", added)
                for part in parts:
                    next_row = self._add_part(part, next_row)
                self._set_next_row(next_row)

    def rename(self, old: str, new: str) -> None:
        """Give a document another source; its passages and vectors stay."""
        with storage_errors(self.index_dir), self._transaction():
            self._database.execute("UPDATE documents SET source = ? WHERE source = ?", (new, old))

    def note_times(self, modified_s: Mapping[str, int]) -> None:
        """Record when files were last written to, where a document is otherwise unchanged."""
        with storage_errors(self.index_dir):
            known = self._database.execute(
                "SELECT source, modified_s FROM documents WHERE stage = 'complete'"
            )
            other = [
                (modified_s[source], source)
                for source, at in known.fetchall()
                if modified_s.get(source, at) != at
            ]
            if other:
                with self._transaction():
                    self._database.executemany(
                        "UPDATE documents SET modified_s = ? WHERE source = ?", other
                    )

    def remove(self, sources: Iterable[str]) -> None:
        """Take documents out of the index."""
        with storage_errors(self.index_dir), self._transaction():
            self._database.executemany(
                "DELETE FROM documents WHERE source = ?", [(source,) for source in sources]
            )

    def finish(self, unread: Sequence[Unread], at_utc: str) -> None:
        """Record that the build is complete, list what it could not read, and tidy up."""
        with storage_errors(self.index_dir):
            words = refresh_lexical(self._folder, self._database)
            with self._transaction():
                self._database.execute("DELETE FROM documents WHERE stage != 'complete'")
                self._database.execute("DELETE FROM unread")
                self._database.executemany(
                    "INSERT INTO unread VALUES (?, ?)", [(u.source, u.reason) for u in unread]
                )
                self._database.execute("UPDATE state SET finished_at_utc = ?", (at_utc,))
                if words is not None:
                    write_record(self._database, words)
            self._seal()
            remove_other_folders(self._folder, lexical_record(self._database))

    def copy_from(self, index: Index, used: npt.NDArray[np.bool_]) -> None:
        """Fill this new generation with another one, but for rows not `used`: shape (rows,)."""
        old = f"{(index.folder / DATABASE).resolve().as_uri()}?mode=ro"
        with storage_errors(self.index_dir):
            self._database.execute("ATTACH ? AS old", (old,))
            with self._transaction():
                next_row = 0
                for first in range(0, len(used), BLOCK_ROWS):
                    block = index.rows(first, min(first + BLOCK_ROWS, len(used)))
                    added = self._rows.append(next_row, [block[used[first : first + BLOCK_ROWS]]])
                    if added:
                        self._database.execute("INSERT INTO segments VALUES (?, ?, ?)", added)
                        next_row += added[1]
                for statement in COPY:
                    self._database.execute(statement)
                self._set_next_row(next_row)
            self._database.execute("DETACH old")
            words = refresh_lexical(self._folder, self._database)
            if words is not None:
                with self._transaction():
                    write_record(self._database, words)
            self._seal()

    def _seal(self) -> None:
        """Bring everything into the one file and record its checksum."""
        busy, *_ = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:  # else a reader keeps a part in the journal, and the file is not all there is
            seal(self._folder)

    def row_counts(self) -> tuple[int, int]:
        """How many rows there are, and how many of them a passage has."""
        (used,) = self._database.execute("SELECT count(*) FROM passages").fetchone()
        return self._state()[0], int(used)

    def mark_unfinished(self) -> None:
        """Record that a build is under way, so that an interrupted one can be told."""
        with storage_errors(self.index_dir), self._transaction():
            self._database.execute("UPDATE state SET finished_at_utc = ''")

    def _state(self) -> tuple[int, int]:
        row = self._database.execute("SELECT next_row, commit_id FROM state").fetchone()
        return int(row[0]), int(row[1])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        unseal(self._folder)
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("UPDATE state SET commit_id = commit_id + 1")
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # a full disk has rolled it back already
                self._database.execute("ROLLBACK")
            raise

    def _set_next_row(self, next_row: int) -> None:
        self._database.execute("UPDATE state SET next_row = ?", (next_row,))

    def _add_part(self, part: Part, next_row: int) -> int:
        document = self._document_id(part)
        for row, (passage, vector) in enumerate(
            zip(part.passages, part.vectors, strict=True), next_row
        ):
            self._database.execute(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row, document, passage.start, passage.end, passage.page, passage.heading,
                    passage.language, passage.tokens, text_key(passage.text),
                    row_crc32(vector, self.manifest),
                ),
            )  # fmt: skip
        if part.complete:
            self._database.execute(
                "DELETE FROM documents WHERE source = ? AND id != ?",
                (part.document.source, document),
            )
            self._database.execute(
                "UPDATE documents SET stage = 'complete' WHERE id = ?", (document,)
            )
        return next_row + len(part.passages)

    def _document_id(self, part: Part) -> int:
        """The incomplete document that this part continues, made if this part is the first."""
        text = part.document
        found = self._database.execute(
            "SELECT id FROM documents WHERE source = ? AND stage = 'partial'", (text.source,)
        ).fetchone()
        if found:
            return int(found[0])
        pages = [[page.number, page.start, page.end] for page in text.pages]
        cursor = self._database.execute(
            "INSERT INTO documents (source, stage, sha256, size_bytes, modified_s, format,"
            " title, language, text, pages, notes, health)"
            " VALUES (?, 'partial', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                text.source, part.sha256, part.size_bytes, part.modified_s, text.format, text.title,
                part.language, text.text, json.dumps(pages), json.dumps(text.notes),
                json.dumps([asdict(finding) for finding in part.health]),
            ),
        )  # fmt: skip
        return int(cursor.lastrowid or 0)


def lock_for_writing(index_dir: Path) -> FileLock:
    """Take the one writer's lock, making the folder of the index if need be.

    Raises:
        IndexLocked: Another process holds it.
        StorageError: The folder cannot be written.
    """
    with storage_errors(index_dir):
        index_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(index_dir / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise IndexLocked(index_dir) from error
    return lock
