"""Blocks, the common product of all formats, and how they are put together into a Document.

Every reader cuts its file into blocks (a paragraph, a heading, a list item, a table row). They
are cleaned one by one and joined here, so the spans of pages and headings hold for the cleaned
text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.clean import clean, one_line, without_leaders
from indexer.document import Document, Heading, Page
from indexer.errors import UnreadableDocument


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of text that stands on lines of its own.

    Attributes:
        text: Raw; it is cleaned when the document is assembled.
        level: Heading level from 1; 0 for anything else.
        page: 1-based; 0 where the format knows no pages.
        tight: Follows the block before it after one line break (list items, table rows) and not
            after a blank line.
    """

    text: str
    level: int = 0
    page: int = 0
    tight: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document comes from: its source, its format, and the title its metadata gives."""

    source: str
    format: str
    title: str = ""


def assemble(
    origin: Origin, blocks: Iterable[Block], notes: Sequence[str] = (), if_empty: str = ""
) -> Document:
    """Join blocks into a document; the first heading is the title where the metadata has none.

    Args:
        origin: What the document is.
        blocks: In reading order; pages must not go backwards.
        notes: What a person should know about the reading.
        if_empty: Why there may be no text, and what helps; completes the error.

    Raises:
        UnreadableDocument: No block holds a letter or a digit.
    """
    parts: list[str] = []
    headings: list[Heading] = []
    page_starts: dict[int, int] = {}
    end = leaders = 0
    for block in blocks:
        text, found = without_leaders(clean(block.text).strip("\n"))
        leaders += found
        if block.level:
            text = one_line(text)
        if not text.strip():
            continue
        if parts:
            parts.append("\n" if block.tight else "\n\n")
            end += len(parts[-1])
        if block.page:
            page_starts.setdefault(block.page, end)
        if block.level:
            headings.append(Heading(block.level, end, end + len(text)))
        parts.append(text)
        end += len(text)
    text = "".join(parts)
    if not any(map(str.isalnum, text)):
        raise UnreadableDocument("It holds no text.", if_empty)
    if leaders:
        notes = (*notes, f"Dots that lead to page numbers were removed from {leaders} lines.")
    title = one_line(origin.title) or (
        text[headings[0].start : headings[0].end] if headings else ""
    )
    return Document(
        source=origin.source,
        format=origin.format,
        title=title,
        text=text,
        pages=_pages(page_starts, end),
        headings=tuple(headings),
        notes=tuple(notes),
    )


def row(cells: Iterable[str]) -> str:
    """Return the cells of one table row on one line; outer empty cells leave no trace."""
    return " | ".join(one_line(cell) for cell in cells).strip(" |")


def _pages(starts: dict[int, int], end: int) -> tuple[Page, ...]:
    """Return pages that cover the text; the gap between two pages belongs to the first of them."""
    bounds = [*starts.values(), end]
    return tuple(
        Page(number, start, stop)
        for number, start, stop in zip(starts, bounds, bounds[1:], strict=False)
    )
