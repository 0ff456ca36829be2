"""What changes in a folder, and how much of it is encoded again."""

import os
import random
import shutil
from pathlib import Path

import pytest

from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.options import BuildOptions
from indexer.report import BuildReport
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.read.pdf_maker import Print, pdf_bytes
from tests.test_build import sources, texts_and_vectors

# Of a long PDF; CROSSTONGUE_TEST_PAGES=500 takes a minute.
PAGES = int(os.environ.get("CROSSTONGUE_TEST_PAGES", "100"))


def update(corpus_dir: Path, index_dir: Path) -> BuildReport:
    return build_index(corpus_dir, index_dir, ConceptEncoder())


@pytest.mark.parametrize("time_s", [0, 1e9, 4e9], ids=["1970", "2001", "2096"])
def test_the_time_of_a_file_means_nothing(time_s: float, corpus_dir: Path, index_dir: Path) -> None:
    for path in corpus_dir.rglob("*.*"):
        os.utime(path, (time_s, time_s))
    report = update(corpus_dir, index_dir)
    assert (report.unchanged, report.read, report.encoded) == (4, 0, 0)


def test_an_edit_that_keeps_time_and_size_is_seen(corpus_dir: Path, index_dir: Path) -> None:
    path = corpus_dir / "animals.txt"
    before = path.stat()
    path.write_text(path.read_text("utf-8").replace("Katze", "Sonne"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert update(corpus_dir, index_dir).read == 1


def test_a_document_that_an_older_copy_replaces_is_the_older_one(
    corpus_dir: Path, index_dir: Path
) -> None:
    old = (corpus_dir / "animals.txt").read_bytes()
    (corpus_dir / "animals.txt").write_text("Der Zug.", encoding="utf-8")
    update(corpus_dir, index_dir)
    (corpus_dir / "animals.txt").write_bytes(old)
    os.utime(corpus_dir / "animals.txt", (0, 0))
    update(corpus_dir, index_dir)
    hits = Retriever.open(index_dir, ConceptEncoder()).search("cat", k=1, balance="off")
    assert [(hit.passage.source, hit.cosine) for hit in hits] == [("animals.txt", 1.0)]


def test_a_rename_of_case_alone_is_a_rename(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "animals.txt").rename(corpus_dir / "Animals.TXT")
    report = update(corpus_dir, index_dir)
    assert (report.renamed, report.read, report.encoded) == (1, 0, 0)
    assert "Animals.TXT" in sources(index_dir)


def test_names_that_differ_in_composition_are_two_documents(
    corpus_dir: Path, index_dir: Path
) -> None:
    for name in ("\u00fcber.txt", "u\u0308ber.txt"):
        (corpus_dir / name).write_text(f"Das Brot: {len(name)}.", encoding="utf-8")
    if len(list(corpus_dir.glob("*ber.txt"))) < 2:
        pytest.skip("this file system takes them for one")
    assert update(corpus_dir, index_dir).read == 2
    (corpus_dir / "\u00fcber.txt").unlink()
    assert update(corpus_dir, index_dir).removed == 1
    assert [name for name in sources(index_dir) if "ber" in name] == ["u\u0308ber.txt"]


def test_a_renamed_folder_keeps_all_vectors(corpus_dir: Path, index_dir: Path) -> None:
    (corpus_dir / "trip").rename(corpus_dir / "reise")
    report = update(corpus_dir, index_dir)
    assert (report.renamed, report.encoded) == (1, 0)


def test_two_documents_that_swap_names_are_read_and_not_encoded(
    corpus_dir: Path, index_dir: Path
) -> None:
    one, other = corpus_dir / "animals.txt", corpus_dir / "weather.txt"
    one.rename(corpus_dir / "x")
    other.rename(one)
    (corpus_dir / "x").rename(other)
    report = update(corpus_dir, index_dir)
    assert (report.read, report.encoded) == (2, 0)
    hits = Retriever.open(index_dir, ConceptEncoder()).search("cat", k=1, balance="off")
    assert hits[0].passage.source == "weather.txt"


def test_a_file_that_becomes_a_folder_and_back(corpus_dir: Path, index_dir: Path) -> None:
    path = corpus_dir / "animals.txt"
    text = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "inner.txt").write_bytes(text)
    assert update(corpus_dir, index_dir).renamed == 1
    assert "animals.txt/inner.txt" in sources(index_dir)
    shutil.rmtree(path)
    path.write_bytes(text)
    assert update(corpus_dir, index_dir).renamed == 1
    assert "animals.txt" in sources(index_dir)


def test_what_ragignore_leaves_out_later_leaves_the_index(
    corpus_dir: Path, index_dir: Path
) -> None:
    (corpus_dir / ".ragignore").write_text(
        "# not now\ntrip/\n*.html\n!animals.txt\n", encoding="utf-8"
    )
    report = update(corpus_dir, index_dir)
    assert report.removed == 2
    assert sources(index_dir) == ["animals.txt", "weather.txt"]


WORDS = [
    "Katze",
    "Wasser",
    "Zug",
    "Brot",
    "Haus",
    "Baum",
    "gestern",
    "immer",
    "langsam",
    "neben",
    "kommt",
    "findet",
    "trinkt",
    "rollt",
    "warten",
    "blau",
    "alt",
    "weit",
    "unter",
    "zwischen",
    "Nachbar",
    "Fenster",
    "Regen",
    "Brief",
    "sieben",
    "niemand",
    "vielleicht",
    "gern",
    "oben",
]


def page(number: int, change: str = "") -> list[Print]:
    """Twelve lines of words at random, which end sentences now and then."""
    pick = random.Random(number)
    lines = []
    for line in range(12):
        words = pick.choices(WORDS, k=9)
        words[pick.randrange(9)] += "."
        lines.append(Print(" ".join(words), 760 - 40 * line))
    if change:
        lines[5] = Print(change, 560)
    return lines


def test_one_edited_page_of_a_long_pdf_encodes_the_passages_around_it_only(tmp_path: Path) -> None:
    least = 2 * PAGES
    docs = tmp_path / "docs"
    docs.mkdir()
    path = docs / "book.pdf"
    options = BuildOptions(chunking=Chunking(256, 32))
    path.write_bytes(pdf_bytes([page(number) for number in range(1, PAGES + 1)]))
    whole = build_index(docs, tmp_path / "index", ConceptEncoder(), options)
    assert whole.passages > least
    change = "Hier steht jetzt ein anderer, viel laengerer Satz ueber eine Garantie und ein Dach."
    path.write_bytes(
        pdf_bytes([page(n, change if n == PAGES // 2 else "") for n in range(1, PAGES + 1)])
    )
    edited = build_index(docs, tmp_path / "index", ConceptEncoder())
    assert edited.passages > least
    assert 1 <= edited.encoded <= 8
    build_index(docs, tmp_path / "clean", ConceptEncoder(), options)
    assert texts_and_vectors(tmp_path / "index") == texts_and_vectors(tmp_path / "clean")
