"""folder -> the files to read, and every file that is left out with its reason."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import UsageError
from indexer.errors import CorpusError
from indexer.patterns import compile_patterns
from indexer.read import supported
from indexer.store import Unread

IGNORE_FILE = ".ragignore"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: its path, its source (POSIX path relative to the corpus) and its size."""

    path: Path
    source: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds.

    Attributes:
        files: The files to read, by source.
        unread: Files that cannot be read, with the reason.
        ignored: How many files the user's patterns and hidden names leave out.
    """

    files: tuple[SourceFile, ...]
    unread: tuple[Unread, ...]
    ignored: int


def scan(
    corpus_dir: Path,
    index_dir: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Scan:
    """List the files of a corpus.

    Hidden files, the index itself and what .ragignore and `exclude` match are left out. Links are
    not followed.

    Args:
        corpus_dir: The folder of documents.
        index_dir: Never part of the corpus, wherever it lies.
        include: Patterns in gitignore syntax; if there are any, only files that match are read.
        exclude: Patterns in gitignore syntax.

    Raises:
        CorpusError: The folder is missing, is no folder, or cannot be listed.
        UsageError: The folder is the index itself.
    """
    _check(corpus_dir, index_dir)
    wanted = compile_patterns(include, "--include")
    unwanted = compile_patterns([*_ignore_lines(corpus_dir), *exclude], ".ragignore or --exclude")
    files: list[SourceFile] = []
    unread: list[Unread] = []
    ignored = 0
    for path in _walk(corpus_dir, index_dir.resolve(), unread):
        source = path.relative_to(corpus_dir).as_posix()
        hidden = any(part.startswith(".") for part in Path(source).parts)
        if hidden or unwanted.match_file(source) or (include and not wanted.match_file(source)):
            ignored += 1
            continue
        found = _inspect(path, source)
        if isinstance(found, SourceFile):
            files.append(found)
        else:
            unread.append(found)
    files.sort(key=lambda file: file.source)
    return Scan(tuple(files), tuple(sorted(unread, key=lambda u: u.source)), ignored)


def _check(corpus_dir: Path, index_dir: Path) -> None:
    example = "Name the folder of your documents: python -m indexer build ./docs"
    if not corpus_dir.exists():
        raise CorpusError(f"There is no folder {corpus_dir}.", example)
    if not corpus_dir.is_dir():
        raise CorpusError(
            f"{corpus_dir} is a file, not a folder.",
            f"Build from the folder that holds it: python -m indexer build {corpus_dir.parent}",
        )
    if corpus_dir.resolve() == index_dir.resolve():
        raise UsageError(
            f"{index_dir} is the folder of documents itself.",
            "Name another folder for the index: --index ./index",
        )
    try:
        with os.scandir(corpus_dir) as entries:
            next(entries, None)
    except OSError as error:
        raise CorpusError(
            f"The folder {corpus_dir} cannot be listed: {error.strerror}.",
            "Give yourself permission to read it.",
        ) from error


def _ignore_lines(corpus_dir: Path) -> list[str]:
    try:
        return (corpus_dir / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{corpus_dir / IGNORE_FILE} cannot be read: {error}.",
            "Save it as UTF-8 text, one pattern a line.",
        ) from error


def _walk(corpus_dir: Path, index_dir: Path, unread: list[Unread]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        folder = os.path.relpath(error.filename, corpus_dir)
        unread.append(
            Unread(printable(f"{folder}/"), f"The folder cannot be listed: {error.strerror}.")
        )

    for folder, folders, names in os.walk(corpus_dir, onerror=note):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in links
            and (here / name).resolve() != index_dir
        )
        yield from (here / name for name in sorted([*names, *links]))


def _inspect(path: Path, source: str) -> SourceFile | Unread:
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return Unread(printable(source), "Its name is not valid UTF-8. Rename it.")
    try:
        status = path.lstat()
    except OSError as error:
        return Unread(source, f"It cannot be opened: {error.strerror}.")
    if stat.S_ISLNK(status.st_mode):
        return Unread(source, "It is a link. Links are not followed; put the file itself here.")
    if not stat.S_ISREG(status.st_mode):
        return Unread(source, "It is no ordinary file (a pipe, socket or device).")
    if not supported(path):
        return Unread(source, f"The format {path.suffix.lower()} is not read.")
    if not os.access(path, os.R_OK):
        return Unread(source, "It cannot be opened: permission denied.")
    return SourceFile(path, source, status.st_size)


def printable(name: str) -> str:
    """A name with invalid bytes shown as escapes, so that it can be stored and printed."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
