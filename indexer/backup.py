"""Copy one committed state of an index, also while a build is running."""

import logging
import shutil
import sqlite3
import tempfile
from pathlib import Path

from encoder.errors import UsageError
from indexer.lexical_index import LexicalDamage
from indexer.manifest import write_manifest
from indexer.store import Index, open_index
from indexer.store.database import DATABASE, storage_errors
from indexer.store.derived import copy_lexical, lexical_record
from indexer.store.rows import VECTORS
from indexer.store.seal import check_seal, seal

log = logging.getLogger(__name__)


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
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".backup-") as temporary:
            copy = Path(temporary) / "index"
            generation = copy / index.manifest.generation
            generation.mkdir(parents=True)
            _copy_database(index, generation / DATABASE)
            seal(generation)
            # Rows are appended before they are committed, so the copied database never names one
            # that is not copied after it.
            shutil.copyfile(index.folder / VECTORS, generation / VECTORS)
            _copy_words(index, generation)
            # Not the file: a --fresh build may have replaced it meanwhile.
            write_manifest(copy, index.manifest)
            copy.rename(destination)


def _copy_database(index: Index, path: Path) -> None:
    with index.reading() as source:
        source.execute("ROLLBACK")  # SQLite's own backup takes the transaction it needs
        target = sqlite3.connect(path)
        source.backup(target)
        target.close()


def _copy_words(index: Index, generation: Path) -> None:
    """Copy the words that the copied database names; damaged ones are left to the next build."""
    database = sqlite3.connect(generation / DATABASE)
    record = lexical_record(database)
    database.close()
    if record is None:
        return
    try:
        copy_lexical(index.folder, record, generation)
    except LexicalDamage as error:
        log.warning("the copy has no words, and the next build of it makes them: %s", error)
