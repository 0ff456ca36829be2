"""folder -> the files to read, and every file that is left out with its reason."""

import os
import stat
import unicodedata
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
    """A file to read.

    Attributes:
        source: POSIX path relative to the corpus.
        modified_s: When it was last written to, in whole seconds since 1970.
    """

    path: Path
    source: str
    size_bytes: int
    modified_s: int = 0


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

    Hidden files, the index itself and what .ragignore and `exclude` match are left out. A link to
    what lies within the folder is followed where the file is not read under a name of its own, so
    that each file is read once; one that leads out of the folder is refused.

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
    choice = _Choice(corpus_dir.resolve(), index_dir.resolve(), include, exclude)
    links = [path for path in choice.walk(choice.root) if choice.take(path, path)]
    for link in links:
        choice.follow(link)
    files = tuple(sorted(choice.files.values(), key=lambda file: file.source))
    unread = tuple(sorted(choice.unread, key=lambda item: item.source))
    return Scan(files, unread, choice.ignored)


class _Choice:
    """What is found and what is left out, while a folder is walked; paths are true ones."""

    def __init__(
        self, root: Path, index_dir: Path, include: Sequence[str], exclude: Sequence[str]
    ) -> None:
        self.root = root
        self.index_dir = index_dir
        self.wanted = compile_patterns(map(_nfc, include), "--include") if include else None
        lines = [*_ignore_lines(root), *exclude]
        self.unwanted = compile_patterns(map(_nfc, lines), ".ragignore or --exclude")
        self.files: dict[Path, SourceFile] = {}
        self.unread: list[Unread] = []
        self.ignored = 0

    def walk(self, start: Path) -> Iterator[Path]:
        """Every file and link below a folder, but for hidden folders and the index."""
        for folder, folders, names in os.walk(start, onerror=self._note):
            here = Path(folder)
            links = [name for name in folders if _is_link(here / name)]
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".") and name not in links and here / name != self.index_dir
            )
            yield from (here / name for name in sorted([*names, *links]))

    def take(self, path: Path, shown: Path) -> bool:
        """Decide on a file that is to be known by the path `shown`; tells whether it is a link."""
        source = shown.relative_to(self.root).as_posix()
        if _is_hidden(Path(source)) or not self._is_wanted(source):
            self.ignored += 1
            return False
        if _is_link(path):
            return True
        found = _inspect(path, source)
        if isinstance(found, Unread):
            self.unread.append(found)
        else:
            self.files.setdefault(path, found)
        return False

    def follow(self, link: Path) -> None:
        """Read what a link points to, where it is hidden: all else is seen at its own place."""
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
            return self._refuse(link, "It is a link that leads nowhere.")
        if not target.is_relative_to(self.root):
            why = "It is a link out of the folder of documents. Put the file itself here."
            return self._refuse(link, why)
        if not _is_hidden(target.relative_to(self.root)) or target.is_relative_to(self.index_dir):
            return None
        for path in self.walk(target) if target.is_dir() else [target]:
            shown = link / path.relative_to(target)
            if self.unwanted.match_file(_nfc(path.relative_to(self.root).as_posix())):
                self.ignored += 1
            elif path not in self.files and self.take(path, shown):
                self._refuse(shown, "It is a link behind a link.")
        return None

    def _refuse(self, path: Path, reason: str) -> None:
        source = path.relative_to(self.root).as_posix()
        self.unread.append(Unread(printable(source), reason))

    def _is_wanted(self, source: str) -> bool:
        name = _nfc(source)
        is_asked_for = self.wanted is None or self.wanted.match_file(name)
        return is_asked_for and not self.unwanted.match_file(name)

    def _note(self, error: OSError) -> None:
        folder = os.path.relpath(error.filename, self.root)
        self.unread.append(
            Unread(printable(f"{folder}/"), f"The folder cannot be listed: {error.strerror}.")
        )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_link(path: Path) -> bool:
    """Tell whether a path is known to be a link; opening what may not be seen says why later."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _nfc(name: str) -> str:
    """One spelling for patterns and names: some file systems keep accents apart from letters."""
    return unicodedata.normalize("NFC", name)


def _check(corpus_dir: Path, index_dir: Path) -> None:
    example = "Name the folder of your documents: python -m indexer build ./docs"
    try:
        kind = corpus_dir.stat().st_mode
    except FileNotFoundError:
        raise CorpusError(f"There is no folder {corpus_dir}.", example) from None
    except OSError as error:
        raise _cannot_be_listed(corpus_dir, error) from error
    if not stat.S_ISDIR(kind):
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
        raise _cannot_be_listed(corpus_dir, error) from error


def _cannot_be_listed(corpus_dir: Path, error: OSError) -> CorpusError:
    return CorpusError(
        f"The folder {corpus_dir} cannot be listed: {error.strerror}.",
        "Give yourself permission to read it.",
    )


def _ignore_lines(corpus_dir: Path) -> list[str]:
    try:
        return (corpus_dir / IGNORE_FILE).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CorpusError(
            f"{corpus_dir / IGNORE_FILE} cannot be read: {error.strerror}.",
            "Give yourself permission to read it, and the folder it is in.",
        ) from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{corpus_dir / IGNORE_FILE} cannot be read: {error}.",
            "Save it as UTF-8 text, one pattern a line.",
        ) from error


def _inspect(path: Path, source: str) -> SourceFile | Unread:
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return Unread(printable(source), "Its name is not valid UTF-8. Rename it.")
    try:
        status = path.lstat()
    except OSError as error:
        return Unread(source, f"It cannot be opened: {error.strerror}.")
    if not stat.S_ISREG(status.st_mode):
        return Unread(source, "It is no ordinary file (a pipe, socket or device).")
    if not supported(path):
        return Unread(source, f"The format {path.suffix.lower()} is not read.")
    if not os.access(path, os.R_OK):
        return Unread(source, "It cannot be opened: permission denied.")
    return SourceFile(path, source, status.st_size, int(status.st_mtime))


def printable(name: str) -> str:
    """A name with invalid bytes shown as escapes, so that it can be stored and printed."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
