"""Metrics are those of trec_eval, ties and missing documents included."""

import sys
from collections.abc import Mapping
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.errors import LibraryMissing
from retriever.evaluation.metrics import METRICS, Case, judge, trec_eval


def by_hand(case: Case) -> list[float]:
    """The metrics by their definitions: NIST's order of ties, linear gain, all relevant count."""
    ranked = sorted(case.scores, key=lambda name: (case.scores[name], name), reverse=True)
    gains = [max(0, case.grades.get(name, 0)) for name in ranked]
    relevant = sum(grade > 0 for grade in case.grades.values())
    first = next((i for i, gain in enumerate(gains[:10]) if gain), None)
    ideal = sorted((grade for grade in case.grades.values() if grade > 0), reverse=True)
    return [
        *(sum(gain > 0 for gain in gains[:k]) / relevant for k in (1, 5, 10)),
        dcg(gains) / dcg(ideal),
        0.0 if first is None else 1 / (first + 1),
        sum(gain > 0 for gain in gains[:relevant]) / relevant,
    ]


def dcg(gains: list[int]) -> float:
    return sum(gain / log2(i + 2) for i, gain in enumerate(gains[:10]))


NAMES = [f"d{i:02}" for i in range(15)]
GRADES = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), min_size=1).filter(
    lambda grades: any(grades.values())
)
# Few different scores: most are ties. Relevant documents may be missing from the scores.
SCORES = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([0.25, 0.5, 0.75, -1.0]), min_size=1
)


@given(GRADES, SCORES)
def test_metrics_equal_their_definitions(
    grades: Mapping[str, int], scores: Mapping[str, float]
) -> None:
    case = Case(grades, scores)
    assert judge([case])[0] == pytest.approx(by_hand(case))


def test_metrics_equal_those_of_a_run_worked_out_on_paper() -> None:
    # Ranking: d3 and d2 tie and are ordered by descending id, then d1; d9 was not retrieved.
    case = Case({"d2": 1, "d9": 1}, {"d1": 0.1, "d2": 0.5, "d3": 0.5})
    found = dict(zip(METRICS, judge([case])[0], strict=True))
    assert found == pytest.approx(
        {
            "recall@1": 0.0,
            "recall@5": 0.5,
            "recall@10": 0.5,
            "nDCG@10": (1 / log2(3)) / (1 + 1 / log2(3)),
            "MRR@10": 0.5,
            "R-precision": 0.5,
        }
    )


def test_an_answer_below_the_tenth_place_has_no_reciprocal_rank() -> None:
    scores = {f"d{i:02}": 1.0 - i / 100 for i in range(12)}
    tenth, eleventh = judge([Case({"d09": 1}, scores), Case({"d10": 1}, scores)])
    assert (tenth[METRICS.index("MRR@10")], eleventh[METRICS.index("MRR@10")]) == (0.1, 0.0)


def test_a_question_that_retrieves_nothing_counts_as_zero() -> None:
    assert np.array_equal(judge([Case({"d1": 1}, {})]), np.zeros((1, len(METRICS))))


def test_without_the_library_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytrec_eval", None)
    with pytest.raises(LibraryMissing, match=r"pip install -c constraints.txt -e '.\[eval\]'"):
        trec_eval()
