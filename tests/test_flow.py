"""From a file to a hit, one assertion an arrow. Read this first."""

from pathlib import Path

import numpy as np
import pytest

from encoder.batching import plan_batches
from indexer.build import build_index
from indexer.chunk import Chunking, Passage, chunk_document
from indexer.read import read_document
from indexer.store import StoredPassage, open_index
from retriever.context import format_context
from retriever.hit import Hit
from retriever.retriever import Retriever
from retriever.snippet import Snippet, show
from retriever.why import explain_hits
from tests.concept_encoder import ConceptEncoder

TEXT = "Die Katze schläft auf dem Sofa."


def test_a_file_becomes_a_document(corpus_dir: Path) -> None:
    document = read_document(corpus_dir / "animals.txt", "animals.txt")
    assert (document.source, document.format, document.text) == ("animals.txt", "txt", TEXT)


def test_a_document_becomes_passages(corpus_dir: Path) -> None:
    document = read_document(corpus_dir / "animals.txt", "animals.txt")
    assert chunk_document(document, ConceptEncoder(), Chunking()) == (
        Passage(0, 31, None, "", "de", 26, TEXT),
    )


def test_texts_become_token_batches() -> None:
    assert plan_batches([3, 10, 4, 10], budget_tokens=20) == [[1, 3], [2, 0]]


def test_texts_become_unit_vectors() -> None:
    rows = ConceptEncoder().encode_passages(["Katze und Wasser", "cat"])
    assert rows.tolist() == [
        pytest.approx([0.7071, 0.7071, 0, 0, 0, 0], abs=1e-4),
        pytest.approx([1, 0, 0, 0, 0, 0]),
    ]


def test_passages_and_vectors_go_to_disk_and_come_back(index_dir: Path) -> None:
    index = open_index(index_dir)
    with index.reading() as database:
        passages = index.passages(database, range(4))
    rows = index.rows(0, 4)
    assert {p.source: p.text for p in passages} == {
        "animals.txt": TEXT,
        "garantie.html": "Garantie\n\nZwei Jahre.",
        "trip/train.md": "Viaje\n\nEl tren sale a las ocho de la mañana.",
        "weather.txt": "猫は水が好きではありません。",
    }
    expected = ConceptEncoder().encode_passages([p.text for p in passages])
    assert np.array_equal(rows, expected)


def test_a_question_in_english_finds_the_german_sentence(index_dir: Path) -> None:
    hits = Retriever.open(index_dir, ConceptEncoder()).search("Where is the cat?", k=2)
    assert [(hit.rank, hit.passage.source) for hit in hits] == [
        (1, "animals.txt"),
        (2, "weather.txt"),
    ]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7071], abs=1e-4)
    assert [hit.cosine for hit in hits] == [hit.score for hit in hits]


def test_a_hit_becomes_a_snippet_around_its_best_sentence() -> None:
    text = "Das Brot ist alt. Die Katze schläft. Der Zug fährt."
    hit = Hit(1, 1.0, "cosine", 1.0, StoredPassage(0, "a", "", None, 0, 51, text, "de", ""))
    why = explain_hits("Where is the cat?", [hit], ConceptEncoder())[0]
    snippet = show(hit.passage.text, why.best, why.words)
    assert snippet == Snippet(text, 18, 36)
    assert snippet.text[snippet.best_start : snippet.best_end] == "Die Katze schläft."


def test_hits_become_a_numbered_context(index_dir: Path) -> None:
    hits = Retriever.open(index_dir, ConceptEncoder()).search("cat", k=2)
    assert format_context(hits) == (
        "[1] animals.txt (de)\n> Die Katze schläft auf dem Sofa.\n\n"
        "[2] weather.txt (ja)\n> 猫は水が好きではありません。"
    )


def test_one_call_does_all_of_it(corpus_dir: Path, tmp_path: Path) -> None:
    report = build_index(corpus_dir, tmp_path / "index", ConceptEncoder())
    assert (report.read, report.passages, report.encoded, report.unread) == (4, 4, 4, ())
    assert report.formats == {"txt": 2, "html": 1, "md": 1}
    assert report.languages == {"de": 2, "ja": 1, "es": 1}
