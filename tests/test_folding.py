"""Folding: translations and copies become one hit, and nothing else does."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoder.spec import Vectors
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.options import BuildOptions
from retriever.context import also_in, format_context
from retriever.folding import Signature, fold, near_duplicates, shown_first
from retriever.folds import MOST_ROWS
from retriever.hit import AlsoIn
from retriever.parallel import Documents, align
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder

LINE = "The pump of the machine is covered for 36 months from the day of the purchase."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LINE, LINE.upper().replace(" ", "  "), True),
        (LINE, LINE + " Yes.", True),
        (LINE + " Item 1", LINE + " Item 2", False),  # one number differs
        (LINE, LINE.replace("36", "٣٦"), True),  # the same number in other digits
        (LINE, "The pump of the machine is covered for 36 months.", False),  # half of it
        (
            "水泵的保修期为三十六个月，自购买之日起计算。",
            "水泵的保修期为三十六个月自购买之日起计算",
            True,
        ),
        ("", "", False),
        ("---", "...", False),
    ],
)
def test_near_duplicates_share_nearly_all_text_and_every_number(
    one: str, other: str, same: bool
) -> None:
    assert near_duplicates(Signature.of(one), Signature.of(other)) is same


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 12), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11))))
def test_folding_loses_no_place_and_compares_with_heads_only(
    count: int, alike: set[tuple[int, int]]
) -> None:
    groups = fold(count, lambda one, other: (one, other) in alike)
    assert sorted(place for group in groups for place in group) == [*range(count)]
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    assert all((group[0], place) in alike for group in groups for place in group[1:])


def test_of_translations_the_one_in_the_question_s_language_is_shown() -> None:
    languages = ["de", "fr", "zh-Hans", "zh"]
    assert shown_first([0, 1, 2, 3], languages, "fr") == [1, 0, 2, 3]
    assert shown_first([0, 1, 2, 3], languages, "zh") == [2, 0, 1, 3]
    assert shown_first([0, 1], languages, "ja") == [0, 1]


def axes(*places: int) -> Vectors:
    return np.eye(8, dtype=np.float32)[[*places]]


@pytest.mark.parametrize(
    ("first", "second", "parallel", "pairs"),
    [
        (axes(0, 1, 2, 3), axes(0, 1, 2, 3), True, [0, 1, 2, 3]),
        (axes(0, 1, 2, 3), axes(3, 2, 1, 0), False, [3, 2, 1, 0]),  # the order is another
        (axes(0, 1, 2, 3), axes(0, 1, 2, 4, 5), True, [0, 1, 2, -1]),
        (axes(0, 1, 2, 3, 4, 5, 6), axes(0, 1, 7, 7, 7, 7, 7), False, [0, 1, -1, -1, -1, -1, -1]),
    ],
)
def test_documents_are_parallel_when_most_passages_pair_up_in_order(
    first: Vectors, second: Vectors, parallel: bool, pairs: list[int]
) -> None:
    alignment = align(first, second)
    assert alignment.parallel is parallel
    assert alignment.pairs.tolist() == pairs


def turned(axis: int, cosine: float) -> Vectors:
    """Return a row with this cosine to an axis, and none to any of the other first six."""
    row = np.zeros((1, 8), np.float32)
    row[0, axis], row[0, 7] = cosine, np.sqrt(1 - cosine**2)
    return row


def test_passages_are_paired_from_a_cosine_of_a_quarter_on() -> None:
    second = np.concatenate([axes(0, 1, 2), turned(3, 0.26), turned(4, 0.24)])
    assert align(axes(0, 1, 2, 3, 4), second).pairs.tolist() == [0, 1, 2, 3, -1]


def test_passages_are_paired_by_their_documents_whichever_comes_first() -> None:
    rows = np.concatenate([axes(0, 1, 2), axes(0, 1, 2), axes(5)])
    spans = {0: np.arange(0, 3), 1: np.arange(3, 6), 2: np.arange(6, 7)}
    documents = Documents(spans.__getitem__, lambda asked: rows[asked])
    assert documents.paired((0, 1), (1, 4)) is True
    assert documents.paired((1, 4), (0, 1)) is True
    assert documents.paired((0, 1), (1, 5)) is False
    assert documents.paired((0, 1), (0, 2)) is False
    assert documents.paired((0, 1), (2, 6)) is None  # one passage is too little to tell


@pytest.fixture
def copied(tmp_path: Path) -> Retriever:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text("The cat sleeps on the sofa all day long.", "utf-8")
    (docs / "c.txt").write_text("The cat drinks water in the kitchen at night.", "utf-8")
    build_index(docs, tmp_path / "index", ConceptEncoder())
    return Retriever.open(tmp_path / "index", ConceptEncoder())


def test_a_copy_is_folded_into_the_first_and_named(copied: Retriever) -> None:
    hits = copied.search("cat", k=2, mode="dense")
    assert [(hit.rank, hit.passage.source) for hit in hits] == [(1, "a.txt"), (2, "c.txt")]
    assert [hit.also_in for hit in hits] == [(AlsoIn("en", "b.txt", None, "duplicate"),), ()]
    assert also_in(hits[0]) == "1 copy"
    assert format_context(hits).startswith("[1] a.txt (en); the same in: b.txt (en)\n> The cat")


def test_without_folding_every_passage_is_a_hit(copied: Retriever) -> None:
    hits = copied.search("cat", k=2, mode="dense", fold=False)
    assert [(hit.passage.source, hit.also_in) for hit in hits] == [("a.txt", ()), ("b.txt", ())]


def test_a_folder_of_copies_does_not_make_a_search_endless(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("The cat drinks water. " * (MOST_ROWS + 50))
    options = BuildOptions(chunking=Chunking(max_tokens=8, overlap_tokens=0))
    build_index(tmp_path / "docs", tmp_path / "index", ConceptEncoder(), options)
    hits = Retriever.open(tmp_path / "index", ConceptEncoder()).search("cat", k=3, mode="dense")
    assert [len(hit.also_in) for hit in hits] == [MOST_ROWS - 1]
