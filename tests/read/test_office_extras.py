"""What stands beside the text of office files: comments, merged cells, formulas, symbols."""

import io
import zipfile

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from openpyxl.comments import Comment

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


def test_a_stored_result_is_shown_and_not_its_formula(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["total", "=SUM(1,2)"])
    data = _with_part(_saved(book), "xl/worksheets/sheet1.xml", "<v></v>", "<v>3</v>")
    document = read_bytes("a.xlsx", data)
    assert (document.text, document.notes) == ("Sheet\n\ntotal | 3", ())


def test_a_comment_on_a_cell_follows_its_row(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Mia", 7])
    sheet.append(["Leo", 3])
    sheet["B1"].comment = Comment("or eight", "vet")
    assert read_bytes("a.xlsx", _saved(book)).text == "Sheet\n\nMia | 7\n[or eight]\nLeo | 3"


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
    rels = "<Relationships {}><Relationship Id='r1' Type='{}/{}' Target='{}'/></Relationships>"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, part in {
            "ppt/presentation.xml": f'<p:presentation {_P} xmlns:r="{_R}"><p:sldIdLst>'
            '<p:sldId r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": rels.format(_RELS, _R, "slide", "slides/s.xml"),
            "ppt/slides/s.xml": f"<p:sld {_A} {_P}><p:sp><p:txBody><a:p><a:r><a:t>Cats purr."
            "</a:t></a:r></a:p></p:txBody></p:sp></p:sld>",
            "ppt/slides/_rels/s.xml.rels": rels.format(_RELS, _R, "comments", "../c.xml"),
            "ppt/c.xml": comments,
        }.items():
            archive.writestr(name, part)
    document = read_bytes("a.pptx", data.getvalue())
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
