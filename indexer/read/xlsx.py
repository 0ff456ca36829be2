"""XLSX: sheet by sheet, one line a row; every row carries on its own what its cells show."""

import datetime
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.read.archive import open_archive
from indexer.read.blocks import Block, Origin, assemble, row

# A sheet can claim 17 billion cells; beyond these a workbook is a database, not a text to search.
MAX_ROWS = 100_000
MAX_COLUMNS = 500


def read(path: Path, source: str) -> Document:
    """Return the document of an XLSX file: shown values, not formulas.

    Raises:
        UnreadableDocument: Damaged, encrypted, or without text.
    """
    with open_archive(path):
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        except (InvalidFileException, BadZipFile, KeyError, ValueError, TypeError) as error:
            raise UnreadableDocument(
                f"The XLSX file is damaged ({error}).", "Open it in Excel and save it anew."
            ) from error
        try:
            blocks: list[Block] = []
            notes: list[str] = []
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # the declared size may be a lie in both directions
                lines = islice(sheet.iter_rows(), MAX_ROWS + 1)
                blocks.append(Block(sheet.title, level=1))
                blocks += _rows(islice(lines, MAX_ROWS))
                if next(lines, None) is not None:
                    notes.append(f"Sheet {sheet.title!r}: only {MAX_ROWS:,} rows were read.")
            title = book.properties.title or ""
        finally:
            book.close()
    if all(block.level for block in blocks):
        raise UnreadableDocument("Its sheets hold no text.")
    return assemble(Origin(source, "xlsx", title), blocks, notes)


def _rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[Block]:
    tight = False
    for cells in rows:
        text = row(map(_shown, cells[:MAX_COLUMNS]))
        if text:
            yield Block(text, tight=tight)
            tight = True


def _shown(cell: Any) -> str:
    """Return a cell's value as a sheet shows it by default."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, int | float) and "%" in (cell.number_format or ""):
        return f"{100 * value:.15g}%"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return str(value)
