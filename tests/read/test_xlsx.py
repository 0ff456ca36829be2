"""XLSX: merged cells, formulas and comments."""

import io
import time
import zipfile

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from tests.read.conftest import ReadBytes


def _saved(book: openpyxl.Workbook) -> bytes:
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def _with_part(data: bytes, name: str, old: str, new: str) -> bytes:
    """Return an archive with something else in one of its parts."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(changed, "w") as archive:
        for member in given.namelist():
            part = given.read(member)
            if member == name:
                assert old.encode() in part
                part = part.replace(old.encode(), new.encode())
            archive.writestr(member, part)
    return changed.getvalue()


def test_a_cell_merged_over_rows_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (("Animals of 2024", None), ("Cats", "Mia"), (None, "Leo"), (None, None),
                 (None, "Tom"), ("Dogs", "Rex")):  # fmt: skip
        sheet.append(line)
    sheet["B4"].number_format = "0%"  # an empty row that is there
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("A2:A5")
    assert read_bytes("a.xlsx", _saved(book)).text == (
        "Sheet\n\nAnimals of 2024\nCats | Mia\nCats | Leo\nCats | Tom\nDogs | Rex"
    )


def test_what_a_merged_cell_hides_is_not_lost(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (("Cats", "Mia"), ("hidden", "Leo")):
        sheet.append(line)
    data = _with_part(
        _saved(book), "xl/worksheets/sheet1.xml", "</sheetData>",
        '</sheetData><mergeCells><mergeCell ref="A1:A2"/></mergeCells>',
    )  # fmt: skip
    assert read_bytes("a.xlsx", data).text == "Sheet\n\nCats | Mia\nhidden | Leo"


def test_a_formula_is_shown_where_no_result_is_stored(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()  # which computes nothing
    book.worksheets[0].append(["total", 1, 2, "=SUM(B1:C1)"])
    book.create_sheet("Plain").append(["no formula"])
    document = read_bytes("a.xlsx", _saved(book))
    assert document.text == "Sheet\n\ntotal | 1 | 2 | =SUM(B1:C1)\n\nPlain\n\nno formula"
    assert document.notes == (
        "Sheet 'Sheet': formulas without a stored result are shown themselves.",
    )


def test_formulas_of_a_later_sheet_are_its_own(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["plain", "no formula"])
    book.create_sheet("Sums").append(["total", "=SUM(B1:C1)"])
    document = read_bytes("a.xlsx", _saved(book))
    assert document.text == "Sheet\n\nplain | no formula\n\nSums\n\ntotal | =SUM(B1:C1)"
    assert document.notes == (
        "Sheet 'Sums': formulas without a stored result are shown themselves.",
    )


def test_a_formula_that_lies_over_two_reads_of_its_sheet_is_seen(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    formula = f"=SUM({','.join(['B1'] * 2000)})"  # of the 8,192 characters that it may have
    book.worksheets[0].append([formula, 7])
    # Half of it lies before the end of the first megabyte.
    padding = " " * ((1 << 20) - len(formula) // 2 - 1000)
    data = _with_part(
        _saved(book), "xl/worksheets/sheet1.xml", "<sheetData>",
        f"<!--{padding}--><sheetData>",
    )  # fmt: skip
    assert read_bytes("a.xlsx", data).text == f"Sheet\n\n{formula} | 7"


def test_formulas_over_many_cells_are_shown_too(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([1, 2])
    sheet["C1"] = ArrayFormula("C1:C2", "=A1:A2*2")
    sheet["D1"] = DataTableFormula("D1:D2", r1="A1")
    assert read_bytes("a.xlsx", _saved(book)).text == "Sheet\n\n1 | 2 | =A1:A2*2 | =TABLE()"


def test_the_title_of_a_workbook_is_the_document_s(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.properties.title = "Pets"
    book.worksheets[0].append(["Mia"])
    assert read_bytes("a.xlsx", _saved(book)).title == "Pets"


def test_what_lies_beyond_the_limits_of_a_sheet_is_noted(
    read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.read.xlsx.MAX_ROWS", 2)
    monkeypatch.setattr("indexer.read.xlsx.MAX_COLUMNS", 3)
    book = openpyxl.Workbook()
    for line in ((1, 2, 3, 4), (5,), (6,)):
        book.worksheets[0].append(line)
    document = read_bytes("a.xlsx", _saved(book))
    assert document.text == "Sheet\n\n1 | 2 | 3\n5"
    assert document.notes == (
        "Sheet 'Sheet': only 2 rows were read.",
        "Sheet 'Sheet': only 3 columns were read.",
    )


def test_phonetic_readings_of_a_sheet_are_left_out(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["cell"])
    sheet["A1"].comment = Comment("noted", "vet")
    reading = '<rPh sb="0" eb="1"><t>ネコ</t></rPh>'
    data = _saved(book)
    for name, old, new in (
        ("xl/worksheets/sheet1.xml", "cell", "猫"),
        ("xl/comments/comment1.xml", "noted", "二匹"),
    ):
        data = _with_part(data, name, f"<t>{old}</t>", f"<t>{new}</t>{reading}")
    assert read_bytes("a.xlsx", data).text == "Sheet\n\n猫\n[二匹]"


def test_a_stored_result_is_shown_and_not_its_formula(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["total", "=SUM(1,2)"])
    data = _with_part(_saved(book), "xl/worksheets/sheet1.xml", "<v></v>", "<v>3</v>")
    document = read_bytes("a.xlsx", data)
    assert (document.text, document.notes) == ("Sheet\n\ntotal | 3", ())


def test_an_empty_text_is_a_result(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Mia", "=IF(1=2,1,0)", 7])
    empty = _with_part(_saved(book), "xl/worksheets/sheet1.xml", '<c r="B1"', '<c r="B1" t="str"')
    document = read_bytes("a.xlsx", empty)
    assert (document.text, document.notes) == ("Sheet\n\nMia |  | 7", ())
    mixed = _with_part(empty, "xl/worksheets/sheet1.xml", "<v>7</v>", "<f>B1+1</f>")
    assert read_bytes("a.xlsx", mixed).text == "Sheet\n\nMia |  | =B1+1"


def test_formulas_that_do_not_end_are_passed_over_in_no_time(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Mia"])
    data = _with_part(
        _saved(book), "xl/worksheets/sheet1.xml", "<sheetData>",
        f"<!-- {'<c><f ' * 100_000} --><sheetData>",
    )  # fmt: skip
    began = time.process_time()
    assert read_bytes("a.xlsx", data).text == "Sheet\n\nMia"
    assert time.process_time() - began < 5


def test_a_comment_below_the_last_row_is_not_lost(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Mia"])
    sheet["A9"].comment = Comment("or Leo", "vet")
    name, row = "xl/worksheets/sheet1.xml", '<row r="9"><c r="A9" t="n"></c></row>'
    data = _with_part(_saved(book), name, row, "")
    assert read_bytes("a.xlsx", data).text == "Sheet\n\nMia\n[or Leo]"


def test_a_comment_on_a_cell_follows_its_row(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Mia", 7])
    sheet.append(["Leo", 3])
    sheet["B1"].comment = Comment("or eight", "vet")
    assert read_bytes("a.xlsx", _saved(book)).text == "Sheet\n\nMia | 7\n[or eight]\nLeo | 3"


def test_a_threaded_comment_is_read_with_its_replies_and_not_twice(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Mia", 7])
    sheet["A1"].comment = Comment("a cat", "vet")
    sheet["B1"].comment = Comment("Your version of Excel allows you to read this.", "vet")
    data = io.BytesIO(_saved(book))
    rels = "xl/worksheets/_rels/sheet1.xml.rels"
    threaded = (
        '<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/'
        'threadedcomments"><threadedComment ref="B1"><text>or eight</text></threadedComment>'
        '<threadedComment ref="B1"><text>seven</text></threadedComment></ThreadedComments>'
    )
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("xl/threadedComments/t.xml", threaded)
    relation = (
        '<Relationship Id="t" Target="../threadedComments/t.xml" Type="http://schemas.microsoft.com'
        '/office/2017/10/relationships/threadedComment"/></Relationships>'
    )
    changed = _with_part(data.getvalue(), rels, "</Relationships>", relation)
    assert read_bytes("a.xlsx", changed).text == ("Sheet\n\nMia | 7\n[or eight]\n[seven]\n[a cat]")
