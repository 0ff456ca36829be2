"""What stands beside the text of office files: comments, merged cells, formulas, symbols."""

import io
import time
import zipfile

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from openpyxl.comments import Comment

from indexer.document import Heading
from indexer.read.row_spans import Cell, RowSpans
from indexer.read.symbols import letter
from tests.read.conftest import ReadBytes

_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


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


def _slide(shape: str, comments: str) -> bytes:
    """Return a show of one slide."""
    rels = "<Relationships {}><Relationship Id='r1' Type='{}/{}' Target='{}'/></Relationships>"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, part in {
            "ppt/presentation.xml": f'<p:presentation {_P} xmlns:r="{_R}"><p:sldIdLst>'
            '<p:sldId r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": rels.format(_RELS, _R, "slide", "slides/s.xml"),
            "ppt/slides/s.xml": f"<p:sld {_A} {_P}><p:sp>{shape}</p:sp></p:sld>",
            "ppt/slides/_rels/s.xml.rels": rels.format(_RELS, _R, "comments", "../c.xml"),
            "ppt/c.xml": comments,
        }.items():
            archive.writestr(name, part)
    return data.getvalue()


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


def test_a_covered_cell_of_a_docx_that_says_something_is_kept(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    table = word.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, "ab d", strict=True):
        cell.text = text.strip()
    table.cell(0, 0).merge(table.cell(1, 0))
    for cell in word.element.body.iter(qn("w:tc")):
        if not cell.xpath(".//w:t"):
            cell.xpath(".//w:p")[0].append(parse_xml(f"<w:r {nsdecls('w')}><w:t>c</w:t></w:r>"))
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "a | b\nc | d"


def test_a_cell_over_rows_of_a_docx_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    table = word.add_table(rows=4, cols=3)
    for cell, text in zip(table._cells, "abcd.f..ijkl", strict=True):
        cell.text = text.replace(".", "")
    table.cell(1, 0).merge(table.cell(2, 1))  # two columns wide
    table.cell(0, 2).merge(table.cell(1, 2))
    table.cell(2, 2).text = "under c and f"
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == (
        "a | b | c f\nd | c f\nd | under c and f\nj | k | l"
    )


def test_a_cell_over_rows_of_a_page_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    page = (
        "<html><body><table><tr><td rowspan=2 colspan=2>Cats<td>Mia<tr><td>Leo"
        "<tr><td>Dogs<td rowspan=0>big<td>Rex<tr><td rowspan=x>Birds</table></body></html>"
    )
    assert read_bytes("a.html", page.encode()).text == (
        "Cats | Mia\nCats | Leo\nDogs | big | Rex\nBirds"
    )


def test_a_cell_over_rows_of_an_odt_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    cell = '<table:table-cell table:number-rows-spanned="{}"><text:p>{}</text:p></table:table-cell>'
    covered = "<table:covered-table-cell/>"
    rows = (cell.format(2, "Cats") + cell.format(1, "Mia"), covered + cell.format(1, "Leo"))
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:text>'
        f"<table:table><table:table-row>{'</table:table-row><table:table-row>'.join(rows)}"
        "</table:table-row></table:table></office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    assert read_bytes("a.odt", data.getvalue()).text == "Cats | Mia\nCats | Leo"


def test_a_paragraph_in_the_style_of_a_title_is_a_heading_of_an_odt(read_bytes: ReadBytes) -> None:
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:automatic-styles>'
        '<style:style style:name="P1" style:parent-style-name="Title"/></office:automatic-styles>'
        '<office:body><office:text><text:p text:style-name="P1">Pets</text:p>'
        '<text:p text:style-name="Subtitle">Cats</text:p><text:p>purr</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    document = read_bytes("a.odt", data.getvalue())
    assert (document.title, document.text) == ("Pets", "Pets\n\nCats\n\npurr")
    assert document.headings == (Heading(1, 0, 4), Heading(2, 6, 10))


def test_a_cell_over_rows_of_a_slide_stands_in_each_of_them(read_bytes: ReadBytes) -> None:
    cell = "<a:tc {}><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
    rows = (
        cell.format("rowSpan='2' gridSpan='2'", "Cats") + cell.format("hMerge='1'", "")
        + cell.format("", "Mia"),
        cell.format("vMerge='1'", "") + cell.format("vMerge='1' hMerge='true'", "")
        + cell.format("", "Leo"),
        cell.format("", "Dogs") + cell.format("hMerge='1'", "kept") + cell.format("", "Rex"),
    )  # fmt: skip
    shape = f"<a:tbl><a:tr>{'</a:tr><a:tr>'.join(rows)}</a:tr></a:tbl>"
    assert read_bytes("a.pptx", _slide(shape, "")).text == (
        "Cats | Mia\nCats | Leo\nDogs | kept | Rex"
    )


def test_a_formula_is_shown_where_no_result_is_stored(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()  # which computes nothing
    book.worksheets[0].append(["total", 1, 2, "=SUM(B1:C1)"])
    book.create_sheet("Plain").append(["no formula"])
    document = read_bytes("a.xlsx", _saved(book))
    assert document.text == "Sheet\n\ntotal | 1 | 2 | =SUM(B1:C1)\n\nPlain\n\nno formula"
    assert document.notes == (
        "Sheet 'Sheet': formulas without a stored result are shown themselves.",
    )


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


def test_a_comment_in_a_docx_follows_its_paragraph(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    run = word.add_paragraph("Cats purr.").runs[0]
    word.add_comment(run, text="Do they?", author="vet")
    word.add_paragraph("Dogs bark.")
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "Cats purr.\n[Do they?]\n\nDogs bark."


def test_a_comment_in_an_odt_follows_its_paragraph(read_bytes: ReadBytes) -> None:
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    content = (
        f"<office:document-content {names}><office:body><office:text><text:p>Cats "
        "<office:annotation><dc:creator>vet</dc:creator><dc:date>2024-05-01</dc:date>"
        "<text:p>Do they?</text:p></office:annotation>purr.<office:annotation-end/></text:p>"
        "</office:text></office:body></office:document-content>"
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    assert read_bytes("a.odt", data.getvalue()).text == "Cats purr.\n[Do they?]"


@pytest.mark.parametrize(
    "comments",
    [
        f"<p:cmLst {_P}><p:cm><p:pos/><p:text>Do they?</p:text></p:cm></p:cmLst>",
        f'<c:cmLst xmlns:c="http://schemas.microsoft.com/office/powerpoint/2018/8/main" {_A}>'
        "<c:cm><c:txBody><a:p><a:r><a:t>Do they?</a:t></a:r></a:p></c:txBody></c:cm></c:cmLst>",
    ],
)
def test_a_comment_on_a_slide_stands_on_its_page(comments: str, read_bytes: ReadBytes) -> None:
    shape = "<p:txBody><a:p><a:r><a:t>Cats purr.</a:t></a:r></a:p></p:txBody>"
    document = read_bytes("a.pptx", _slide(shape, comments))
    assert document.text == "Cats purr.\n[Do they?]"
    assert [(page.number, page.end) for page in document.pages] == [(1, 21)]


def test_symbols_of_a_docx_are_letters(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    symbols = "".join(
        f'<w:sym w:font="{font}" w:char="{place}"/>'
        for font, place in (("Symbol", "F06D"), ("Wingdings", "F0FC"), ("Arial", "2713"))
    )
    line = f"<w:p {nsdecls('w')}><w:r><w:t>5 </w:t>{symbols}<w:t>g</w:t></w:r></w:p>"
    word.element.body.insert(0, parse_xml(line))
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "5 μ✓✓g"


@pytest.mark.parametrize(
    ("font", "place", "found"),
    [
        ("Symbol", "F020", " "),
        ("Symbol", "F041", "Α"),
        ("symbol", "7E", "∼"),
        ("Symbol", "F0A1", "ϒ"),
        ("Symbol", "F0B0", "°"),
        ("Symbol", "F0D6", "√"),
        ("Symbol", "F0E5", "∑"),
        ("Symbol", "F0F2", "∫"),
        ("Webdings", "F061", "\uf061"),
        ("Symbol", "", ""),
        ("Symbol", "FFFFFFFF", ""),
    ],
)
def test_a_symbol_is_told_by_font_and_place(font: str, place: str, found: str) -> None:
    assert letter(font, place) == found


def test_a_broken_line_costs_no_other_line_of_json_lines(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.jsonl", b'{"a": 1}\n{"a": \n{"a": 3}\n')
    assert document.text == 'a: 1\n\n{"a":\n\na: 3'
    assert document.notes == ("Not valid JSON, read as plain text: line 2.",)


def test_a_text_with_a_single_line_of_json_is_no_json_lines(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.json", b'first\nsecond\n{"a": 3}\n')
    assert document.text == 'first\nsecond\n{"a": 3}'
    assert document.notes == (
        "Not valid JSON (Expecting value: line 1 column 1 (char 0)): read as plain text.",
    )


def test_json_lines_of_plain_values_are_read_as_such(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.jsonl", b'"\\u732b"\n7\n')
    assert (document.text, document.notes) == ("\u732b\n\n7", ())
