"""corpus.sqlite.sha256: the checksum of a whole corpus.sqlite at rest.

SQLite's own check sees neither a changed title nor a changed byte in the unused part of a page. So
a finished build writes the checksum of the file (as `sha256sum -c` reads it), and a writer removes
it before it changes anything: where it is there, it must be right.
"""

import hashlib
import os
from pathlib import Path

from indexer.errors import IndexDamaged
from indexer.manifest import fsync_folder
from indexer.store.database import DATABASE

SEAL = f"{DATABASE}.sha256"


def seal(folder: Path) -> None:
    """Record the checksum of the database in a generation's folder; nobody may be writing to it."""
    new = folder / f"{SEAL}.new"
    with new.open("wb") as file:
        file.write(_line(folder))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / SEAL)
    fsync_folder(folder)


def unseal(folder: Path) -> None:
    """Remove the checksum, for good, before the database is changed."""
    if (folder / SEAL).exists():
        (folder / SEAL).unlink()
        fsync_folder(folder)


def check_seal(index_dir: Path, folder: Path) -> bool:
    """Compare the database with its checksum; tells whether there is one.

    Raises:
        IndexDamaged: They differ.
    """
    recorded = _recorded(folder)
    if recorded is None or not (folder / DATABASE).exists():
        return False
    # A writer that has come meanwhile has removed the checksum, or made another.
    if _line(folder) != recorded and _recorded(folder) == recorded:
        raise IndexDamaged(index_dir, f"{DATABASE} is not what its checksum says")
    return True


def _recorded(folder: Path) -> bytes | None:
    try:
        return (folder / SEAL).read_bytes()
    except FileNotFoundError:
        return None


def _line(folder: Path) -> bytes:
    with (folder / DATABASE).open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {DATABASE}\n".encode()
