"""Cells that span rows, in tables that are not as tidy as one would like."""

import io
import zipfile

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

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


def test_columns_that_a_row_of_a_docx_leaves_out_count(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    table = word.add_table(rows=3, cols=3)
    for cell, text in zip(table._cells, ("a", "b", "c", "", "", "f", "g", "h", "i"), strict=True):
        cell.text = text
    table.cell(0, 1).merge(table.cell(1, 1))
    # The second row begins in the second column.
    row = table.rows[1]._tr
    row.remove(row.tc_lst[0])
    row.insert(0, parse_xml(f'<w:trPr {nsdecls("w")}><w:gridBefore w:val="1"/></w:trPr>'))
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "a | b | c\nb | f\ng | h | i"


_CELL = "<table:table-cell{}><text:{}>{}</text:{}></table:table-cell>"
_TWO_ROWS = ' table:number-rows-spanned="2"'


def _odt(*rows: str) -> bytes:
    """Return a text of one table."""
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
    return data.getvalue()


def test_a_row_with_a_heading_of_an_odt_takes_its_part_too(read_bytes: ReadBytes) -> None:
    data = _odt(
        _CELL.format(_TWO_ROWS, "p", "Cats", "p") + _CELL.format("", "p", "Mia", "p"),
        "<table:covered-table-cell/>" + _CELL.format("", "h", "Leo", "h"),
        _CELL.format("", "p", "Dogs", "p") + _CELL.format("", "p", "Rex", "p"),
    )
    assert read_bytes("a.odt", data).text == "Cats | Mia\n\nLeo\nDogs | Rex"


def test_a_repeated_cell_of_an_odt_takes_all_its_columns(read_bytes: ReadBytes) -> None:
    two_empty = '<table:table-cell table:number-columns-repeated="2"/>'
    data = _odt(
        two_empty + _CELL.format(_TWO_ROWS, "p", "Cats", "p") + _CELL.format("", "p", "Mia", "p"),
        _CELL.format("", "p", "grey", "p")
        + _CELL.format("", "p", "old", "p")
        + "<table:covered-table-cell/>"
        + _CELL.format("", "p", "Leo", "p"),
    )
    assert read_bytes("a.odt", data).text == "Cats | Mia\ngrey | old | Cats | Leo"


def test_a_long_text_merged_beside_rows_of_a_sheet_stands_once(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in ((LONG, "Mia"), (None, "Leo")):
        sheet.append(line)
    sheet.merge_cells("A1:A2")
    data = io.BytesIO()
    book.save(data)
    assert read_bytes("a.xlsx", data.getvalue()).text == f"Sheet\n\n{LONG.strip()} | Mia\nLeo"


def test_cells_stand_in_their_columns_beside_those_that_come_from_above() -> None:
    spans = RowSpans()
    first = [Cell("a", columns=2, rows=3), Cell("b"), Cell("c", rows=3)]
    assert spans.line(first) == "a | b | c"
    assert spans.line([Cell("x"), Cell("y")]) == "a | x | c | y"
    assert spans.line([Cell("z")]) == "a | z | c"
    assert spans.line([Cell("end")]) == "end"


def test_a_row_that_only_repeats_those_above_is_none() -> None:
    spans = RowSpans()
    assert spans.line([Cell("a", rows=2)]) == "a"
    assert spans.line([Cell("")]) == ""
    assert spans.line([Cell("b")]) == "b"


def test_a_cell_over_rows_of_a_page_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    page = (
        "<html><body><table><tr><td rowspan=2 colspan=2>Cats<td>Mia<tr><td>Leo"
        "<tr><td>Dogs<td rowspan=0>big<td>Rex<tr><td rowspan=x>Birds</table></body></html>"
    )
    assert read_bytes("a.html", page.encode()).text == (
        "Cats | Mia\nCats | Leo\nDogs | big | Rex\nBirds"
    )
