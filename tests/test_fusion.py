"""The best passages by meaning and words together, exactly."""

import numpy as np
import pytest

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText
from indexer.vector_index import VectorIndex
from retriever import fusion
from retriever.fusion import Legs, best_fused
from retriever.question_words import question_terms
from retriever.words import WordLeg

ROWS, DIM = 3000, 16
QUESTION = "w3 w40 w200 w700 w1500"


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    rows = np.random.default_rng(1).normal(size=(ROWS, DIM)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture(scope="module")
def words() -> WordLeg:
    """The words w0, w1, ... the later the rarer, in two indexes."""
    pick = np.random.default_rng(2)
    texts = [
        LexicalText(row, " ".join(f"w{int(x)}" for x in 2000 * pick.random(30) ** 3), "", "en")
        for row in range(ROWS)
    ]
    parts = (texts[: ROWS - 100], texts[ROWS - 100 :])
    return WordLeg([LexicalIndex.in_memory(part) for part in parts])


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("top", [0.0, 0.05, 0.5, 5.0])
def test_the_best_of_both_legs_are_those_of_all_sums(
    share: float, top: float, vectors: Vectors, words: WordLeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "FIRST_DEPTH", 16)  # so that it has to look further
    structure = VectorIndex(DIM, "float32")
    structure.add(vectors)
    query = vectors[0]

    def dense(most: int, among: Mask) -> tuple[Rows, Vectors]:
        return structure.search(query, most, among)

    allowed = np.random.default_rng(3).random(ROWS) < share
    terms = words.weigh(question_terms(QUESTION), "en")
    ranked = best_fused(Legs(dense, words, terms, top), 10, allowed)
    sums = vectors @ query + top * np.minimum(fusion.MOST, words.sums(terms, ROWS))
    best = sorted(np.flatnonzero(allowed), key=lambda row: (-sums[row], row))[:10]
    assert ranked.scores == pytest.approx(sums[best], abs=1e-5)
    assert set(ranked.rows.tolist()) == {int(row) for row in best}


def test_what_a_word_counts_rises_with_how_rare_it_is(words: WordLeg) -> None:
    weights = [weight for _, weight in words.weigh(question_terms(QUESTION), "en")]
    assert weights == sorted(weights)
    assert max(weights) <= 1


def test_words_that_stand_nowhere_count_on_neither_side(words: WordLeg) -> None:
    plain = words.weigh(question_terms("w300 w400"), "en")
    assert words.weigh(question_terms("w300 unheard w400 of 見たことがない"), "en") == plain


def test_two_indexes_of_words_answer_as_one(words: WordLeg) -> None:
    terms = words.weigh(question_terms(QUESTION), "en")
    found = words.search(terms, ROWS)
    assert found.is_all
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert {int(row) for row in found.rows if row >= ROWS - 100}
    first = words.search(terms, 7)
    assert first.rows.tolist() == found.rows[:7].tolist()
