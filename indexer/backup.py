"""Copy one committed state of an index, also while a build is running."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from encoder.errors import UsageError
from encoder.workplace import workplace
from indexer.lexical_index import LexicalDamage
from indexer.manifest import write_manifest
from indexer.store import Index, open_index
from indexer.store.database import DATABASE, storage_errors
from indexer.store.derived import copy_lexical, lexical_record
from indexer.store.rows import VECTORS
from indexer.store.seal import check_seal, seal

log = logging.getLogger(__name__)

# How the folder beside the destination is called in which a copy is made.
WORKPLACE = ".crosstongue-backup-"


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
        with workplace(destination.parent, WORKPLACE) as copy:
            generation = copy / index.manifest.generation
            while not _copy_generation(index, generation, destination):
                shutil.rmtree(generation)
            # Not the file: a --fresh build may have replaced it meanwhile.
            write_manifest(copy, index.manifest)
            copy.rename(destination)


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
