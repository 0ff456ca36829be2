"""Copy one committed state of an index, also while a build is running."""

import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from encoder.errors import UsageError
from indexer.lexical_index import LexicalDamage
from indexer.manifest import write_manifest
from indexer.store import Index, open_index
from indexer.store.database import DATABASE, storage_errors
from indexer.store.derived import copy_lexical, lexical_record
from indexer.store.rows import VECTORS
from indexer.store.seal import check_seal, seal

log = logging.getLogger(__name__)

# The folder beside the destination in which a copy is made, and what is in it.
WORKPLACE, LOCK, COPY = ".crosstongue-backup-", "backup.lock", "index"


def back_up(index_dir: Path, destination: Path) -> None:
    """Copy one committed state of an index into a new folder.

    Raises:
        IndexNotFound: There is no index.
        IndexDamaged: It is not what its checksum says; damage is not copied.
        UsageError: The destination exists.
        StorageError: It cannot be written.
    """
    index = open_index(index_dir)
    if destination.exists():
        raise UsageError(f"{destination} exists already.", "Name a folder that does not exist.")
    with storage_errors(index_dir):
        check_seal(index_dir, index.folder)
    with storage_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_remains(destination.parent)
        with _workplace(destination.parent) as copy:
            generation = copy / index.manifest.generation
            while not _copy_generation(index, generation, destination):
                shutil.rmtree(generation)
            # Not the file: a --fresh build may have replaced it meanwhile.
            write_manifest(copy, index.manifest)
            copy.rename(destination)


@contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    """Where to make the copy, beside its destination; the folder around it is gone afterwards.

    A lock in it is held meanwhile, so that it is not taken for the remains of a killed backup.
    """
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=WORKPLACE))
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, FileNotFoundError):  # another backup took it for remains before the lock
            continue
        try:
            yield folder / COPY
        finally:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
        return


def _remove_remains(parent: Path) -> None:
    """Remove what killed backups left in a folder; never what one at work holds, or other files."""
    for folder in parent.glob(f"{WORKPLACE}*"):
        with suppress(OSError):
            if folder.is_symlink() or not {path.name for path in folder.iterdir()} <= {LOCK, COPY}:
                continue
            lock = FileLock(folder / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            log.info("removed %s, which an interrupted backup had left", folder)


def _copy_generation(index: Index, generation: Path, destination: Path) -> bool:
    """Copy the latest commit; tells whether it was still the latest when its words were copied."""
    generation.mkdir(parents=True)
    _copy_database(index, generation / DATABASE, destination)
    seal(generation)
    # Rows are appended before they are committed, so the copied database never names one that is
    # not copied after it.
    shutil.copyfile(index.folder / VECTORS, generation / VECTORS)
    return _copy_words(index, generation)


def _copy_database(index: Index, path: Path, destination: Path) -> None:
    with index.reading() as source:
        source.execute("ROLLBACK")  # SQLite's own backup takes the transaction it needs
        # What fails from here on is the writing: the copy is to be named, not the index.
        with storage_errors(destination), closing(sqlite3.connect(path)) as target:
            source.backup(target)


def _copy_words(index: Index, generation: Path) -> bool:
    """Copy the words that the copied database names; damaged ones are left to the next build.

    Returns:
        False if a build has replaced them meanwhile.
    """
    with closing(sqlite3.connect(generation / DATABASE)) as database:
        record = lexical_record(database)
    if record is None:
        return True
    try:
        copy_lexical(index.folder, record, generation)
    except LexicalDamage as error:
        with index.reading() as now:
            if lexical_record(now) != record:
                return False
        log.warning("the copy has no words, and the next build of it makes them: %s", error)
    return True
