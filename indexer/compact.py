"""Leave out the rows that no passage needs any more: the next generation, with the live ones."""

import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.errors import IndexLocked, IndexNotFound, StorageError
from indexer.generation import next_generation
from indexer.store import Index, IndexWriter, lock_for_writing, open_index

log = logging.getLogger(__name__)

# A build compacts by itself when more than this share of the rows is dead, and more than this many.
DEAD_SHARE, DEAD_ROWS = 0.25, 1024


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compacting did: rows before and after, and the generation that is in use now."""

    rows_before: int
    rows_after: int
    generation: str


def compact_index(index_dir: Path) -> Compaction:
    """Copy documents, passages and live rows to the next generation, and make it the current one.

    Readers of the old generation go on with it: it stays until the next build. Killed at any
    moment, it leaves the index as it was.

    Raises:
        IndexNotFound: There is no index.
        IndexLocked: A build is running.
        IndexDamaged: The index contradicts itself.
        StorageError: The disk is full or the index cannot be written.
    """
    if not index_dir.is_dir():
        raise IndexNotFound(index_dir)
    lock = lock_for_writing(index_dir)
    try:
        index = open_index(index_dir)
        used = _used_rows(index)
        current = index.manifest.generation
        if used.all():
            return Compaction(len(used), len(used), current)
        manifest = replace(index.manifest, generation=next_generation(index_dir))
        try:
            with IndexWriter.open(index_dir, manifest, lock) as writer:
                writer.copy_from(index, used)
                writer.publish()
        except BaseException:
            if open_index(index_dir).manifest.generation == current:
                shutil.rmtree(index_dir / manifest.generation, ignore_errors=True)
            raise
        return Compaction(len(used), int(used.sum()), manifest.generation)
    finally:
        lock.release()


def compact_if_due(index_dir: Path, rows: int, used: int) -> None:
    """Compact an index of which too much is dead; a good build stays good if this fails.

    Args:
        index_dir: The folder of the index.
        rows: How many rows there are.
        used: How many of them a passage has.
    """
    if rows - used <= max(DEAD_ROWS, DEAD_SHARE * rows):
        return
    log.info("%d of %d rows are dead: compacting", rows - used, rows)
    with suppress(IndexLocked):  # another build is at work already, and will see to it
        try:
            compact_index(index_dir)
        except StorageError as error:
            log.warning("not compacted: %s", error)


def _used_rows(index: Index) -> npt.NDArray[np.bool_]:
    """Shape (rows,): whether a passage has the row, also one of an unfinished document."""
    with index.reading() as database:
        (rows,) = database.execute("SELECT next_row FROM state").fetchone()
        used = np.zeros(rows, np.bool_)
        used[[row for (row,) in database.execute("SELECT row FROM passages")]] = True
    return used
