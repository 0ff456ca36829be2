"""Read a whole index and compare it with its checksums."""

import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np

from indexer.errors import IndexDamaged, WordsDamaged
from indexer.lexical_index import LexicalDamage
from indexer.manifest import read_manifest
from indexer.store import Index, open_index, text_key
from indexer.store.database import DATABASE, storage_errors
from indexer.store.derived import lexical_record, open_lexical
from indexer.store.rows import VECTORS, row_bytes, row_crc32
from indexer.store.seal import check_seal

# Rows are of unit length; float16 rows are off by less than this.
NORM_TOLERANCE = 1e-2


def verify_index(index_dir: Path) -> dict[str, object]:
    """Check everything that is on the disk.

    Returns:
        What was checked, by name.

    Raises:
        IndexNotFound: There is no index.
        IndexDamaged: Something is not what was committed; the message says what.
        StorageError: It cannot be read from this account.
    """
    manifest = read_manifest(index_dir)
    with storage_errors(index_dir):
        is_sealed = check_seal(index_dir, index_dir / manifest.generation)
    index = open_index(index_dir)
    with index.reading() as database:
        _check_database(index, database)
        documents, passages = _check_texts(index, database)
        rows = _check_rows(index, database)
        words = _check_words(index, database)
        finished = index.finished_at_utc(database)
    return {
        "index": str(index_dir),
        "documents": documents,
        "passages": passages,
        "rows": rows,
        "words": words,
        "checked": "every byte" if is_sealed else "contents: a build has not finished",
        "state": f"finished {finished}" if finished else "unfinished: run the same build again",
        "verdict": "sound",
    }


def _check_database(index: Index, database: sqlite3.Connection) -> None:
    finding = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if finding != "ok":
        raise IndexDamaged(index.index_dir, f"{DATABASE}: {finding}")
    if database.execute("PRAGMA foreign_key_check").fetchone():
        raise IndexDamaged(index.index_dir, f"{DATABASE}: a passage has no document")


def _check_texts(index: Index, database: sqlite3.Connection) -> tuple[int, int]:
    """Compare each passage's text with the key it was stored under; spans must cover the text."""
    documents = passages = 0
    for number, source, text, pages, notes, health in database.execute(
        "SELECT id, source, text, pages, notes, health FROM documents WHERE stage = 'complete'"
    ):
        documents += 1
        try:
            json.loads(pages), json.loads(notes), json.loads(health)
        except ValueError as error:
            raise IndexDamaged(index.index_dir, f"the facts of {source} have changed") from error
        covered = 0
        for start, end, key in database.execute(
            'SELECT start, "end", key FROM passages WHERE document = ? ORDER BY start', (number,)
        ):
            passages += 1
            if text_key(text[start:end].strip()) != key or start > covered:
                raise IndexDamaged(index.index_dir, f"the text of {source} has changed")
            covered = max(covered, end)
        if covered != len(text):
            raise IndexDamaged(index.index_dir, f"passages of {source} are missing")
    return documents, passages


def _check_words(index: Index, database: sqlite3.Connection) -> str:
    """Compare the words with their record, and count them."""
    record = lexical_record(database)
    if record is None:
        return "none yet: the next build makes them"
    try:
        held = open_lexical(index.folder, record).passages
    except LexicalDamage as error:
        with index.reading() as now:
            if lexical_record(now) != record:
                return "not checked: a build has finished meanwhile, and has replaced them"
        raise WordsDamaged(index.index_dir, str(error)) from error
    if held != record.passages:
        raise WordsDamaged(index.index_dir, f"they are of {held} passages, not {record.passages}")
    return f"of {held} passages"


def _check_rows(index: Index, database: sqlite3.Connection) -> int:
    """Compare the rows of each commit, and that of each passage, with their checksums."""
    expected = 0
    path, size = index.folder / VECTORS, row_bytes(index.manifest)
    with path.open("rb") as file:
        for first, rows, sha256 in database.execute(
            "SELECT first_row, rows, sha256 FROM segments ORDER BY first_row"
        ):
            data = file.read(rows * size)
            if first != expected or hashlib.sha256(data).hexdigest() != sha256:
                raise IndexDamaged(
                    index.index_dir, f"{VECTORS}: rows {first} to {first + rows} have changed"
                )
            expected += rows
            vectors = index.rows(first, first + rows).astype(np.float32)
            norms = np.linalg.norm(vectors, axis=1)
            if not (np.abs(norms - 1) < NORM_TOLERANCE).all():
                raise IndexDamaged(index.index_dir, f"{VECTORS}: a row is not of unit length")
    for row, crc32 in database.execute("SELECT row, row_crc32 FROM passages"):
        if row_crc32(index.rows(row, row + 1)[0], index.manifest) != crc32:
            raise IndexDamaged(index.index_dir, f"{DATABASE}: passage {row} has another's row")
    (next_row,) = database.execute("SELECT next_row FROM state").fetchone()
    if next_row != expected:
        raise IndexDamaged(index.index_dir, f"{VECTORS} has {expected} rows, not {next_row}")
    return expected
