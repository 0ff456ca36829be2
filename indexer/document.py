"""A document: one source file, read into one cleaned text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """The half-open span [start, end) of one page in its document's text; number is 1-based."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """The half-open span [start, end) of one heading in its document's text; level 1 is highest."""

    level: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """One source file, read.

    Attributes:
        source: POSIX path relative to the corpus; the document's identity.
        format: How it was read: "txt", "md", "html", "pdf", "docx".
        title: From the file's metadata or its first heading; may be empty.
        text: The cleaned text. Everything else refers to it by half-open spans of code points.
        pages: In order, together covering the text; empty where the format knows no pages.
        headings: In order of their start; empty where the format knows none.
        notes: What a person should know about the reading ("Decoded as cp1251").
        scanned_pages: 1-based numbers of pages that show pictures or drawings but hold no text.
    """

    source: str
    format: str
    title: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    notes: tuple[str, ...] = ()
    scanned_pages: tuple[int, ...] = ()
