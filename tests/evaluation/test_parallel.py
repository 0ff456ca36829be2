"""How far rankings agree, against a slow reading of the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.evaluation.collection import Collection, JudgedText, relevant_by_group
from retriever.evaluation.judging import Asked, Board
from retriever.evaluation.parallel import (
    Shares,
    consistency,
    measure_parallel,
    perfect_share,
    same_question,
)

RANKINGS = st.permutations(range(14)).map(lambda order: order[:10])


def rank_biased_overlap(a: list[int], b: list[int], p: float = 0.9) -> float:
    """RBO extrapolated from the depth of the lists (Webber et al. 2010, equation 32, equal k)."""
    k = len(a)
    agreement = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, k + 1)]
    head = (1 - p) / p * sum(agreement[d - 1] * p**d for d in range(1, k + 1))
    return head + agreement[-1] * p**k


@given(RANKINGS, RANKINGS, RANKINGS)
def test_consistency_is_the_mean_over_pairs(a: list[int], b: list[int], c: list[int]) -> None:
    pairs = [(a, b), (a, c), (b, c)]
    overlap = np.mean([len(set(x) & set(y)) / 10 for x, y in pairs])
    biased = np.mean([rank_biased_overlap(x, y) for x, y in pairs])
    assert consistency([a, b, c]) == pytest.approx((overlap, biased))


def test_equal_rankings_agree_and_disjoint_ones_do_not() -> None:
    first = list(range(10))
    assert consistency([first, first]) == pytest.approx((1.0, 1.0))
    assert consistency([first, list(range(10, 20))]) == (0.0, 0.0)


def questions(*texts: tuple[str, str, str]) -> Collection:
    return Collection("", (), tuple(JudgedText(i, "", lang, group) for i, lang, group in texts), {})


def test_one_question_in_several_languages_is_known_by_its_id() -> None:
    found = questions(
        ("q1-de", "de", "p1"), ("q1-en", "en", "p1"), ("q2-de", "de", "p1"), ("q2-en", "en", "p1")
    )
    assert same_question(found) == [[0, 1], [2, 3]]


def test_without_such_ids_the_group_tells() -> None:
    found = questions(
        ("a", "de", "p1"), ("b", "en", "p1"), ("c", "de", "p2"), ("d", "de", "p2"), ("e", "en", "")
    )
    # p2 has two German questions: nothing says which of them is which.
    assert same_question(found) == [[0, 1]]


@pytest.mark.parametrize(
    ("unjudged", "expected"),
    [
        # Of four right ones a quarter is German, and of the six places behind them 4 / 40.
        ((), (4 / 4 + 6 * 4 / 40) / 10),
        # The German one leaves: none of three is, and of seven places 4 / 40.
        (("right-de",), 7 * 4 / 40 / 10),
        # The French one leaves: a third of three is.
        (("right-fr",), (1 + 7 * 4 / 40) / 10),
    ],
)
def test_a_perfect_ranking_has_the_right_documents_first_and_others_by_chance(
    unjudged: tuple[str, ...], expected: float
) -> None:
    right = [JudgedText(f"right-{name}", "", name, "g") for name in ("de", "en", "es", "fr")]
    wrong = [JudgedText(f"w{i}", "", "de-AT" if i < 4 else "en") for i in range(40)]
    asked = (JudgedText("q", "", "de-CH", "g"),)
    documents = (*right, *wrong)
    judged = dict(relevant_by_group(documents, asked)["q"])
    for name in unjudged:
        del judged[name]
    board = Board(Collection("", documents, asked, {"q": judged}))
    found = perfect_share(Asked(board, 0, np.zeros(44, np.float32)))
    assert found == pytest.approx(expected)


def test_more_right_documents_than_places_leave_no_place_to_chance() -> None:
    right = [JudgedText(f"r{i}", "", f"x{i}", "g") for i in range(40)]
    wrong = [JudgedText(f"w{i}", "", "x0") for i in range(40)]
    asked = (JudgedText("q", "", "x0", "g"),)
    documents = (*right, *wrong)
    board = Board(Collection("", documents, asked, relevant_by_group(documents, asked)))
    assert perfect_share(Asked(board, 0, np.zeros(80, np.float32))) == pytest.approx(1 / 40)


def asked_in_german(unjudged: tuple[str, ...] = ()) -> Asked:
    """Three right documents, one of them German; of ten wrong ones four are German."""
    right = [JudgedText(f"right-{name}", "", name, "g") for name in ("de", "en", "es")]
    wrong = [JudgedText(f"w{i}", "", "de-AT" if i < 4 else "en") for i in range(10)]
    asked = (JudgedText("q", "", "de-CH", "g"),)
    judged = dict(relevant_by_group((*right, *wrong), asked)["q"])
    for name in unjudged:
        del judged[name]
    board = Board(Collection("", (*right, *wrong), asked, {"q": judged}))
    return Asked(board, 0, np.zeros(13, np.float32))


@pytest.mark.parametrize(
    ("unjudged", "fair"), [((), 5 / 13), (("right-de",), 4 / 12), (("right-es",), 5 / 12)]
)
def test_what_does_not_answer_is_counted_apart(unjudged: tuple[str, ...], fair: float) -> None:
    asked = asked_in_german(unjudged)
    column = {name: place for place, name in enumerate(asked.board.ids)}
    found = Shares.of(asked, [column[name] for name in ("right-en", "w0", "w1", "w9")])
    assert (found.own, found.fair) == pytest.approx((2 / 4, fair))
    assert (found.wrong, found.fair_wrong) == pytest.approx((2 / 3, 4 / 10))
    assert np.isnan(Shares.of(asked, [column["right-en"]]).wrong)


def test_questions_without_a_wrong_document_say_nothing_of_those() -> None:
    collection = questions(("a", "de", "g"), ("b", "de", "g"), ("c", "de", "h"))
    shares = [Shares(0.5, 0.1, 0.1, wrong, 0.25) for wrong in (0.2, np.nan, 0.6)]
    found = measure_parallel(collection, [[0], [0], [1]], shares, [0, 0, 1])
    assert found.wrong is not None
    assert (found.wrong.among_ten.mean, found.wrong.fair) == pytest.approx((0.4, 0.25))
    assert measure_parallel(collection, [[0]] * 3, [shares[1]] * 3, [0, 0, 1]).wrong is None
