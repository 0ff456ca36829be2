"""What `eval` ranks by is what a search ranks by, passage for passage."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText
from retriever.balance import OWN_LANGUAGE_BONUS, BalanceMode
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.evaluation.candidates import Candidates, Questions
from retriever.fusion import Legs, Own, best_fused, bonus, own_words
from retriever.question_words import question_terms
from retriever.words import WordLeg
from tests.concept_encoder import SPEC

ROWS, DIM, ASKED = 400, 8, 60


def unit_rows(seed: int, count: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def by_product(scores: Vectors) -> Callable[[int, Mask], tuple[Rows, Vectors]]:
    def search(most: int, among: Mask) -> tuple[Rows, Vectors]:
        rows = np.flatnonzero(among)
        rows = rows[np.argsort(-scores[rows], kind="stable")][:most]
        return rows, scores[rows]

    return search


@pytest.mark.parametrize("mode", ["auto", "full"])
@pytest.mark.parametrize("texts", [(), ("w1 w9 w60",) * ASKED])
def test_each_passage_scores_as_a_search_scores_it(
    mode: BalanceMode, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OWN_LANGUAGE_BONUS, "auto", 0.1)
    monkeypatch.setattr(
        BalancedRows, "own_part", lambda rows, mode, behind_own: 0.5 if behind_own else 0.7
    )
    vectors, language_of = unit_rows(0, ROWS), (np.arange(ROWS) % 4 == 0).astype(np.int32)
    source = RowSource(
        replace(SPEC, dim=DIM), ("de", "en"), language_of, np.ones(ROWS, np.bool_),
        lambda first, last: vectors[first:last],
    )  # fmt: skip
    rows = BalancedRows(source, lambda name: None)
    pick = np.random.default_rng(2)
    words = WordLeg(
        [
            LexicalIndex.in_memory(
                LexicalText(row, " ".join(f"w{int(x)}" for x in 90 * pick.random(4)), "", "en")
                for row in range(ROWS)
            )
        ]
    )
    asked = unit_rows(1, ASKED)
    candidates = Candidates(rows, np.arange(ROWS), ROWS, words if texts else None)
    questions = Questions(asked, ("en",) * ASKED, texts)
    found = np.concatenate([scores for _, scores in candidates.scores(questions, mode)])

    everything, own = np.ones(ROWS, np.bool_), rows.rows_in("en")
    products = rows.questions(asked, mode) @ np.concatenate([*rows.passages(mode)]).T
    wanted = WordLeg(()).weigh((), "en")
    if texts:
        wanted = words.weigh(question_terms(texts[0]), "en")
        assert wanted
    lift, placed = rows.bonus(mode, beside_words=bool(texts)), 0
    for scores, row in zip(products, found, strict=True):
        legs = Legs(
            by_product(scores), words, wanted, bonus(scores),
            Own(own, lift, 0.7, 0.5, own_words(own, everything)),
        )  # fmt: skip
        ranked = best_fused(legs, ROWS, everything)
        assert row[ranked.rows] == pytest.approx(ranked.scores, abs=1e-6)
        placed += int(own[ranked.rows[0]])
    assert 0 < placed < ASKED, "else nothing is shown"
