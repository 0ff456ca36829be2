"""What competes with a question's answers, and what of a language is its own."""

import numpy as np
import pytest

from retriever.evaluation.collection import Collection, JudgedText, relevant_by_group
from retriever.evaluation.judging import Asked, Board, Tally, folder_cases
from retriever.evaluation.metrics import METRICS, Case, judge


def asked_of(right: list[JudgedText], wrong: list[JudgedText]) -> Asked:
    """A question in English; every wrong document scores higher than every right one."""
    questions = (JudgedText("q", "", "en", "g"),)
    documents = (*right, *wrong)
    qrels = relevant_by_group(documents, questions)
    board = Board(Collection("", documents, questions, qrels))
    scores = np.array([0.1 if text.group else 0.9 for text in documents], np.float32)
    return Asked(board, 0, board.in_order(scores[None])[0])


@pytest.mark.parametrize("alone", [True, False])
def test_as_many_wrong_documents_compete_as_there_are_right_ones(alone: bool) -> None:
    right = [JudgedText(f"r{i:02}", "", "en", "g") for i in range(15)]
    asked = asked_of(right, [JudgedText(f"w{i:02}", "", "en") for i in range(20)])
    columns = [*asked.wanted.grades]
    case = asked.in_language("en", columns) if alone else asked.in_folder(columns)
    # None of the first fifteen is right; of the first ten wrong ones alone five would follow.
    assert judge([case])[0][METRICS.index("R-precision")] == 0.0


def test_a_variety_of_the_own_language_is_no_other_language() -> None:
    right = [JudgedText("british", "", "en-GB", "g"), JudgedText("german", "", "de", "g")]
    asked = asked_of(right, [JudgedText("w", "", "fr")])
    judged = {key: set(case.grades) for key, case in folder_cases(asked, ("all", "cross", "same"))}
    assert judged == {
        ("folder", "all"): {"british", "german"},
        ("folder", "cross"): {"german"},
        ("folder", "same"): {"british"},
    }


def test_what_is_seen_first_holds_right_and_wrong_documents() -> None:
    asked = asked_of([JudgedText("r", "", "de", "g")], [JudgedText("w", "", "de")])
    assert [asked.board.ids[column] for column in asked.first(10)] == ["w", "r"]
    assert [asked.board.ids[column] for column in asked.first(1)] == ["w"]


def test_documents_of_equal_score_are_seen_as_trec_eval_orders_them() -> None:
    wrong = [JudgedText(name, "", "en") for name in ("b", "c", "a")]
    asked = asked_of([JudgedText("r", "", "en", "g")], wrong)
    assert [asked.board.ids[column] for column in asked.first(10)] == ["c", "b", "a", "r"]


def test_cases_that_are_judged_in_lots_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tally, "LOT", 2)
    tally = Tally()
    for question in range(5):
        tally.add(question, [(("en", "de"), Case({"d": 1}, {"d": 1.0}))])
    tally.flush()
    found = tally.results["en", "de"]
    assert found.questions == [0, 1, 2, 3, 4]
    assert found.stacked()[:, METRICS.index("recall@1")].tolist() == [1.0] * 5
