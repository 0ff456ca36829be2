"""DOCX: what a reader of the document sees, in document order."""

import io
import zipfile

import docx
import pytest
from docx.document import Document as WordFile
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from indexer.document import Document, Heading
from indexer.errors import UnreadableDocument
from indexer.read.symbols import letter
from tests.read.conftest import ReadBytes

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _bytes(word: WordFile) -> bytes:
    data = io.BytesIO()
    word.save(data)
    return data.getvalue()


def _with(xml: str) -> bytes:
    """Return a file whose body begins with the given elements."""
    word = docx.Document()
    wrapper = parse_xml(f"<w:body {nsdecls('w')}>{xml}</w:body>")
    for at, element in enumerate(list(wrapper)):
        word.element.body.insert(at, element)
    return _bytes(word)


def test_headings_lists_and_tables_come_in_document_order(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    word.core_properties.title = "Pets"
    word.add_heading("Cats", level=1)
    word.add_paragraph("They purr.")
    word.add_paragraph("tail", style="List Bullet")
    table = word.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Name", "Age", "Mia", "7"), strict=True):
        cell.text = text
    word.add_heading("Dogs", level=2)
    assert read_bytes("a.docx", _bytes(word)) == Document(
        source="a.docx",
        format="docx",
        title="Pets",
        text="Cats\n\nThey purr.\n\n- tail\n\nName | Age\nMia | 7\n\nDogs",
        headings=(Heading(1, 0, 4), Heading(2, 46, 50)),
    )


def test_headers_and_footers_are_left_out(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    word.sections[0].header.paragraphs[0].text = "Confidential"
    word.add_paragraph("Body")
    assert read_bytes("a.docx", _bytes(word)).text == "Body"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (
            "<w:p><w:ins><w:r><w:t>in</w:t></w:r></w:ins>"
            "<w:del><w:r><w:delText>out</w:delText></w:r></w:del></w:p>",
            "in",
        ),
        (
            "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>",
            "controlled",
        ),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>", "a link"),
        (
            "<w:p><w:r><w:t>before</w:t></w:r><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>boxed"
            "</w:t></w:r></w:p></w:txbxContent></w:pict></w:r></w:p>",
            "before\n\nboxed",
        ),
    ],
)
def test_text_in_odd_places_is_found(xml: str, text: str, read_bytes: ReadBytes) -> None:
    assert read_bytes("a.docx", _with(xml)).text == text


def test_a_new_file_under_an_old_suffix_is_read(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    word.add_paragraph("New")
    assert read_bytes("a.doc", _bytes(word)).format == "docx"


def test_an_archive_that_unpacks_to_too_much_is_refused(
    read_bytes: ReadBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.read.archive.MAX_UNPACKED_BYTES", 1000)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", " " * 100_000)
    with pytest.raises(UnreadableDocument, match="It unpacks to"):
        read_bytes("a.docx", data.getvalue())


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


def test_a_comment_in_a_docx_follows_its_paragraph(read_bytes: ReadBytes) -> None:
    word = docx.Document()
    run = word.add_paragraph("Cats purr.").runs[0]
    word.add_comment(run, text="Do they?", author="vet")
    word.add_paragraph("Dogs bark.")
    data = io.BytesIO()
    word.save(data)
    assert read_bytes("a.docx", data.getvalue()).text == "Cats purr.\n[Do they?]\n\nDogs bark."


def test_notes_of_a_docx_follow_their_paragraph_and_lines_between_are_none(
    read_bytes: ReadBytes,
) -> None:
    word = docx.Document()
    note = '<w:{0} w:id="{1}"{2}><w:p><w:r>{3}</w:r></w:p><w:p/></w:{0}>'
    for kind in ("footnote", "endnote"):
        notes = (
            note.format(kind, -1, ' w:type="separator"', "<w:separator/>")
            + note.format(kind, 0, ' w:type="continuationNotice"', "<w:t>goes on</w:t>")
            + note.format(kind, 1, "", f"<w:{kind}Ref/><w:t>a {kind}</w:t>")
        )
        part = Part(
            PackURI(f"/word/{kind}s.xml"),
            f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}s+xml",
            f"<w:{kind}s {nsdecls('w')}>{notes}</w:{kind}s>".encode(),
            word.part.package,
        )
        word.part.relate_to(part, f"{RELATIONS}/{kind}s")
        line = word.add_paragraph(f"With {kind}.")
        line.runs[0]._r.append(parse_xml(f'<w:{kind}Reference {nsdecls("w")} w:id="1"/>'))
    assert read_bytes("a.docx", _bytes(word)).text == (
        "With footnote.\n[a footnote]\n\nWith endnote.\n[a endnote]"
    )


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
