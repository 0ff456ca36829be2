"""What speaks against a document's text, and where it is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

import indexer.cli
from indexer.build import build_index
from indexer.chunk import Chunking, chunk_document
from indexer.document import Document
from indexer.health import Finding, examine
from indexer.store import open_index
from tests.concept_encoder import ConceptEncoder
from tests.read.pdf_maker import Picture, Print, pdf_bytes
from tests.test_chunk import SCRIPTS
from tests.test_language import SENTENCES

FRENCH = "La garantie ne couvre pas les dégâts causés par des réparations non autorisées. " * 20
RUSSIAN = SENTENCES["ru"]
LATIN_LOOK_ALIKES = str.maketrans("аоВ", "aoB")


def findings(text: str, format: str = "txt", scanned_pages: tuple[int, ...] = ()) -> list[Finding]:
    document = Document("a", format, "", text, scanned_pages=scanned_pages)
    return list(examine(document, chunk_document(document, ConceptEncoder(), Chunking(64, 0))))


@pytest.mark.parametrize("text", [*SENTENCES.values(), *SCRIPTS.values(), "x = Δx + 5 µm", ""])
def test_a_healthy_text_has_no_finding_in_any_script(text: str) -> None:
    assert findings(text * 5) == []


def test_a_text_in_many_languages_is_healthy() -> None:
    assert findings("\n".join(SENTENCES.values())) == []


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Wörter mit L\ufffdchern, drei L\ufffdcher, viele L\ufffdcher.",
            "unmapped",
            "3 of 46 characters are not known to be any letter. "
            "Look at it in the program that made it.",
        ),
        (
            "(cid:12)(cid:7) and (cid:44)",
            "unmapped",
            "3 of 28 characters are not known to be any letter. "
            "Look at it in the program that made it.",
        ),
        (
            FRENCH.encode().decode("cp1252"),
            "mojibake",
            "It looks as if it was decoded with a wrong encoding ('sÃ©'). "
            "Save it anew as UTF-8 from the program that made it.",
        ),
        (
            RUSSIAN.translate(LATIN_LOOK_ALIKES),
            "script",
            "In 4 places letters of two alphabets stand in one word (such as 'рaспрoстрaняетс'). "
            "Look at it in the program that made it.",
        ),
    ],
)
def test_a_damaged_text_is_found(text: str, kind: str, message: str) -> None:
    assert [(f.kind, f.message) for f in findings(text)] == [(kind, message)]


def test_a_few_signs_in_a_long_text_are_quotations() -> None:
    assert findings(FRENCH + "(cid:1)(cid:2) \ufffd Ã© â€™ Ã¨ Гaрaнтия" + FRENCH * 3) == []


def test_letters_in_which_the_language_is_not_written_are_found() -> None:
    document = Document("a", "pdf", "", RUSSIAN)
    (passage,) = chunk_document(document, ConceptEncoder(), Chunking(256, 0))
    assert passage.language == "ru"
    assert examine(document, [passage]) == ()
    (finding,) = examine(document, [replace(passage, language="el", page=3)])
    assert finding == Finding(
        "script",
        "Passages in letters in which Greek is not written: 1 of 1, the first on page 3: "
        f"{RUSSIAN[:20]!r}. OCR reads what is printed: ocrmypdf --force-ocr IN.pdf OUT.pdf",
    )


def test_build_ls_and_status_name_a_scanned_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs, index_dir = tmp_path / "docs", tmp_path / "index"
    docs.mkdir()
    (docs / "letter.pdf").write_bytes(pdf_bytes([[Print("A cat.", 700)], [Picture()]]))
    (docs / "note.txt").write_text("A cat.")
    message = (
        "1 page is a picture without text (scanned?): 2. "
        "Run OCR on it: ocrmypdf --skip-text IN.pdf OUT.pdf"
    )
    report = build_index(docs, index_dir, ConceptEncoder())
    assert report.health == (("letter.pdf", Finding("scanned", message)),)
    index = open_index(index_dir)
    with index.reading() as database:
        assert [document.health for document in index.documents(database)] == [
            (Finding("scanned", message),),
            (),
        ]
    assert indexer.cli.main(["ls", "--index", str(index_dir)]) == 0
    assert f"  scanned: {message}" in capsys.readouterr().out
    assert indexer.cli.main(["status", "--index", str(index_dir)]) == 0
    assert "health          scanned 1" in capsys.readouterr().out
