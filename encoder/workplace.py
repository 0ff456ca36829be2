"""A place to make a file or folder in, beside where it goes: what a killed process left there goes.

PREFIX + random letters/
lock    an OS lock, held while the folder is in use: a killed process holds none
made    what is made, which its maker moves away when it is whole
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

LOCK, MADE = "lock", "made"


@contextmanager
def workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """Where to make something; it is gone afterwards unless it was moved.

    What killed processes left with the same prefix is removed first, so nothing piles up: what was
    not finished is begun again by the next.

    Args:
        parent: An existing folder, on the same file system as the destination.
        prefix: Names what is made.

    Yields:
        A path at which nothing is yet.

    Raises:
        OSError: The folder cannot be written.
    """
    _remove_remains(parent, prefix)
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, FileNotFoundError):  # another process took it for remains before the lock
            continue
        try:
            yield folder / MADE
        finally:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
        return


def _remove_remains(parent: Path, prefix: str) -> None:
    """Never what is in use, nor what holds anything else."""
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.is_symlink() or not {path.name for path in folder.iterdir()} <= {LOCK, MADE}:
                continue
            lock = FileLock(folder / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            log.info("removed %s, which a killed process had left", folder)
