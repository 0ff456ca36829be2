"""lexical/: the words of the passages, derived from corpus.sqlite.

    g0001/lexical/000001/    a tantivy index; an update makes the next folder and removes older ones

The record of it in corpus.sqlite names the folder, the rows it covers, what made it, and the sha256
of its files. It is written in the transaction that finishes a build, when the files are on the disk
already: whatever moment a build is killed at, the record names a folder that is whole, or none. A
folder that is not what its record says is not used, and the next build makes it anew.

Files of tantivy never change once written, so the next folder begins as links to those of the last.
"""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.lexical_index import RECIPE, LexicalDamage, LexicalIndex, update
from indexer.lexical_terms import LexicalText
from indexer.manifest import fsync_folder

LEXICAL = "lexical"


@dataclass(frozen=True, slots=True)
class LexicalRecord:
    """What corpus.sqlite says of the words.

    Attributes:
        folder: Name of the folder in lexical/.
        rows: It covers the rows before this one.
        passages: How many passages are in it.
        recipe: What made it.
        sha256: Of its files, their names among them.
    """

    folder: str
    rows: int
    passages: int
    recipe: str
    sha256: str


def lexical_record(database: sqlite3.Connection) -> LexicalRecord | None:
    """Read the record; None where no build has finished yet."""
    row = database.execute("SELECT folder, rows, passages, recipe, sha256 FROM lexical").fetchone()
    return None if row is None else LexicalRecord(*row)


def lexical_texts(database: sqlite3.Connection, first_row: int) -> Iterator[LexicalText]:
    """What is indexed of the passages from a row on, by row."""
    rows = database.execute(
        'SELECT row, substr(text, start + 1, "end" - start), title, heading, passages.language'
        " FROM passages"
        " JOIN documents ON documents.id = document WHERE stage = 'complete' AND row >= ?"
        " ORDER BY row",
        (first_row,),
    )
    for row, text, title, heading, language in rows:
        yield LexicalText(row, text, f"{title}\n{heading}", language)


def check_lexical(generation: Path, record: LexicalRecord) -> None:
    """Compare the files with their record.

    Raises:
        LexicalDamage: They differ, or another version of the program made them.
    """
    if record.recipe != RECIPE:
        raise LexicalDamage(f"it was made by {record.recipe}, and this is {RECIPE}")
    name = record.folder
    folder = generation / LEXICAL / name
    if not (name.isascii() and name.isdigit()) or not _is_folder(folder.parent, folder):
        raise LexicalDamage("its folder is missing")
    try:
        found = _sha256(folder)
    except FileNotFoundError as error:
        raise LexicalDamage("a build is just removing it") from error
    if found != record.sha256:
        raise LexicalDamage("its files are not what their checksum says")


def open_lexical(generation: Path, record: LexicalRecord) -> LexicalIndex:
    """Open the words that a record names, which are checked first.

    Raises:
        LexicalDamage: They are not what was written.
    """
    check_lexical(generation, record)
    # Tantivy writes a lock file where it reads; readers of an index write nothing into it.
    # Until it is told not to, it also watches the folder, and may write while that is removed.
    with tempfile.TemporaryDirectory(prefix="crosstongue-", ignore_cleanup_errors=True) as links:
        try:
            for path in _files(generation / LEXICAL / record.folder):
                _link(path.resolve(), Path(links) / path.name)
        except FileNotFoundError as error:
            raise LexicalDamage("a build is just removing it") from error
        return LexicalIndex.open(Path(links))


def refresh_lexical(generation: Path, database: sqlite3.Connection) -> LexicalRecord | None:
    """Bring the words up to date with the passages, in a new folder.

    Returns:
        What is to be recorded; None where the record that there is holds.
    """
    old = lexical_record(database)
    if old is not None:
        try:
            check_lexical(generation, old)
        except LexicalDamage:
            old = None
    (next_row,) = database.execute("SELECT next_row FROM state").fetchone()
    live = {
        row
        for (row,) in database.execute(
            "SELECT row FROM passages JOIN documents ON documents.id = document"
            " WHERE stage = 'complete'"
        )
    }
    covered = old.rows if old else 0
    if old and covered == next_row and old.passages == len(live):
        return None
    gone = [row for row in range(covered) if row not in live]
    if 4 * len(gone) > covered:  # too much of it would be dead
        old, covered, gone = None, 0, []
    new = _new_folder(generation / LEXICAL)
    if old is not None:
        for path in _files(generation / LEXICAL / old.folder):
            _copy(path, new / path.name)
    update(new, lexical_texts(database, covered), gone)
    for path in _files(new):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    fsync_folder(new)
    fsync_folder(new.parent)
    return LexicalRecord(new.name, next_row, len(live), RECIPE, _sha256(new))


def write_record(database: sqlite3.Connection, record: LexicalRecord) -> None:
    """Make a record the one that readers follow; part of a transaction of the caller."""
    database.execute("DELETE FROM lexical")
    database.execute(
        "INSERT INTO lexical VALUES (?, ?, ?, ?, ?)",
        (record.folder, record.rows, record.passages, record.recipe, record.sha256),
    )


def remove_other_folders(generation: Path, record: LexicalRecord | None) -> None:
    """Remove what no record names: older folders, and those of builds that were killed."""
    for folder in (generation / LEXICAL).glob("[0-9]*"):
        if record is None or folder.name != record.folder:
            shutil.rmtree(folder, ignore_errors=True)


def copy_lexical(generation: Path, record: LexicalRecord, destination: Path) -> None:
    """Copy the files that a record names into another generation's folder.

    Raises:
        LexicalDamage: They are not what was written; a build may have replaced them meanwhile.
    """
    check_lexical(generation, record)
    folder = destination / LEXICAL / record.folder
    folder.mkdir(parents=True)
    try:
        for path in _files(generation / LEXICAL / record.folder):
            shutil.copyfile(path, folder / path.name)
    except FileNotFoundError as error:
        raise LexicalDamage("a build has replaced it") from error


def _new_folder(parent: Path) -> Path:
    numbers = [int(path.name) for path in parent.glob("[0-9]*") if path.name.isdigit()]
    folder = parent / f"{max(numbers, default=0) + 1:06d}"
    folder.mkdir(parents=True)
    return folder


def _is_folder(*paths: Path) -> bool:
    return all(path.is_dir() and not path.is_symlink() for path in paths)


def _files(folder: Path) -> list[Path]:
    """The files of tantivy but for its locks, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix != ".lock")


def _sha256(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in _files(folder):
        if path.is_symlink() or not path.is_file():
            raise LexicalDamage(f"{path.name} is no ordinary file")
        with path.open("rb") as file:
            digest: Any = hashlib.file_digest(file, "sha256")
        whole.update(f"{digest.hexdigest()}  {path.name}\n".encode())
    return whole.hexdigest()


def _link(path: Path, link: Path) -> None:
    try:
        link.symlink_to(path)
    except OSError:  # Windows asks for a privilege
        shutil.copyfile(path, link)


def _copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:  # not every file system has links
        shutil.copyfile(path, copy)
