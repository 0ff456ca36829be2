"""Files that cannot be read say why; no file raises anything else, and none is read as nothing."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import UnreadableDocument
from indexer.read import FORMATS, read_document, supported
from tests.read.conftest import ReadBytes
from tests.read.pdf_maker import Print, pdf_bytes

_PDF = pdf_bytes([[Print("Text", 700)]])


def _docx() -> bytes:
    data = io.BytesIO()
    word = docx.Document()
    word.add_paragraph("Text")
    word.save(data)
    return data.getvalue()


def _zip(name: str, text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", r"It is empty \(zero bytes\)\."),
        ("a.txt", b" \n\t\n", r"It holds no text\."),
        ("a.md", b"![](x.png)", r"It holds no text\."),
        ("a.html", b"<html><script>x</script></html>", r"It holds no text\."),
        ("a.txt", bytes(range(256)) * 8, "Its bytes are no text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(100), "It is a PNG image"),
        ("a.txt", b"\x7fELF" + bytes(100), "It is a program"),
        ("a.xyz", b"text", r"The format \.xyz is not read\."),
        ("a.pdf", b"no PDF", r"It is named \.pdf, but its bytes are no pdf file"),
        ("a.pdf", _PDF[:60], "The PDF is damaged"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(1000), "The PDF is damaged"),
        ("a.docx", _docx()[:-200], "Its zip archive is damaged"),
        ("a.docx", b"PK\x03\x04", "Its zip archive is damaged"),
        ("a.docx", _zip("word/document.xml", "<w:document/>"), "The DOCX file is damaged"),
        (
            "a.odt",
            _zip("mimetype", "application/vnd.oasis.opendocument.text"),
            "content.xml is mis",
        ),
        ("a.epub", _zip("META-INF/container.xml", "<x>"), "container.xml is damaged"),
        ("a.epub", _zip("META-INF/container.xml", "<x/>"), "The EPUB has no package document"),
        ("a.pptx", _zip("ppt/presentation.xml", "<x/>"), r"It holds no text\."),
        ("a.xlsx", _zip("xl/workbook.xml", "<x/>"), "The XLSX file is damaged"),
        ("a.zip", _zip("a.txt", "text"), "It is a zip archive of no format that is read"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "format of Office 97 to 2003"),
        ("a.ipynb", b"{", "It is no valid JSON"),
        ("a.ipynb", b"[]", "It is JSON, but no notebook"),
        ("a.eml", b"\nno headers", "It has no e-mail headers"),
    ],
)
def test_an_unreadable_file_says_why(
    name: str, data: bytes, reason: str, read_bytes: ReadBytes
) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        read_bytes(name, data)


def test_an_encrypted_office_file_says_so(read_bytes: ReadBytes) -> None:
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(UnreadableDocument, match="encrypted with a password"):
        read_bytes("a.docx", container + bytes(600))


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch()
    os.truncate(path, 2**29 + 1)  # sparse: takes no room on the disk
    with pytest.raises(UnreadableDocument, match="the limit is 512 MB"):
        read_document(path, "a.txt")


@pytest.mark.parametrize("data", [_PDF, _docx()], ids=["pdf", "docx"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=20), cut=st.booleans())
def test_damage_anywhere_gives_text_or_a_reason(
    data: bytes, at: float, junk: bytes, cut: bool, tmp_path: Path
) -> None:
    where = int(at * len(data))
    path = tmp_path / "damaged"
    path.write_bytes(data[:where] + junk + (b"" if cut else data[where + len(junk) :]))
    try:
        found = read_document(path, "damaged").text
    except UnreadableDocument as error:
        found = error.reason
    assert found.strip()


def test_the_content_counts_more_than_the_suffix(read_bytes: ReadBytes) -> None:
    assert read_bytes("a.txt", _PDF).format == "pdf"
    assert read_bytes("a", b"<!DOCTYPE html><p>x").format == "html"


def test_reading_twice_gives_the_same_and_survives_pickling(read_bytes: ReadBytes) -> None:
    document = read_bytes("a.pdf", _PDF)
    assert read_bytes("a.pdf", _PDF) == document
    assert pickle.loads(pickle.dumps(document)) == document


def test_the_formats_are_known_by_suffix() -> None:
    assert FORMATS[".pdf"] == "pdf"
    assert supported(Path("A.PDF"))
    assert not supported(Path("a.xyz"))
