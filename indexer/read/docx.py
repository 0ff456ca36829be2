"""DOCX: everything a reader of the document sees in its body, in document order.

python-docx opens the package and knows styles and properties; the text is walked here, because its
own iteration leaves out content controls, tracked insertions, text boxes, notes and comments.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

import docx
from docx.document import Document as WordFile
from docx.opc.exceptions import PackageNotFoundError
from lxml import etree

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import file_of, open_archive, parse_xml
from indexer.read.blocks import Block, Origin, assemble
from indexer.read.row_spans import Cell, RowSpans, span
from indexer.read.symbols import letter

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOTES = ("footnotes", "endnotes", "comments")
# Deleted and moved-away text, field codes, and the older twin of each drawing are not seen.
_UNSEEN = frozenset((f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}delText", _FALLBACK))
_CHARS = {
    f"{_W}tab": "\t",
    f"{_W}br": "\n",
    f"{_W}cr": "\n",
    f"{_W}noBreakHyphen": "-",
}
_SYMBOL = f"{_W}sym"
_NUMBERED = f"{_W}pPr/{_W}numPr/{_W}numId"
_TITLE_STYLES = {"title": 1, "subtitle": 2}
_MAX_LEVEL = 9
_MOST_IN_ROW = 3  # paragraphs of a cell that still fit on the line of a row
# Word allows styles to be based on one another 11 deep; a damaged file can make a ring of them.
_MAX_ANCESTRY = 11


def read(path: Path, source: str) -> Document:
    """Return the document of a DOCX file.

    Raises:
        UnreadableDocument: Damaged, encrypted, or without text.
    """
    with open_archive(path) as archive:
        try:
            word = docx.Document(file_of(archive, path))
        except (PackageNotFoundError, KeyError, ValueError, etree.XMLSyntaxError) as error:
            raise UnreadableDocument(
                f"The DOCX file is damaged ({error}).", "Open it in Word and save it anew."
            ) from error
        blocks = list(_Body(word).blocks())
        return assemble(Origin(source, "docx", _title(word)), blocks)


def _title(word: WordFile) -> str:
    """Return the title; python-docx 1.2.0 invents "Word Document" where there are no properties."""
    title = word.core_properties.title
    return "" if title == "Word Document" else title


class _Body:
    """The body of one file with what its paragraphs refer to: styles and notes."""

    def __init__(self, word: WordFile) -> None:
        self._root = word.element.body
        self._levels, self._items = _styles(word)
        self._notes = dict(_notes(word))

    def blocks(self) -> Iterator[Block]:
        return self._blocks(self._root)

    def _blocks(self, parent: etree._Element) -> Iterator[Block]:
        item = False
        for child in parent:
            if child.tag in _UNSEEN:
                continue
            if child.tag == f"{_W}p":
                paragraph = list(self._paragraph(child, after_item=item))
                item = bool(paragraph) and self._is_item(child)
                yield from paragraph
            elif child.tag == f"{_W}tbl":
                item = False
                yield from self._table(child)
            elif child.tag != f"{_W}sectPr":
                yield from self._blocks(child)

    def _paragraph(self, paragraph: etree._Element, *, after_item: bool) -> Iterator[Block]:
        level = self._level(paragraph)
        item = not level and self._is_item(paragraph)
        text = "".join(_texts(paragraph))
        if text.strip():
            yield Block(f"- {text}" if item else text, level, tight=item and after_item)
        for box in _own_boxes(paragraph):
            yield from self._blocks(box)
        for kind in _NOTES:
            for mark in paragraph.iter(f"{_W}{kind[:-1]}Reference"):
                note = self._notes.get((kind, mark.get(f"{_W}id", "")), "")
                if note:
                    yield Block(f"[{note}]", tight=True)

    def _table(self, table: etree._Element) -> Iterator[Block]:
        """Give one block a row; cells that hold tables, headings or many paragraphs are layout."""
        first, spans = True, RowSpans()
        lines = [list(_placed(line)) for line in _within(table, f"{_W}tr")]
        covered = {
            (at, column)
            for at, line in enumerate(lines)
            for column, cell in line
            if _is_covered(cell)
        }
        for at, line in enumerate(lines):
            begun = [(column, cell) for column, cell in line if (at, column) not in covered]
            cells = [list(self._blocks(cell)) for _, cell in begun]
            left_out = [Cell("", line[0][0])] if line and line[0][0] else []
            text = spans.line(
                left_out
                + [
                    Cell(
                        "" if _is_layout(blocks) else " ".join(block.text for block in blocks),
                        _columns(cell),
                        next(n for n in count(1) if (at + n, column) not in covered),
                    )
                    for (column, cell), blocks in zip(begun, cells, strict=True)
                ]
            )
            if any(_is_layout(cell) for cell in cells):
                for cell in cells:
                    yield from cell
            elif text:
                yield Block(text, tight=not first)
                first = False

    def _level(self, paragraph: etree._Element) -> int:
        own = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
        return self._levels.get(_style_id(paragraph), 0) if own is None else _outline_level(own)

    def _is_item(self, paragraph: etree._Element) -> bool:
        number = paragraph.find(_NUMBERED)
        if number is None:
            return _style_id(paragraph) in self._items
        return bool(number.get(f"{_W}val") != "0")  # 0 takes the number of the style away


def _style_id(paragraph: etree._Element) -> str:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    return "" if style is None else style.get(f"{_W}val", "")


def _is_layout(cell: list[Block]) -> bool:
    return len(cell) > _MOST_IN_ROW or any(block.level for block in cell)


def _texts(element: etree._Element) -> Iterator[str]:
    """Return the visible text of a paragraph, without its text boxes."""
    for child in element:
        if child.tag in (f"{_W}t", f"{_M}t"):
            yield child.text or ""
        elif child.tag in _CHARS:
            yield _CHARS[child.tag]
        elif child.tag == _SYMBOL:
            yield letter(child.get(f"{_W}font", ""), child.get(f"{_W}char", ""))
        elif child.tag not in _UNSEEN and child.tag not in (f"{_W}txbxContent", f"{_W}pPr"):
            yield from _texts(child)


def _own_boxes(element: etree._Element) -> Iterator[etree._Element]:
    """Return the text boxes anchored in a paragraph; boxes inside them come with them."""
    for child in element:
        if child.tag == f"{_W}txbxContent":
            yield child
        elif child.tag not in _UNSEEN:
            yield from _own_boxes(child)


def _within(element: etree._Element, tag: str) -> Iterator[etree._Element]:
    """Return rows or cells, also those in content controls, but not those of inner tables."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag not in _UNSEEN and child.tag != f"{_W}tbl":
            yield from _within(child, tag)


def _columns(cell: etree._Element) -> int:
    grid = cell.find(f"{_W}tcPr/{_W}gridSpan")
    return 1 if grid is None else span(grid.get(f"{_W}val"))


def _placed(line: etree._Element) -> Iterator[tuple[int, etree._Element]]:
    """Return the cells of a row with the number of their first column."""
    before = line.find(f"{_W}trPr/{_W}gridBefore")  # columns that the row leaves out
    column = 0 if before is None else span(before.get(f"{_W}val"))
    for cell in _within(line, f"{_W}tc"):
        yield column, cell
        column += _columns(cell)


def _is_covered(cell: etree._Element) -> bool:
    """Tell whether a cell goes on with the one above it, and says nothing of its own."""
    merged = cell.find(f"{_W}tcPr/{_W}vMerge")
    goes_on = merged is not None and merged.get(f"{_W}val", "continue") != "restart"
    return goes_on and not any(text.text for text in cell.iter(f"{_W}t"))


def _styles(word: WordFile) -> tuple[dict[str, int], set[str]]:
    """Return style id -> heading level, and the styles of list items; both inherit."""
    styles = {
        style.get(f"{_W}styleId", ""): style for style in word.styles.element.iter(f"{_W}style")
    }
    levels: dict[str, int] = {}
    items: set[str] = set()
    for name, style in styles.items():
        line = list(_ancestry(style, styles))
        own = [level for parent in line if (level := _style_level(parent)) is not None]
        if own:
            levels[name] = own[0]
        if any(parent.find(_NUMBERED) is not None for parent in line):
            items.add(name)
    return levels, items


def _ancestry(
    style: etree._Element, styles: Mapping[str, etree._Element]
) -> Iterator[etree._Element]:
    """Return a style and the styles it is based on, nearest first."""
    for _ in range(_MAX_ANCESTRY):
        yield style
        base = style.find(f"{_W}basedOn")
        parent = None if base is None else styles.get(base.get(f"{_W}val", ""))
        if parent is None:
            return
        style = parent


def _style_level(style: etree._Element) -> int | None:
    """Return the level that a style itself sets, if it sets one."""
    name = style.find(f"{_W}name")
    label = "" if name is None else name.get(f"{_W}val", "").lower()
    if label in _TITLE_STYLES:
        return _TITLE_STYLES[label]
    outline = style.find(f"{_W}pPr/{_W}outlineLvl")
    if outline is not None:
        return _outline_level(outline)
    if label.startswith("heading ") and label[8:].isdecimal():
        return min(6, max(1, int(label[8:])))
    return None


def _outline_level(element: etree._Element) -> int:
    value = element.get(f"{_W}val", "")
    level = int(value) + 1 if value.isdecimal() else 0
    return min(6, level) if 1 <= level <= _MAX_LEVEL else 0


def _notes(word: WordFile) -> Iterable[tuple[tuple[str, str], str]]:
    """Return (kind, id) -> text of footnotes, endnotes and comments."""
    for relation in word.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if kind not in _NOTES or relation.is_external:
            continue
        for note in parse_xml(relation.target_part.blob, kind):
            paragraphs = ("".join(_texts(line)) for line in note.iter(f"{_W}p"))
            yield (kind, note.get(f"{_W}id", "")), " ".join(paragraphs).strip()
