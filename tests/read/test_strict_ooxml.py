"""Strict Open XML: the same text as from the usual kind."""

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docx
import openpyxl
import pytest

from indexer.read import read_document
from tests.read.conftest import ReadBytes

# All but package/2006, which both kinds have.
_NAMES = re.compile(rb"http://schemas\.openxmlformats\.org/((?!package\b)\w+)/2006/(?=[a-z])")


def strict(path: Path) -> bytes:
    """Return a file as Office saves it where "Strict Open XML" is chosen."""
    written = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(written, "w") as copy:
        for member in archive.infolist():
            names = rb"http://purl.oclc.org/ooxml/\1/"
            copy.writestr(member.filename, _NAMES.sub(names, archive.read(member)))
    return written.getvalue()


def _docx(path: Path) -> None:
    word = docx.Document()
    word.add_heading("Garantie", level=1)
    word.add_paragraph("Zwei Jahre.")
    word.add_table(rows=1, cols=2).rows[0].cells[1].text = "Belf"
    word.save(str(path))


def _xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Name", "Preis"])
    sheet.append(["Mia", 7])
    book.save(path)


def _pptx(path: Path) -> None:
    """A show of two slides in PowerPoint's own template, saved by python-pptx 1.0."""
    shutil.copyfile(Path(__file__).parent / "samples" / "powerpoint.de.pptx", path)


@pytest.mark.parametrize(
    ("suffix", "make", "text"),
    [
        ("docx", _docx, "Garantie\n\nZwei Jahre.\n\nBelf"),
        ("xlsx", _xlsx, "Sheet\n\nName | Preis\nMia | 7"),
        (
            "pptx",
            _pptx,
            "Garantie\n\nZwei Jahre auf die Pumpe.\nFünf auf das Gehäuse.\n\n"
            "Erst nach dem Kauf erwähnen.\n\n"
            "Preise\n\nTeile\nPumpe | 7 Euro\nDeckel | 2 Euro",
        ),
    ],
)
def test_a_strict_file_says_what_its_usual_form_says(
    suffix: str, make: Callable[[Path], None], text: str, read_bytes: ReadBytes, tmp_path: Path
) -> None:
    path = tmp_path / f"usual.{suffix}"
    make(path)
    data = strict(path)
    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(data)).read("_rels/.rels")
    found, usual = read_bytes(f"strict.{suffix}", data), read_document(path, path.name)
    assert usual.text == text
    assert replace(found, source=usual.source) == usual
