"""What a search is narrowed to, and the shape of what comes out."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from encoder.errors import UsageError
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.options import BuildOptions
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder

TIMES = {"animals.txt": 2001, "weather.txt": 2002, "trip/train.md": 2003, "garantie.html": 2004}


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


@pytest.fixture
def retriever(corpus_dir: Path, tmp_path: Path) -> Retriever:
    for source, number in TIMES.items():
        os.utime(corpus_dir / source, (0, year(number).timestamp()))
    build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    return Retriever.open(tmp_path / "index", ConceptEncoder())


@pytest.mark.parametrize("question", ["cat", "cat Katze ocho Jahre 水"])
@pytest.mark.parametrize(
    ("formats", "sources"),
    [
        (["txt"], ["animals.txt", "weather.txt"]),
        ([".HTML", "md"], ["garantie.html", "trip/train.md"]),
        (["pdf"], []),
    ],
)
def test_formats(
    question: str, formats: list[str], sources: list[str], retriever: Retriever
) -> None:
    hits = retriever.search(question, formats=formats)
    assert sorted(hit.passage.source for hit in hits) == sources


@pytest.mark.parametrize(
    ("after", "before", "sources"),
    [
        (2003, None, ["garantie.html", "trip/train.md"]),
        (None, 2003, ["animals.txt", "weather.txt"]),
        (2002, 2003, ["weather.txt"]),
        (2005, None, []),
    ],
)
def test_times_are_a_half_open_span(
    after: int | None, before: int | None, sources: list[str], retriever: Retriever
) -> None:
    hits = retriever.search(
        "cat",
        modified_after=None if after is None else year(after),
        modified_before=None if before is None else year(before),
    )
    assert sorted(hit.passage.source for hit in hits) == sources


def test_a_file_that_was_only_touched_has_its_new_time(
    corpus_dir: Path, retriever: Retriever
) -> None:
    os.utime(corpus_dir / "animals.txt", (0, year(2010).timestamp()))
    report = build_index(corpus_dir, retriever.index_dir, ConceptEncoder())
    assert report.encoded == 0
    hits = retriever.search("cat", modified_after=year(2010))
    assert [hit.passage.source for hit in hits] == ["animals.txt"]


def test_times_in_the_wrong_order_are_refused(retriever: Retriever) -> None:
    with pytest.raises(UsageError, match="No time lies between 2003"):
        retriever.search("cat", modified_after=year(2003), modified_before=year(2003))


@pytest.mark.parametrize("mode", ["dense", "hybrid", "lexical"])
def test_a_bound_on_the_hits_of_a_document_still_gives_k(mode: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "long.txt").write_text("Die Katze Mimi. " * 200, encoding="utf-8")
    for number in range(4):
        (docs / f"{number}.txt").write_text("Katze Mimi, Wasser.", encoding="utf-8")
    (docs / "none.txt").write_text("Brot. " * 400, encoding="utf-8")
    options = BuildOptions(chunking=Chunking(24, 0))
    build_index(docs, tmp_path / "index", ConceptEncoder(), options)
    retriever = Retriever.open(tmp_path / "index", ConceptEncoder())
    chosen = {"dense": "dense", "lexical": "lexical"}.get(mode, "hybrid")
    hits = retriever.search("Katze Mimi", k=6, per_document=2, mode=chosen, fold=False)  # type: ignore[arg-type]
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6]
    counts = [hit.passage.source for hit in hits]
    assert sorted(counts) == ["0.txt", "1.txt", "2.txt", "3.txt", "long.txt", "long.txt"]


def test_no_hit_of_a_document_is_refused(retriever: Retriever) -> None:
    with pytest.raises(UsageError, match="At most 0 hits"):
        retriever.search("cat", per_document=0)
