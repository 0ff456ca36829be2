"""How far rankings agree, against a slow reading of the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.evaluation.collection import Collection, JudgedText
from retriever.evaluation.parallel import consistency, same_question

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
