"""PPTX: slide by slide, each slide a page; its title, its text, its tables, its notes."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import open_archive, read_xml, targets
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.row_spans import Cell, RowSpans, row_span, span

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_REL_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_PRESENTATION = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_REPEATED = ("dt", "ftr", "sldNum", "hdr", "sldImg")  # placeholders that carry no text of the slide


def read(path: Path, source: str) -> Document:
    """Return the document of a PPTX file.

    Raises:
        UnreadableDocument: Damaged, encrypted, or without text.
    """
    with open_archive(path) as archive:
        slides = list(_slides(archive))
        blocks: list[Block] = []
        damaged = 0
        for number, name in enumerate(slides, 1):
            try:
                blocks += _slide_blocks(archive, name, number)
            except UnreadableDocument:
                damaged += 1
        core = read_xml(archive, "docProps/core.xml")
    notes = [f"{damaged} of {len(slides)} slides are damaged."] if damaged else []
    title = "" if core is None else core.findtext(_TITLE) or ""
    if title == "PowerPoint Presentation":  # what PowerPoint writes where nobody gave a title
        title = ""
    return assemble(Origin(source, "pptx", title), blocks, notes)


def _slides(archive: zipfile.ZipFile) -> Iterator[str]:
    """Return the names of the slides in the order of the show."""
    presentation = read_xml(archive, _PRESENTATION)
    if presentation is None:
        raise UnreadableDocument(f"Its part {_PRESENTATION} is missing.", "Get a whole copy of it.")
    parts = targets(archive, _PRESENTATION)
    for slide in presentation.iterfind(f"{_P}sldIdLst/{_P}sldId"):
        target = parts.get(slide.get(_REL_ID, ""))
        if target:
            yield target[1]


def _slide_blocks(archive: zipfile.ZipFile, name: str, number: int) -> Iterator[Block]:
    slide = read_xml(archive, name)
    if slide is None:
        raise UnreadableDocument(f"Its part {name} is missing.")
    yield from _shapes(slide, number)
    for kind, target in targets(archive, name).values():
        notes = read_xml(archive, target) if kind == "notesSlide" else None
        if notes is not None:
            yield from (Block(b.text, page=number, tight=b.tight) for b in _shapes(notes, number))
        comments = read_xml(archive, target) if kind == "comments" else None
        yield from () if comments is None else _comments(comments, number)


def _comments(comments: etree._Element, page: int) -> Iterator[Block]:
    """Return the comments of a slide, with the replies to them, of either kind."""
    for comment in comments:
        old = (text.text or "" for text in comment.iterfind(f"{_P}text"))
        text = " ".join(
            (*old, *(line for body in comment.iter("{*}txBody") for line in _lines(body)))
        )
        if text.strip():
            yield Block(f"[{text}]", page=page, tight=True)


def _shapes(element: etree._Element, page: int) -> Iterator[Block]:
    for child in element:
        if child.tag == f"{_P}txBody":
            holder = element.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
            kind = "" if holder is None else holder.get("type", "")
            if kind not in _REPEATED:
                yield from _paragraphs(child, page, level=1 if kind in _TITLES else 0)
        elif child.tag == f"{_A}tbl":
            spans = RowSpans()
            for at, line in enumerate(child.iterchildren(f"{_A}tr")):
                cells = (cell for cell in line.iterchildren(f"{_A}tc") if not _is_covered(cell))
                yield Block(spans.line(map(_cell, cells)), page=page, tight=at > 0)
        elif child.tag != _FALLBACK:
            yield from _shapes(child, page)


def _is_covered(cell: etree._Element) -> bool:
    """Tell whether a cell lies under one that begins above or before it, and says nothing."""
    merged = not {cell.get("vMerge"), cell.get("hMerge")}.isdisjoint(("1", "true"))
    return merged and not _lines(cell)


def _cell(cell: etree._Element) -> Cell:
    return Cell(" ".join(_lines(cell)), span(cell.get("gridSpan")), row_span(cell.get("rowSpan")))


def _paragraphs(body: etree._Element, page: int, *, level: int) -> Iterator[Block]:
    lines = _lines(body)
    if level:
        yield Block(" ".join(lines), level, page)
    else:
        yield from (Block(line, page=page, tight=at > 0) for at, line in enumerate(lines))


def _lines(body: etree._Element) -> list[str]:
    """Return the paragraphs of a text body that hold text."""
    lines = []
    for paragraph in body.iter(f"{_A}p"):
        parts = (
            "\n" if part.tag == f"{_A}br" else part.text or ""
            for part in paragraph.iter(f"{_A}t", f"{_A}br")
        )
        lines.append("".join(parts))
    return [line for line in lines if line.strip()]
