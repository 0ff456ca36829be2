"""ODT: paragraphs, headings, lists, tables and notes, in document order."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import open_archive, read_xml
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.row_spans import Cell, RowSpans, row_span, span

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_MANIFEST = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_BOX = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}text-box"
_COMMENT = f"{_OFFICE}annotation"
# Deleted text, readings over ideographs and the marks of notes are not body text.
_UNSEEN = frozenset((f"{_TEXT}tracked-changes", f"{_TEXT}ruby-text", f"{_TEXT}note-citation"))
# Nor are these part of the line they are anchored in.
_NOT_INLINE = _UNSEEN | {f"{_TEXT}note-body", _COMMENT, _BOX}
_CHARS = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TITLE_STYLES = {"Title": 1, "Subtitle": 2}
_SPACE = re.compile(r"[ \t\r\n]+")  # one blank, by the format's rule
# A repeat count is a number in the file: a damaged one must not fill the memory with blanks.
_MOST_BLANKS = 100


def read(path: Path, source: str) -> Document:
    """Return the document of an ODT file.

    Raises:
        UnreadableDocument: Damaged, encrypted, or without text.
    """
    with open_archive(path) as archive:
        _refuse_encrypted(archive)
        content = read_xml(archive, "content.xml")
        if content is None:
            raise UnreadableDocument("Its part content.xml is missing.", "Get a whole copy of it.")
        meta = read_xml(archive, "meta.xml")
    title = "" if meta is None else meta.findtext(f".//{_TITLE}") or ""
    _mark_titles(content)
    body = content.find(f"{_OFFICE}body")
    blocks = [] if body is None else _blocks(body)
    return assemble(Origin(source, "odt", title), blocks)


def _refuse_encrypted(archive: zipfile.ZipFile) -> None:
    manifest = read_xml(archive, "META-INF/manifest.xml")
    if manifest is not None and manifest.find(f".//{_MANIFEST}encryption-data") is not None:
        raise UnreadableDocument(
            "It is encrypted with a password.", "Save a copy without the password."
        )


def _mark_titles(content: etree._Element) -> None:
    """Make headings of paragraphs in the styles of titles, or in styles made of these."""
    levels = dict(_TITLE_STYLES)
    for style in content.iterfind(f"{_OFFICE}automatic-styles/{_STYLE}style"):
        level = _TITLE_STYLES.get(style.get(f"{_STYLE}parent-style-name", ""))
        if level:
            levels[style.get(f"{_STYLE}name", "")] = level
    for paragraph in content.iter(f"{_TEXT}p"):
        level = levels.get(paragraph.get(f"{_TEXT}style-name", ""))
        if level:
            paragraph.tag = f"{_TEXT}h"
            paragraph.set(f"{_TEXT}outline-level", str(level))


def _blocks(parent: etree._Element) -> Iterator[Block]:
    for child in parent:
        if child.tag in _UNSEEN:
            continue
        if child.tag in (f"{_TEXT}p", f"{_TEXT}h"):
            level = child.get(f"{_TEXT}outline-level", "1") if child.tag == f"{_TEXT}h" else "0"
            yield Block(
                "".join(_texts(child)).lstrip(" "), min(6, int(level)) if level.isdecimal() else 1
            )
            for note in (*_own(child, f"{_TEXT}note-body"), *_own(child, _COMMENT)):
                yield Block("[" + " ".join(block.text for block in _blocks(note)) + "]", tight=True)
            for box in _own(child, _BOX):
                yield from _blocks(box)
        elif child.tag == f"{_TEXT}list":
            yield from _items(child, first=True)
        elif child.tag == f"{_TABLE}table":
            yield from _rows(child)
        else:
            yield from _blocks(child)


def _items(items: etree._Element, *, first: bool) -> Iterator[Block]:
    """Return the items of a list; first tells whether the outermost list begins here."""
    for item in items:
        mark = "- " if item.tag == f"{_TEXT}list-item" else ""
        for block in _blocks(item):
            nested = block.text.startswith("- ")
            text = block.text if block.level or nested else mark + block.text
            yield Block(text, block.level, tight=not first and not block.level)
            mark, first = "", False


def _rows(table: etree._Element) -> Iterator[Block]:
    tight, spans = False, RowSpans()
    for line in _own(table, f"{_TABLE}table-row"):
        elements = list(line.iterchildren(f"{_TABLE}table-cell"))
        cells = [list(_blocks(cell)) for cell in elements]
        text = spans.line(
            Cell(
                "" if _is_layout(cell) else " ".join(block.text for block in cell),
                _columns(element),
                row_span(element.get(f"{_TABLE}number-rows-spanned")),
            )
            for element, cell in zip(elements, cells, strict=True)
        )
        if any(_is_layout(cell) for cell in cells):
            yield from (block for cell in cells for block in cell)
        elif text:
            yield Block(text, tight=tight)
            tight = True


def _columns(cell: etree._Element) -> int:
    """How many columns a cell takes: those it spans, as often as it is repeated."""
    spanned, times = (
        span(cell.get(f"{_TABLE}number-columns-{how}")) for how in ("spanned", "repeated")
    )
    return spanned * times


def _is_layout(cell: list[Block]) -> bool:
    return any(block.level for block in cell)


def _own(element: etree._Element, tag: str) -> Iterator[etree._Element]:
    """Return the nearest descendants with a tag, not those nested inside one another."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in _UNSEEN:
            yield from _own(child, tag)


def _texts(element: etree._Element) -> Iterator[str]:
    yield _SPACE.sub(" ", element.text or "")
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c", "1")
            yield " " * (min(_MOST_BLANKS, int(count)) if count.isdecimal() else 1)
        elif child.tag in _CHARS:
            yield _CHARS[child.tag]
        elif child.tag not in _NOT_INLINE:
            yield from _texts(child)
        yield _SPACE.sub(" ", child.tail or "")
