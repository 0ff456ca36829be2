"""Events of an HTML parser -> blocks of text."""

import re
from dataclasses import dataclass, field

from indexer.read.blocks import Block
from indexer.read.note_marks import NoteMarks
from indexer.read.row_spans import Cell, RowSpans, row_span, span

_SPACE = re.compile(r"[ \t\n\r\f]+")
_BLANKS = re.compile("  +")
# Elements whose text no reader sees, or (rt, rp: readings over ideographs) would tear words apart.
_HIDDEN = frozenset(
    """script style noscript template iframe object svg select datalist rt rp annotation
    annotation-xml""".split()  # noqa: SIM905 - here and below: a list of names reads best as words
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog dir div dl dt
    fieldset figcaption figure footer form frameset header hgroup hr html legend li main menu nav
    ol option p pre search section summary table tbody td textarea tfoot th thead title tr ul
    """.split()  # noqa: SIM905
) | frozenset(_HEADINGS)
_TIGHT = frozenset(("dd", "caption"))
VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)


@dataclass(slots=True)
class _List:
    """An open list and how many items it has so far."""

    ordered: bool
    items: int = 0


@dataclass(slots=True)
class _Table:
    """An open table and the cells of its open row, each a list of blocks."""

    rows: int = 0
    cells: list[list[Block]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    above: RowSpans = field(default_factory=RowSpans)
    in_row: bool = False
    in_cell: bool = False


class TextBuilder:
    """A parser target (lxml) that collects the blocks of a page.

    Rows of tables become one line each, unless a cell holds several blocks: then the table is
    layout, and its cells are text like any other.
    """

    def __init__(self, *, skip_navigation: bool) -> None:
        """Begin an empty page."""
        self.blocks: list[Block] = []
        self.title = ""
        self.navigation_chars = 0
        self._skip_navigation = skip_navigation
        self._hidden: list[str] = []
        self._inline: list[str] = []
        self._level = 0
        self._pre = 0
        self._in_title = False
        self._lists: list[_List] = []
        self._tables: list[_Table] = []
        self._mark = ""
        self._tight = False
        self._notes = NoteMarks(self._inline)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take an opening tag."""
        tag = tag.rpartition(":")[2].lower()
        if self._hidden or self._hides(tag, attributes):
            if tag not in VOID:
                self._hidden.append(tag)
            return
        if tag == "br":
            self._inline.append("\n")
        elif tag in ("a", "sup"):
            self._notes.start(tag, attributes)
        elif tag in _BLOCKS:
            self._flush()
            self._open(tag, attributes)

    def end(self, tag: str) -> None:
        """Take a closing tag."""
        tag = tag.rpartition(":")[2].lower()
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
            return
        if tag in ("a", "sup"):
            self._notes.end(tag)
        elif tag in _BLOCKS:
            self._flush()
            self._close(tag)

    def data(self, data: str) -> None:
        """Take text."""
        if self._hidden:
            if _HIDDEN.isdisjoint(self._hidden):
                self.navigation_chars += len(data.strip())
        else:
            self._inline.append(data if self._pre else _SPACE.sub(" ", data))

    def comment(self, text: str) -> None:
        """Take a comment: nothing to read."""

    def close(self) -> None:
        """Take the end of the page."""
        self._flush()
        while self._tables:
            self._end_row(self._tables[-1])
            self._tables.pop()

    def _hides(self, tag: str, attributes: dict[str, str]) -> bool:
        if tag in _HIDDEN:
            return True
        return self._skip_navigation and (tag == "nav" or attributes.get("role") == "navigation")

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _HEADINGS:
            self._level = _HEADINGS[tag]
        elif tag == "pre":
            self._pre += 1
        elif tag == "title":
            self._in_title = True
        elif tag in ("ul", "ol", "menu", "dir"):
            self._lists.append(_List(ordered=tag == "ol"))
        elif tag == "li":
            self._begin_item()
        elif tag == "table":
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            self._end_row(self._tables[-1])
            self._tables[-1].in_row = True
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].cells.append([])
            self._tables[-1].spans.append(
                (span(attributes.get("colspan")), row_span(attributes.get("rowspan")))
            )
            self._tables[-1].in_cell = True
        if tag in _TIGHT:
            self._tight = True

    def _close(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._level = 0
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag == "title":
            self._in_title = False
        elif tag in ("ul", "ol", "menu", "dir") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._mark, self._tight = "", False
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].in_cell = False
        elif tag == "tr" and self._tables:
            self._end_row(self._tables[-1])
        elif tag == "table" and self._tables:
            self._end_row(self._tables[-1])
            self._tables.pop()

    def _begin_item(self) -> None:
        around = self._lists[-1] if self._lists else _List(ordered=False)
        around.items += 1
        self._mark = f"{around.items}. " if around.ordered else "- "
        self._tight = around.items > 1 or len(self._lists) > 1

    def _flush(self) -> None:
        """End the block that is open, if it holds text."""
        text = "".join(self._inline)
        self._inline.clear()
        self._notes.clear()
        if not text or text.isspace():
            return
        if not self._pre:
            text = "\n".join(line.strip(" ") for line in _BLANKS.sub(" ", text).split("\n"))
        if self._in_title:
            self.title = self.title or text
            return
        self._emit(
            Block(self._mark + text, level=self._level, tight=self._tight and not self._level)
        )
        self._mark, self._tight = "", False

    def _emit(self, block: Block) -> None:
        table = self._tables[-1] if self._tables else None
        if table and table.in_cell:
            table.cells[-1].append(block)
        else:
            self.blocks.append(block)

    def _end_row(self, table: _Table) -> None:
        """Give the cells of a row to the table around it, or to the page."""
        cells, table.cells, table.in_cell = table.cells, [], False
        spans, table.spans = table.spans, []
        begun, table.in_row = table.in_row, False
        if not cells and not begun:
            return
        text = table.above.line(
            Cell(cell[0].text if cell and not _is_layout(cell) else "", *size)
            for cell, size in zip(cells, spans, strict=True)
        )
        if any(_is_layout(cell) for cell in cells):
            blocks = [block for cell in cells for block in cell]
        else:
            blocks = [Block(text, tight=table.rows > 0)] if text else []
        table.rows += bool(blocks)
        outer = self._tables[-2] if len(self._tables) > 1 and self._tables[-1] is table else None
        if outer and outer.in_cell:
            outer.cells[-1].extend(blocks)
        else:
            self.blocks.extend(blocks)


def _is_layout(cell: list[Block]) -> bool:
    return len(cell) > 1 or any(block.level for block in cell)
