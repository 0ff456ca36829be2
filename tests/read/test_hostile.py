"""Files made to do harm: each is read or refused with a reason, within its limits, by a reader that
lives on; none reaches another file, the network or the terminal."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docx
import pytest

from indexer.build import build_index
from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.isolation.child import ReaderProcess
from indexer.isolation.limits import Limits
from tests.concept_encoder import ConceptEncoder

# Far below what a build grants: none of these small files is a reason to wait or to swell.
TIGHT = Limits(cpu_s=30, wall_s=120, memory_bytes=700 * 2**20, answer_bytes=32 * 2**20)
SECRET = "the secret of another file"


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    with ReaderProcess() as process:
        yield process


def zipped(members: dict[str, str | bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def docx_with(body: str, doctype: str = "") -> bytes:
    """A DOCX whose main part is this XML."""
    data = io.BytesIO()
    docx.Document().save(data)
    with zipfile.ZipFile(data) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    members["word/document.xml"] = (
        f'<?xml version="1.0"?>{doctype}<w:document xmlns:w='
        '"http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"{body}</w:body></w:document>"
    )
    return zipped(members)


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def odt_with(content: str) -> bytes:
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def epub_with(spine: str, **chapters: str | bytes) -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f'<item id="a" href="{spine}" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "book.opf": package,
    }
    return zipped(members | chapters)


def laughs(levels: int) -> str:
    """The billion laughs: entities of entities of entities."""
    lines = ['<!ENTITY e0 "laugh">']
    for level in range(1, levels):
        inner = f"&e{level - 1};" * 10
        lines.append(f'<!ENTITY e{level} "{inner}">')
    return f"<!DOCTYPE x [{''.join(lines)}]>"


def pdf_of(*objects: str) -> bytes:
    """A PDF of these objects, the first of which is the catalog."""
    data, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<</Size {size}/Root 1 0 R>>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF".encode("latin-1")


EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
XHTML = '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>{}</p></body></html>'
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
ODT = (
    f'<o:document-content xmlns:o="{OFFICE}" xmlns:t="{TEXT}"><o:body><o:text>{{}}</o:text>'
    "</o:body></o:document-content>"
)
MEGABYTE = 2**20

HOSTILE: dict[str, bytes] = {
    "entities.docx": docx_with(paragraph("&e9; Katze"), laughs(10)),
    "entities.odt": odt_with(laughs(10) + ODT.format("<t:p>&e9; Katze</t:p>")),
    "entities.epub": epub_with("a.xhtml", **{"a.xhtml": laughs(10) + XHTML.format("&e9; Katze")}),
    "entities.html": (laughs(10) + XHTML.format("&e9; Katze")).encode(),
    "entities.xml": (laughs(10) + "<x>&e9;</x>").encode(),
    "quadratic.docx": docx_with(
        paragraph("&e;" * 20_000), f'<!DOCTYPE x [<!ENTITY e "{"a" * 50_000}">]>'
    ),
    "external.docx": docx_with(paragraph("&e; Katze"), EXTERNAL),
    "external.odt": odt_with(EXTERNAL + ODT.format("<t:p>&e; Katze</t:p>")),
    "external.epub": epub_with("a.xhtml", **{"a.xhtml": EXTERNAL + XHTML.format("&e; Katze")}),
    "external.html": (EXTERNAL + XHTML.format("&e; Katze")).encode(),
    "remote.docx": docx_with(
        paragraph("Katze"), '<!DOCTYPE x SYSTEM "http://192.0.2.1/never.dtd">'
    ),
    "bomb.docx": docx_with(paragraph("Katze " * 60_000_000)),
    "bomb.odt": odt_with(ODT.format(f"<t:p>{' Katze' * 60_000_000}</t:p>")),
    "bomb.epub": epub_with("a.xhtml", **{"a.xhtml": XHTML.format("Katze " * 6_000_000)}),
    "spaces.odt": odt_with(ODT.format('<t:p>Katze<t:s t:c="2000000000"/></t:p>')),
    "columns.odt": odt_with(ODT.format('<t:p>K</t:p>' * 300_000)),
    "deep.docx": docx_with("<w:p>" * 100_000 + "Katze" + "</w:p>" * 100_000),
    "deep.odt": odt_with(ODT.format("<t:p>" * 100_000 + "Katze" + "</t:p>" * 100_000)),
    "deep.html": ("<div>" * 200_000 + "Katze").encode(),
    "deep-list.html": ("<ul><li>" * 20_000 + "Katze").encode(),
    "deep-table.html": ("<table><tr><td>" * 5_000 + "Katze").encode(),
    "deep.json": b"[" * 500_000 + b"]" * 500_000,
    "deep.ipynb": b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep.md": ("> " * 5_000 + "Katze").encode(),
    "deep-list.md": "\n".join("  " * level + "- Katze" for level in range(1_000)).encode(),
    "brackets.md": ("[" * 50_000 + "Katze").encode(),
    "stars.md": ("*a **a " * 30_000).encode(),
    "backticks.md": "".join("`" * (n % 500) + " " for n in range(5_000)).encode(),
    "deep.rtf": b"{\\rtf1 " + b"{" * 500_000 + b"Katze" + b"}" * 500_000,
    "cell.csv": b'"' + b"Katze," * 1_500_000 + b'"',
    "wide.csv": b"," * 2_000_000 + b"Katze",
    "line.txt": b"Katze" * 3_000_000,
    "marks.txt": ("e" + "\u0301" * 3_000_000).encode(),
    "number.json": b'{"a": ' + b"9" * 1_000_000 + b', "b": "Katze"}',
    "tags.html": b"<" * 2_000_000,
    "attribute.html": b"<p a='" + b"Katze" * 1_000_000,
    "comment.html": b"<!--" * 500_000,
    "nested.eml": b"Subject: a\n"
    + b"Content-Type: message/rfc822\n\nSubject: a\n" * 3_000
    + b"\nKatze",
    "parts.eml": b'Subject: a\nContent-Type: multipart/mixed; boundary="b"\n\n'
    + b'--b\nContent-Type: multipart/mixed; boundary="b"\n\n' * 3_000,
    "traversal.epub": epub_with("../../../../../../../../../../..{secret}"),
    "loop.pdf": pdf_of(
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 9999999/Kids[2 0 R 2 0 R]>>"
    ),
    "pages.pdf": pdf_of(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 2000000000/Kids[3 0 R]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ),
    "outline.pdf": pdf_of(
        "<</Type/Catalog/Pages 2 0 R/Outlines 4 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        "<</First 5 0 R/Last 5 0 R/Count 1>>",
        "<</Title(Katze)/Parent 4 0 R/Next 5 0 R/First 5 0 R>>",
    ),
    "form.pdf": pdf_of(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        "/Resources<</XObject<</F 5 0 R>>>>>>",
        "<</Length 5>>stream\n/F Do\nendstream",
        "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>/Length 11>>"
        "stream\n/F Do /F Do\nendstream",
    ),
}  # fmt: skip
# PDFium follows a form into itself until its memory ends, and gives up the process.
CRASH = {"form.pdf"}


def read(reader: ReaderProcess, path: Path) -> Document | str:
    """The document, or the reason why there is none."""
    try:
        return reader.read(path, path.name, TIGHT)
    except UnreadableDocument as error:
        return error.reason


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_or_refused_within_its_limits(
    name: str, tmp_path: Path, reader: ReaderProcess
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    path = tmp_path / name
    path.write_bytes(HOSTILE[name].replace(b"{secret}", str(secret).encode()))
    found = read(reader, path)
    if isinstance(found, Document):
        assert SECRET not in found.text
        assert len(found.text) < 32 * MEGABYTE
        assert found.text.count("laugh") < 100
    else:
        assert found.endswith(".")
        assert SECRET not in found
        assert "processor time" not in found
        assert ("crashed" in found) == (name in CRASH)
    # The same process, or a new one, reads the next file.
    honest = tmp_path / "honest.txt"
    honest.write_text("Die Katze.", encoding="utf-8")
    assert reader.read(honest, "honest.txt", TIGHT).text == "Die Katze."


def test_a_zip_that_lies_about_its_size_unpacks_to_no_more(
    tmp_path: Path, reader: ReaderProcess
) -> None:
    data = docx_with(paragraph("Katze " * 2_000_000))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        true_size = archive.getinfo("word/document.xml").file_size
    lie = data.replace(true_size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != data
    (tmp_path / "lie.docx").write_bytes(lie)
    assert isinstance(read(reader, tmp_path / "lie.docx"), str)


def test_a_zip_of_many_gigabytes_is_refused_unread(tmp_path: Path, reader: ReaderProcess) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
        archive.infolist()[0].file_size = 1088 * MEGABYTE  # as the directory will say
    (tmp_path / "a.docx").write_bytes(data.getvalue())
    found = read(reader, tmp_path / "a.docx")
    assert isinstance(found, str)
    assert found.startswith("It unpacks to 1,088 MB in 1 parts; the limit is 1,024 MB")


def test_no_special_file_is_opened(corpus_dir: Path, tmp_path: Path) -> None:
    os.mkfifo(corpus_dir / "pipe.txt")
    (corpus_dir / "zero.txt").symlink_to("/dev/zero")
    (corpus_dir / "tty.txt").symlink_to("/dev/tty")
    (corpus_dir / "loop.txt").symlink_to("loop.txt")
    report = build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    assert report.read == 4
    assert [item.source for item in report.unread] == [
        "loop.txt", "pipe.txt", "tty.txt", "zero.txt",
    ]  # fmt: skip


def test_notes_and_titles_of_a_hostile_file_are_text(tmp_path: Path, reader: ReaderProcess) -> None:
    mail = (
        "Subject: \x1b[31mKatze\u202e\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nKatze\n--b\n'
        'Content-Disposition: attachment; filename="a\x1b]0;x\x07.exe"\n\nx\n--b--\n'
    )
    (tmp_path / "a.eml").write_text(mail, encoding="utf-8")
    found = read(reader, tmp_path / "a.eml")
    assert isinstance(found, Document)
    assert not set(found.title + found.text) & {"\x1b", "\x07", "\u202e"}
    assert json.loads(json.dumps(replace(found).notes))
