"""Cells that span rows, in tables that are not as tidy as one would like."""

import io
import zipfile

import docx
import openpyxl
import pytest

from indexer.read.row_spans import Cell, RowSpans, span
from tests.read.conftest import ReadBytes

LONG = "The pump must not run dry. " * 20


@pytest.mark.parametrize(
    ("given", "columns"), [("3", 3), ("0", 1), ("-2", 1), ("x", 1), (None, 1), ("9" * 5000, 1)]
)
def test_a_damaged_number_of_columns_is_one(given: str | None, columns: int) -> None:
    assert span(given) == columns


def test_a_long_text_stands_only_in_its_first_row() -> None:
    spans = RowSpans()
    assert spans.line((Cell(LONG, rows=3), Cell("a"))).endswith("dry. | a")
    assert spans.line((Cell("b"),)) == "b"


def test_a_row_of_paragraphs_takes_its_part_of_the_cell_above(read_bytes: ReadBytes) -> None:
    document = read_bytes(
        "a.html",
        b"<html><body><table><tr><td rowspan=2>Cats<td>Mia<tr><td><p>Leo</p><p>is old</p>"
        b"<tr><td>Dogs<td>Rex</table></body></html>",
    )
    assert document.text == "Cats | Mia\n\nLeo\n\nis old\nDogs | Rex"


def test_a_row_of_a_page_that_lies_wholly_under_others_counts(read_bytes: ReadBytes) -> None:
    document = read_bytes(
        "a.html",
        b"<html><body><table><tr><td rowspan=2>Cats</td><td rowspan=2>Mia</td></tr><tr></tr>"
        b"<tr><td>Dogs</td><td>Rex</td></tr></table></body></html>",
    )
    assert document.text == "Cats | Mia\nDogs | Rex"


def test_a_row_with_a_heading_of_a_docx_takes_its_part_too(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    table = word.add_table(rows=3, cols=2)
    for cell, text in zip(table._cells, ("Cats", "Mia", "", "Leo", "Dogs", "Rex"), strict=True):
        cell.text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(1, 1).paragraphs[0].style = "Heading 1"
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "Cats | Mia\n\nLeo\nDogs | Rex"


def test_a_row_with_a_heading_of_an_odt_takes_its_part_too(read_bytes: ReadBytes) -> None:
    cell = "<table:table-cell{}><text:{}>{}</text:{}></table:table-cell>"
    two = ' table:number-rows-spanned="2"'
    rows = (
        cell.format(two, "p", "Cats", "p") + cell.format("", "p", "Mia", "p"),
        "<table:covered-table-cell/>" + cell.format("", "h", "Leo", "h"),
        cell.format("", "p", "Dogs", "p") + cell.format("", "p", "Rex", "p"),
    )
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    lines = "".join(f"<table:table-row>{line}</table:table-row>" for line in rows)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f"<office:document-content{names}><office:body><office:text><table:table>{lines}"
            "</table:table></office:text></office:body></office:document-content>",
        )
    assert read_bytes("a.odt", data.getvalue()).text == "Cats | Mia\n\nLeo\nDogs | Rex"


def test_a_long_text_merged_beside_rows_of_a_sheet_stands_once(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in ((LONG, "Mia"), (None, "Leo")):
        sheet.append(line)
    sheet.merge_cells("A1:A2")
    data = io.BytesIO()
    book.save(data)
    assert read_bytes("a.xlsx", data.getvalue()).text == f"Sheet\n\n{LONG.strip()} | Mia\nLeo"
