"""XLSX: sheet by sheet, one line a row; every row carries on its own what its cells show."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import file_of, open_archive
from indexer.read.blocks import Block, Origin, assemble, row
from indexer.read.row_spans import repeated
from indexer.read.xlsx_parts import SheetParts, sheet_parts

# A sheet can claim 17 billion cells; beyond these a workbook is a database, not a text to search.
MAX_ROWS = 100_000
MAX_COLUMNS = 500


def read(path: Path, source: str) -> Document:
    """Return the document of an XLSX file: shown values; formulas only where no result is stored.

    Raises:
        UnreadableDocument: Damaged, encrypted, or without text.
    """
    with open_archive(path) as archive, ExitStack() as opened:
        book = opened.enter_context(_open(file_of(archive, path), results=True))
        parts = sheet_parts(archive)
        formulas = None
        if any(part.lacks_results for part in parts.values()):
            formulas = opened.enter_context(_open(file_of(archive, path), results=False))
        blocks: list[Block] = []
        notes: list[str] = []
        for number, sheet in enumerate(book.worksheets):
            part = parts.get(sheet.title, SheetParts())
            beyond: set[int] = set()
            lines = _lines(sheet, beyond)
            if formulas is not None and part.lacks_results:
                lines = _lines_with_formulas(sheet, formulas.worksheets[number], beyond)
                notes.append(
                    f"Sheet {sheet.title!r}: formulas without a stored result are shown themselves."
                )
            blocks.append(Block(sheet.title, level=1))
            blocks += _rows(islice(lines, MAX_ROWS), part)
            if next(lines, None) is not None:
                notes.append(f"Sheet {sheet.title!r}: only {MAX_ROWS:,} rows were read.")
            if beyond:
                notes.append(f"Sheet {sheet.title!r}: only {MAX_COLUMNS:,} columns were read.")
        title = book.properties.title or ""
    if all(block.level for block in blocks):
        raise UnreadableDocument("Its sheets hold no text.")
    return assemble(Origin(source, "xlsx", title), blocks, notes)


@contextmanager
def _open(file: str | IO[bytes], *, results: bool) -> Iterator[Workbook]:
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=results, keep_links=False)
    except (InvalidFileException, BadZipFile, KeyError, ValueError, TypeError) as error:
        raise UnreadableDocument(
            f"The XLSX file is damaged ({error}).", "Open it in Excel and save it anew."
        ) from error
    try:
        yield book
    finally:
        book.close()


def _cells(sheet: Any, beyond: set[int]) -> Iterator[Sequence[Any]]:
    """Return the cells of each row, from row 1 on; note columns that are left out with a value."""
    sheet.reset_dimensions()  # the declared size may be a lie in both directions
    for cells in islice(sheet.iter_rows(), MAX_ROWS + 1):
        yield cells[:MAX_COLUMNS]
        beyond.update(cell.column for cell in cells[MAX_COLUMNS:] if cell.value is not None)


def _lines(sheet: Any, beyond: set[int]) -> Iterator[Sequence[str]]:
    """Return what the cells of each row show."""
    for cells in _cells(sheet, beyond):
        yield [_shown(cell) for cell in cells]


def _lines_with_formulas(sheet: Any, formulas: Any, beyond: set[int]) -> Iterator[Sequence[str]]:
    """Return what they show, and formulas where no result is stored; an empty text is one."""
    for cells, written in zip(_cells(sheet, beyond), _cells(formulas, beyond), strict=True):
        yield [
            _shown(cell) or ("" if cell.data_type == "str" else _shown(formula))
            for cell, formula in zip(cells, written, strict=True)
        ]


def _rows(lines: Iterable[Sequence[str]], part: SheetParts) -> Iterator[Block]:
    """Give one block a row, and one each comment on its cells."""
    for at, text in enumerate(filter(None, _texts(lines, part))):
        yield Block(text, tight=at > 0)


def _texts(lines: Iterable[Sequence[str]], part: SheetParts) -> Iterator[str]:
    left = dict(part.comments)
    for number, cells in enumerate(_spread(lines, part), 1):
        yield row(cells)
        yield from (f"[{comment}]" for comment in left.pop(number, ()))
    for number in sorted(left):  # on empty cells below the last row
        yield from (f"[{comment}]" for comment in left[number])


def _spread(lines: Iterable[Sequence[str]], part: SheetParts) -> Iterator[list[str]]:
    """Return the rows; what is merged over several stands in each of them."""
    starts: dict[int, list[tuple[int, int]]] = {}
    for first, last, column in part.merged:
        starts.setdefault(first, []).append((column, last))
    spread: dict[int, tuple[str, int]] = {}
    for number, line in enumerate(lines, 1):
        cells = list(line)
        own = any(cells)
        for column, (text, last) in tuple(spread.items()):
            if number > last:
                del spread[column]
            elif own and column <= len(cells) and not cells[column - 1]:
                cells[column - 1] = text
        for column, last in starts.get(number, ()):
            if column <= len(cells) and cells[column - 1]:
                spread[column] = (repeated(cells[column - 1]), last)
        yield cells


def _shown(cell: Any) -> str:
    """Return a cell's value as a sheet shows it by default."""
    value = cell.value
    if isinstance(value, ArrayFormula):
        return value.text or ""
    if isinstance(value, DataTableFormula):
        return "=TABLE()"
    if value is None:
        return ""
    if isinstance(value, int | float) and "%" in (cell.number_format or ""):
        return f"{100 * value:.15g}%"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)
