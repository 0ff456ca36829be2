"""What a build has to do: the difference between a folder and an index."""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.errors import CorpusError, IndexNotFound, RemovalGuard
from indexer.options import BuildOptions
from indexer.scan import Scan, SourceFile, scan
from indexer.store import Unread, open_index


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference.

    Attributes:
        to_read: Files that are new or changed, with their sha256.
        renamed: Old and new source of documents whose content has moved.
        removed: Sources of documents whose file is gone.
        unchanged: Number of documents that stay as they are.
        unread: Files whose content could not be read at all.
    """

    to_read: tuple[tuple[SourceFile, str], ...]
    renamed: tuple[tuple[str, str], ...]
    removed: tuple[str, ...]
    unchanged: int
    unread: tuple[Unread, ...]

    @property
    def nothing(self) -> bool:
        """Whether the index is up to date."""
        return not (self.to_read or self.renamed or self.removed)


def plan_changes(known: Mapping[str, str], found: Scan) -> Changes:
    """Compare sources and contents.

    Args:
        known: Source and sha256 of each document in the index.
        found: What the folder holds.
    """
    unread: list[Unread] = []
    hashes: dict[str, str] = {}
    files = {file.source: file for file in found.files}
    for file in found.files:
        try:
            hashes[file.source] = file_sha256(file.path)
        except OSError as error:
            unread.append(Unread(file.source, f"It cannot be read: {error.strerror}."))
    closed = tuple(item.source.rstrip("/") for item in (*unread, *found.unread))
    # What is there but cannot be opened just now, file or folder, is no reason to forget documents.
    gone = {
        source
        for source in known
        if source not in hashes
        and not any(source == name or source.startswith(f"{name}/") for name in closed)
    }
    new = [source for source in hashes if source not in known]
    renamed = _renames(known, sorted(gone), {source: hashes[source] for source in new})
    moved_from, moved_to = {old for old, _ in renamed}, {new for _, new in renamed}
    changed = [source for source in hashes if source in known and known[source] != hashes[source]]
    to_read = [source for source in (*new, *changed) if source not in moved_to]
    return Changes(
        tuple((files[source], hashes[source]) for source in sorted(to_read)),
        tuple(renamed),
        tuple(sorted(gone - moved_from)),
        sum(known.get(source) == sha256 for source, sha256 in hashes.items()),
        tuple(unread),
    )


def plan_build(corpus_dir: Path, index_dir: Path, options: BuildOptions) -> tuple[Scan, Changes]:
    """Say what a build would do, without doing it."""
    found = scan(corpus_dir, index_dir, options.include, options.exclude)
    known: dict[str, str] = {}
    try:
        index = open_index(index_dir)
        with index.reading() as database:
            known = {document.source: document.sha256 for document in index.documents(database)}
    except IndexNotFound:
        pass
    return found, plan_changes({} if options.fresh else known, found)


def check_something_to_read(found: Scan, corpus_dir: Path) -> None:
    """Refuse to make an index of nothing.

    Raises:
        CorpusError: No file of the folder can be read.
    """
    if found.files:
        return
    left_out = [f"{item.source}: {item.reason}" for item in found.unread[:3]]
    if found.ignored:
        left_out.append(f"{found.ignored} left out by patterns or hidden")
    why = f" ({' '.join(left_out)})" if left_out else ""
    raise CorpusError(
        f"There is nothing to read in {corpus_dir}{why}.",
        "Put documents there, or name another folder: python -m indexer build ./docs",
    )


def guard_removals(known: int, changes: Changes, corpus_dir: Path) -> None:
    """Refuse to drop most of an index because a folder is unmounted or the wrong one.

    Raises:
        RemovalGuard: More than half of the documents would go.
    """
    if 2 * len(changes.removed) > known:
        raise RemovalGuard(
            f"{len(changes.removed)} of {known} documents are gone from {corpus_dir} or left out "
            "by patterns; nothing was changed.",
            "Is the folder mounted and the right one? If they should really go: --allow-removals",
        )


def file_sha256(path: Path) -> str:
    """Hash a file without holding it in memory.

    Raises:
        OSError: It cannot be read; or what was a file when the folder was listed is a pipe or a
            device now, which might never end.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file any more")
        return hashlib.file_digest(file, "sha256").hexdigest()


def _renames(
    known: Mapping[str, str], gone: Sequence[str], new: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Pair documents that are gone with new files of the same content and kind."""
    renamed = []
    free = dict(new)
    for old in gone:
        for source, sha256 in free.items():
            if sha256 == known[old] and _suffix(source) == _suffix(old):
                renamed.append((old, source))
                del free[source]
                break
    return renamed


def _suffix(source: str) -> str:
    return PurePosixPath(source).suffix.lower()
