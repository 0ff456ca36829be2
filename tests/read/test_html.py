"""HTML as the browser lays it out."""

import pytest

from indexer.document import Document, Heading
from tests.read.conftest import ReadBytes


def _text(read_bytes: ReadBytes, body: str) -> str:
    return read_bytes("a.html", f"<html><body>{body}</body></html>".encode()).text


def test_a_page_becomes_a_document(read_bytes: ReadBytes) -> None:
    page = (
        "<!DOCTYPE html><html lang=de><head><title>Der  Titel</title><style>p{}</style></head>"
        "<body><nav><a href=/>Start</a></nav><h1>Eins</h1><p>Ein <b>fetter</b>\nAbsatz.</p>"
        "<script>var x = '<p>no</p>';</script><h2>Zwei</h2><p>Ende</p></body></html>"
    )
    assert read_bytes("a.html", page.encode()) == Document(
        source="a.html",
        format="html",
        title="Der Titel",
        text="Eins\n\nEin fetter Absatz.\n\nZwei\n\nEnde",
        headings=(Heading(1, 0, 4), Heading(2, 26, 30)),
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("one<div>two</div>three", "one\n\ntwo\n\nthree"),
        ("a<br>b", "a\nb"),
        ("<ul><li>x<li>y</ul>", "- x\n- y"),
        ("<ol><li>x</li><li>y</li></ol>", "1. x\n2. y"),
        ("<pre>  if x:\n      y</pre>", "  if x:\n      y"),
        ("<table><tr><th>A<th>B<tr><td>1<td>2</table>", "A | B\n1 | 2"),
        ("<table><tr><td><h2>T</h2><p>one<p>two</table>", "T\n\none\n\ntwo"),
        ("<ruby>草<rp>(</rp><rt>くさ</rt><rp>)</rp></ruby>枕", "草枕"),
        (
            "Cats<sup><a href=#n1>1</a></sup> sleep<a href=#n2><sup>2</sup></a>.",
            "Cats[1] sleep[2].",
        ),
        ("<p>bark<a epub:type=noteref href=n.xhtml#i>i</a>.", "bark[i]."),
        ("<a class=sdfootnotesym href=#a1>1</a>A cat", "[1] A cat"),
        ("Brand<sup><a href=#>TM</a></sup>", "BrandTM"),
        ("say<sup><a href=#n>[3]</a></sup>, [<sup><a href=#n>4</a></sup>]", "say[3], [4]"),
        ("x<sup>2</sup>, <a href=#top>up</a>, <a href=/b>b<sup>3</sup></a>", "x2, up, b3"),
        (
            "<sup><a href=#n>a b</a></sup>, x<sup><a href=#n>definition</a></sup>",
            "a b, xdefinition",
        ),
        ("a<sup><a href=#n>1<p>b<sup><a href=#n>2</a></sup>", "a1\n\nb[2]"),
        ("&lt;b&gt; &amp; &eacute;", "<b> & é"),
        ("<p dir=rtl>שלום <bdo dir=rtl>עולם</bdo></p>", "שלום עולם"),
        ("x<!-- <p>comment</p> -->y", "xy"),
    ],
)
def test_elements_are_laid_out(body: str, text: str, read_bytes: ReadBytes) -> None:
    assert _text(read_bytes, body) == text


def test_a_page_that_is_all_navigation_keeps_it(read_bytes: ReadBytes) -> None:
    assert _text(read_bytes, "<nav><ul><li>Chapter one<li>Chapter two</ul></nav>x") == (
        "- Chapter one\n- Chapter two\n\nx"
    )


def test_unclosed_tags_nested_without_end_lose_no_text(read_bytes: ReadBytes) -> None:
    assert _text(read_bytes, "<div>" * 100_000 + "deep") == "deep"


def test_an_empty_script_element_of_xhtml_hides_nothing(read_bytes: ReadBytes) -> None:
    page = (
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><script src="x"/>'
    )
    assert read_bytes("a.xhtml", page + b"<p>seen</p></body></html>").text == "seen"


def test_the_declared_encoding_is_used(read_bytes: ReadBytes) -> None:
    page = '<meta charset="windows-1251"><p>Привет, мир</p>'.encode("cp1251")
    assert read_bytes("a.html", page).text == "Привет, мир"


def test_an_entity_of_the_page_opens_no_file(read_bytes: ReadBytes) -> None:
    page = b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>&x; text</p></html>'
    assert "root:" not in read_bytes("a.html", page).text
