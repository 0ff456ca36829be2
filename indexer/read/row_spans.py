"""Rows of a table in which a cell that spans several rows stands in each of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from indexer.read.blocks import row

# The most that HTML allows; a larger number in a file is damage.
_MOST_COLUMNS, _MOST_ROWS = 1000, 65_534
_MOST_DIGITS = 9
# What is longer is no label of its rows: repeated, it would drown what they say, and a small file
# could grow to gigabytes.
_MOST_REPEATED_CHARS = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says, and how many columns and rows it spans, at least one each."""

    text: str
    columns: int = 1
    rows: int = 1


def span(value: str | None, most: int = _MOST_COLUMNS) -> int:
    """Return a number of columns or rows as a file gives it; 1 where it is missing or damaged."""
    if not value or not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
        return 1
    return min(most, max(1, int(value)))


def row_span(value: str | None) -> int:
    """Return a number of rows as a file gives it."""
    return span(value, _MOST_ROWS)


def repeated(text: str) -> str:
    """Return what of a cell stands in the rows below its first: "" for more than a label."""
    return text if len(text) <= _MOST_REPEATED_CHARS else ""


class RowSpans:
    """The cells of one table that reach into the rows below."""

    def __init__(self) -> None:
        """Begin a table."""
        # First column -> text, columns, rows that are still to come.
        self._open: dict[int, tuple[str, int, int]] = {}

    def line(self, cells: Iterable[Cell]) -> str:
        """Return the next row on one line; "" for a row in which no cell begins with text.

        It is to be called for each row, also where its line is not wanted.

        Args:
            cells: Those that begin in this row, without the places of those above and before.
        """
        carried = self._open
        self._open = {
            column: (text, columns, rows - 1)
            for column, (text, columns, rows) in carried.items()
            if rows > 1
        }
        placed = {column: text for column, (text, _, _) in carried.items()}
        column, has_own = 0, False
        for cell in cells:
            while column in carried:
                column += carried[column][1]
            placed[column] = cell.text
            has_own = has_own or bool(cell.text.strip())
            if cell.rows > 1:
                self._open[column] = (repeated(cell.text), cell.columns, cell.rows - 1)
            column += cell.columns
        return row(placed[column] for column in sorted(placed)) if has_own else ""
