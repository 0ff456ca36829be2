"""The best passages by meaning and words together, exactly."""

import numpy as np
import pytest

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText
from indexer.vector_index import VectorIndex
from retriever import fusion
from retriever.fusion import Legs, Own, best_fused, own_words
from retriever.question_words import question_terms
from retriever.words import ABOVE_MOST, WordLeg

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
@pytest.mark.parametrize("top", [0.0, 0.5, 5.0, 50.0])
@pytest.mark.parametrize(
    "own_lift", [(0.0, 0.3, 1), (0.01, 0.3, 1), (0.3, 0.3, 0.7), (0.01, 2.0, 0.8)]
)
def test_the_best_of_both_legs_are_those_of_all_sums(
    share: float,
    top: float,
    own_lift: tuple[float, float, float],
    vectors: Vectors,
    words: WordLeg,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own_share, lift, part = own_lift
    monkeypatch.setattr(fusion, "FIRST_DEPTH", 16)  # so that it has to look further
    query = vectors[0]

    allowed = np.random.default_rng(3).random(ROWS) < share
    own = np.random.default_rng(4).random(ROWS) < own_share
    plain = vectors @ query

    def dense(most: int, among: Mask) -> tuple[Rows, Vectors]:
        rows = np.flatnonzero(among)
        rows = rows[np.argsort(-plain[rows], kind="stable")][:most]
        return rows, plain[rows]

    wanted = words.weigh(question_terms(QUESTION), "en")
    legs = Legs(dense, words, wanted, top, Own(own, lift, part, part / 2, 0.6))
    ranked = best_fused(legs, 10, allowed)
    counts = np.minimum(fusion.MOST, words.sums(wanted, ROWS)) * np.where(own, 0.6, 1)
    sums = plain + top * counts
    best_own = int(np.where(own & allowed, sums, -np.inf).argmax())
    raised = (own & allowed)[best_own] and sums[best_own] + lift >= sums[allowed].max()
    left = np.float32(part / 2 if raised else part)
    placed = np.where(own & (plain > 0), plain * left, plain) + top * counts
    if raised:
        placed[best_own] = sums[best_own] + lift
    best = sorted(np.flatnonzero(allowed), key=lambda row: (-placed[row], row))[:10]
    assert ranked.scores == pytest.approx(placed[best], abs=1e-5, rel=1e-5)
    assert set(ranked.rows.tolist()) == {int(row) for row in best}


def test_words_count_less_in_the_questions_language_the_fewer_passages_are_in_it() -> None:
    own, everywhere = np.array([True, False, False, False]), np.ones(4, np.bool_)
    assert own_words(own, everywhere) == pytest.approx(0.625)
    assert own_words(~own, everywhere) == pytest.approx(0.875)
    assert own_words(own, own) == 1  # a filter leaves that language alone
    assert own_words(~everywhere, everywhere) == 0.5
    assert own_words(own, ~everywhere) == 1


def test_what_a_word_counts_rises_with_how_rare_it_is(words: WordLeg) -> None:
    weights = [weight for _, weight in words.weigh(question_terms(QUESTION), "en").terms]
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


def test_a_word_counts_more_above_a_passage_by_how_rare_it_is_there_and_only_the_most_of_them() -> (
    None
):
    titles = {7: "zeppelin tuba", 8: "tuba", 9: "tuba"}
    texts = [
        LexicalText(row, "zeppelin tuba" if row < 40 else "", titles.get(row, ""), "en")
        for row in range(100)
    ]
    leg = WordLeg([LexicalIndex.in_memory(texts)])
    wanted = leg.weigh(question_terms("zeppelin tuba nowhere"), "en")
    # In texts both are too common to count; above them one stands once, the other three times.
    assert wanted.terms == ()
    rare, rarer = (1 - np.log(count + 1) / np.log(101) for count in (3, 1))
    sums = leg.sums(wanted, 100)
    assert sums[[7, 8, 9]] == pytest.approx([ABOVE_MOST * rarer] + [ABOVE_MOST * rare] * 2)
    assert not np.delete(sums, [7, 8, 9]).any()


def test_the_best_in_the_questions_language_is_lifted_though_another_of_it_holds_the_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fusion, "FIRST_DEPTH", 2)
    scores = np.array([[1.0], [0.99], [0.98], [0.1]] + [[0.0]] * 40, np.float32)
    structure = VectorIndex(1, "float32")
    structure.add(scores)
    texts = [LexicalText(row, "word" if row == 3 else "", "", "en") for row in range(44)]
    words = WordLeg([LexicalIndex.in_memory(texts)])
    own = np.isin(np.arange(44), [2, 3])
    wanted = words.weigh(question_terms("word"), "en")
    legs = Legs(
        lambda most, among: structure.search(np.ones(1, np.float32), most, among),
        words, wanted, 0.1, Own(own, 0.05),
    )  # fmt: skip
    ranked = best_fused(legs, 1, np.ones(44, np.bool_))
    assert ranked.rows.tolist() == [2]
    assert ranked.scores == pytest.approx([1.03])


def test_the_passage_of_the_highest_whole_sum_is_tried_for_the_first_place() -> None:
    """A word makes up for a part of a score, but not for the score that was there before."""
    scores = np.array([[1.0], [0.9], [0.5]] + [[0.0]] * 40, np.float32)
    structure = VectorIndex(1, "float32")
    structure.add(scores)
    texts = [LexicalText(row, "word" if row == 2 else "", "", "en") for row in range(43)]
    words = WordLeg([LexicalIndex.in_memory(texts)])
    wanted = words.weigh(question_terms("word"), "en")
    (counts,) = words.search(wanted, 43).scores.tolist()
    # Of the scores' halves and the word 0.55 is more than 0.45; of the whole ones 0.8 is less.
    own = Own(np.isin(np.arange(43), [1, 2]), 0.2, 0.5, 0.5)
    legs = Legs(
        lambda most, among: structure.search(np.ones(1, np.float32), most, among),
        words, wanted, 0.3 / counts, own,
    )  # fmt: skip
    ranked = best_fused(legs, 3, np.ones(43, np.bool_))
    assert ranked.rows.tolist() == [1, 0, 2]
    assert ranked.scores == pytest.approx([1.1, 1.0, 0.55])
