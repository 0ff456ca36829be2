"""ODT, EPUB, PPTX, XLSX, CSV, RTF, mail, notebooks and JSON: the smallest file of each."""

import datetime
import io
import json
import zipfile
from collections.abc import Mapping

import openpyxl
import pytest

from indexer.document import Document, Heading, Page
from tests.read.conftest import ReadBytes

_ODT_NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def _zip(members: Mapping[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return data.getvalue()


def test_odt(read_bytes: ReadBytes) -> None:
    body = (
        '<text:h text:outline-level="2">Cats</text:h>'
        "<text:p>They<text:s text:c='2'/>purr<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>Softly.</text:p></text:note-body></text:note>.</text:p>"
        "<text:list><text:list-item><text:p>tail</text:p></text:list-item>"
        "<text:list-item><text:p>paw</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Mia</text:p></table:table-cell>"
        "<table:table-cell><text:p>7</text:p></table:table-cell></table:table-row></table:table>"
    )
    content = (
        f"<office:document-content {_ODT_NAMES}><office:body><office:text>{body}</office:text>"
        "</office:body></office:document-content>"
    )
    members = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content}
    assert read_bytes("a.odt", _zip(members)) == Document(
        source="a.odt",
        format="odt",
        title="Cats",
        text="Cats\n\nThey  purr.\n[Softly.]\n\n- tail\n- paw\n\nMia | 7",
        headings=(Heading(2, 0, 4),),
    )


def test_epub_is_read_in_the_order_of_its_spine(read_bytes: ReadBytes) -> None:
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfile full-path="O/p.opf"/></container>',
        "O/p.opf": (
            '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Pets</dc:title>'
            '</metadata><manifest><item id="n" href="n.xhtml" properties="nav" '
            'media-type="application/xhtml+xml"/><item id="b" href="b%20c.xhtml" '
            'media-type="application/xhtml+xml"/><item id="a" href="a.xhtml" '
            'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="n"/>'
            '<itemref idref="b"/><itemref idref="a"/></spine></package>'
        ),
        "O/n.xhtml": "<html><body>Contents</body></html>",
        "O/a.xhtml": "<html><body><h1>Dogs</h1></body></html>",
        "O/b c.xhtml": "<html><body><h1>Cats</h1></body></html>",
    }
    document = read_bytes("a.epub", _zip(members))
    assert (document.title, document.text) == ("Pets", "Cats\n\nDogs")
    members["O/p.opf"] = members["O/p.opf"].replace("Pets", "Unknown Title")
    assert read_bytes("a.epub", _zip(members)).title == "Cats"


def test_pptx_has_a_page_for_each_slide_in_the_order_of_the_show(read_bytes: ReadBytes) -> None:
    def slide(title: str, text: str) -> str:
        shape = (
            "<p:sp><p:nvSpPr><p:nvPr>{}</p:nvPr></p:nvSpPr>"
            "<p:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp>"
        )
        holder, body = shape.format('<p:ph type="title"/>', title), shape.format("", text)
        return f"<p:sld {_A} {_P}><p:cSld><p:spTree>{holder}{body}</p:spTree></p:cSld></p:sld>"

    members = {
        "ppt/presentation.xml": (
            f'<p:presentation {_P} xmlns:r="{_R}"><p:sldIdLst><p:sldId r:id="r2"/>'
            '<p:sldId r:id="r1"/></p:sldIdLst></p:presentation>'
        ),
        "ppt/_rels/presentation.xml.rels": (
            f'<Relationships {_RELS}><Relationship Id="r1" Type="{_R}/slide" '
            f'Target="slides/slide1.xml"/><Relationship Id="r2" Type="{_R}/slide" '
            'Target="/ppt/slides/slide2.xml"/></Relationships>'
        ),
        "ppt/slides/slide1.xml": slide("Dogs", "bark"),
        "ppt/slides/slide2.xml": slide("Cats", "purr"),
    }
    assert read_bytes("a.pptx", _zip(members)) == Document(
        source="a.pptx",
        format="pptx",
        title="Cats",
        text="Cats\n\npurr\n\nDogs\n\nbark",
        pages=(Page(1, 0, 12), Page(2, 12, 22)),
        headings=(Heading(1, 0, 4), Heading(1, 12, 16)),
    )


def test_xlsx_shows_a_percentage_as_one(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["rate", 0.25])
    sheet["B1"].number_format = "0.0%"
    data = io.BytesIO()
    book.save(data)
    assert read_bytes("a.xlsx", data.getvalue()).text == "Sheet\n\nrate | 25%"


def test_xlsx_shows_values_row_by_row(read_bytes: ReadBytes) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Pets"
    sheet.append(["Name", "Born", "Weight"])
    sheet.append(["Mia", datetime.datetime(2019, 5, 1), 4.5])
    data = io.BytesIO()
    book.save(data)
    document = read_bytes("a.xlsx", data.getvalue())
    assert document.text == "Pets\n\nName | Born | Weight\nMia | 2019-05-01 | 4.5"


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.csv", b'name;age\n"Mia; the cat";7\n', "name | age\nMia; the cat | 7"),
        ("a.tsv", b"name\tage\nMia\t7\n", "name | age\nMia | 7"),
        ("a.csv", b"one column\nof text\n", "one column\nof text"),
        ("a.rtf", rb"{\rtf1\ansi\ansicpg1252 caf\'e9\par \u1055?\b rivet}", "café\nПrivet"),
        (
            "a.rtf",
            rb"{\rtf1 They{\super{\*\footnote\chftn\pard Soft\'e9.\par \{Two\}}} purr.\par Dogs.}",
            "They purr.\n[Softé. {Two}]\nDogs.",
        ),
        ("a.rtf", rb"{\rtf1 a{\footnote b}\cell c\cell\row d}", "a [b]|c|\nd"),
        ("a.rtf", rb"{\rtf1 a{\footnote b{c}} d{\*\annotation e} f}", "a d f[bc][e]"),
        ("a.rtf", rb"{\rtf1 a{\footnote b \} c} d\par e}", "a d\n[b } c]\ne"),
        ("a.rtf", rb"{\rtf1 a{\footnote C:\\} d\par e}", "a d\n[C:\\]\ne"),
        (
            "a.rtf",
            rb"{\rtf1 a{\footnote b{\*\annotation c{\footnote d}} e} f\par g}",
            "a f\n[b e]\n[c]\n[d]\ng",
        ),
        ("a.rtf", rb"{\rtf1 a{\footnote b", "a[b]"),
        ("a.rtf", rb"{\rtf1 a{\footnote b{\footnote c} d", "a[b d][c]"),
        ("a.rtf", rb"{\rtf1 a{\footnote b} goes on", "a goes on[b]"),
        ("a.rtf", rb"{\rtf1 [ ] a}}{{\footnote b}c}", "[ ] a"),
        ("a.json", b'[{"name": "Mia", "tags": ["cat", 7]}]', "name: Mia\ntags: cat\ntags: 7"),
        ("a.jsonl", '{"a": "x\u2028y"}\n{"a": 2}'.encode(), "a: x\ny\n\na: 2"),
        ("a.json", b'{"a": 1', '{"a": 1'),
        ("a.py", b"def f():\n    return 1\n", "def f():\n    return 1"),
    ],
)
def test_simple_formats(name: str, data: bytes, text: str, read_bytes: ReadBytes) -> None:
    assert read_bytes(name, data).text == text


def test_a_notebook_gives_text_code_and_output(read_bytes: ReadBytes) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Cats\n", "*purr*"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["2"]}}]},
    ]
    document = read_bytes("a.ipynb", json.dumps({"cells": cells, "nbformat": 4}).encode())
    assert (document.title, document.text) == ("Cats", "Cats\n\npurr\n\n1 + 1\n2")


def test_a_mail_gives_headers_and_its_plain_text_once(read_bytes: ReadBytes) -> None:
    mail = (
        b"From: Mia <mia@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/alternative; boundary=B\n\n"
        b"--B\nContent-Type: text/plain; charset=iso-8859-1\n\nSch\xf6n\n"
        b"--B\nContent-Type: text/html\n\n<p>Pretty</p>\n--B--\n"
    )
    document = read_bytes("a.eml", mail)
    assert document.title == "Grüße"
    assert document.text == "Grüße\n\nFrom: Mia <mia@example.org>\n\nSchön"


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
