"""A file -> a Document, whatever its format.

    read_document(path, source) -> Document, or UnreadableDocument with a reason

The reader is chosen by what the first bytes show, then by the suffix. Each format has a module of
its own with a function `read(path, source)`; its libraries are imported when it is first needed.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.sniff import format_by_content

# PDFs of scanned books reach some 300 MB; beyond this a file is a dump or a disk image, and reading
# it would need several times its size in memory.
MAX_FILE_BYTES = 512 * 2**20

_CODE = frozenset(
    """
    adb ads asm awk bash bat bib c cc cfg clj cmake cmd conf cpp cs css cu cuh cxx dart diff
    dockerfile el elm erl ex exs f90 fish fs go gql gradle graphql groovy h hh hpp hrl hs hxx
    ini java jl js jsx kt kts less lisp lua m make mk ml mli mm nim nix patch php pl pm po pot
    properties proto ps1 py pyi pyx r rake rb rs sass scala scm scss sh sql srt sv svelte swift
    tcl tex tf toml ts tsx v vb vhd vim vtt vue xml xsd xsl xslt yaml yml zig zsh
    """.split()  # noqa: SIM905 - a list literal is 90 lines long
)

# Suffix -> format. Old Office suffixes are here because such files often hold the new format.
FORMATS: dict[str, str] = {
    **dict.fromkeys((f".{suffix}" for suffix in sorted(_CODE)), "txt"),
    **dict.fromkeys(("", ".txt", ".text", ".log", ".rst", ".adoc", ".asciidoc", ".org"), "txt"),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"), "md"),
    **dict.fromkeys((".html", ".htm", ".xhtml", ".shtml"), "html"),
    **dict.fromkeys((".docx", ".docm", ".dotx", ".doc"), "docx"),
    **dict.fromkeys((".odt", ".ott"), "odt"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppt"), "pptx"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls"), "xlsx"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    ".pdf": "pdf",
    ".epub": "epub",
    ".rtf": "rtf",
    ".eml": "eml",
    ".ipynb": "ipynb",
}
_MODULES = {
    "txt": "text",
    "md": "markdown",
    "html": "html",
    "pdf": "pdf",
    "docx": "docx",
    "odt": "odt",
    "epub": "epub",
    "pptx": "pptx",
    "xlsx": "xlsx",
    "csv": "csv",
    "rtf": "rtf",
    "eml": "eml",
    "ipynb": "ipynb",
    "json": "json",
}
# Formats that only their bytes tell; a file of that suffix with other bytes is damaged.
_SHOWN_BY_CONTENT = {"pdf", "docx", "odt", "epub", "pptx", "xlsx", "rtf"}


def supported(path: Path) -> bool:
    """Tell whether the suffix of the path names a format that is read."""
    return path.suffix.lower() in FORMATS


def read_document(path: Path, source: str) -> Document:
    """Return the document of one file.

    Args:
        path: The file.
        source: Its POSIX path relative to the corpus.

    Raises:
        UnreadableDocument: With the reason. No file raises anything else, but for a missing or
            forbidden one (OSError) and for want of memory.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise UnreadableDocument(
            f"It has {size / 2**20:,.0f} MB; the limit is {MAX_FILE_BYTES // 2**20} MB.",
            "Cut it into smaller files.",
        )
    if size == 0:
        raise UnreadableDocument("It is empty (zero bytes).")
    kind = choose_format(path)
    try:
        return _reader(kind)(path, source)
    except (UnreadableDocument, OSError, MemoryError, ImportError, NameError):
        raise  # known, no fault of the file, or a mistake of ours
    # The one broad catch: parsers of other people's files throw whatever they meet deep inside
    # (KeyError, AssertionError, RecursionError), and no damaged file may stop a build.
    except Exception as error:
        raise UnreadableDocument(
            f"It could not be read as {kind} ({type(error).__name__}: {str(error)[:200]}).",
            "If its own program opens it, save it anew there.",
        ) from error


def choose_format(path: Path) -> str:
    """Return the format of a file: what its bytes show, else what its suffix says.

    Raises:
        UnreadableDocument: No format is known, or bytes and suffix contradict each other.
    """
    suffix = path.suffix.lower()
    by_suffix = FORMATS.get(suffix, "")
    by_content = format_by_content(path)
    if by_content == "html" and by_suffix not in ("", "txt"):
        by_content = ""  # Markdown, XML and code may begin with a tag
    if by_content:
        return by_content
    if not by_suffix:
        raise UnreadableDocument(
            f"The format {suffix} is not read.", "Convert it to PDF, DOCX, HTML or text."
        )
    if by_suffix in _SHOWN_BY_CONTENT:
        raise UnreadableDocument(
            f"It is named {suffix}, but its bytes are no {by_suffix} file.",
            "It may be damaged, or misnamed: check its origin.",
        )
    return by_suffix


def _reader(kind: str) -> Callable[[Path, str], Document]:
    """Return the `read` of a format's module, imported now so that no other format pays for it."""
    module = importlib.import_module(f"indexer.read.{_MODULES[kind]}")
    read: Callable[[Path, str], Document] = module.read
    return read
