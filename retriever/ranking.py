"""question -> rows, by meaning, by words or by both: the one place that knows the modes."""

import sqlite3
from dataclasses import dataclass
from typing import Literal

import numpy as np

from encoder.spec import Vectors
from indexer.vector_index import Mask, Rows
from retriever.balance import BalanceMode
from retriever.fusion import Legs, Ranked, best_fused, bonus, spread_rows
from retriever.hit import ScoreKind
from retriever.question_words import question_terms
from retriever.state import SearchState

SearchMode = Literal["dense", "hybrid", "lexical"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, encoded.

    Attributes:
        vector: Shape (dim,), unit length.
        language: As detected.
    """

    text: str
    vector: Vectors
    language: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """How passages are ranked: by which legs, and with how much language balance."""

    mode: SearchMode
    balance: BalanceMode

    def kind(self, state: SearchState) -> ScoreKind:
        """The name of the scores."""
        if self.mode != "dense":
            return "fused" if self.mode == "hybrid" else "lexical"
        return "cosine" if state.effective(self.balance) == "off" else "balanced"

    def best(
        self,
        state: SearchState,
        database: sqlite3.Connection,
        question: Question,
        k: int,
        allowed: Mask,
    ) -> Ranked:
        """Find the k best of the allowed rows, best first."""

        def dense(most: int, among: Mask) -> tuple[Rows, Vectors]:
            return state.search(question.vector, question.language, self.balance, most, among)

        if self.mode == "dense":
            return Ranked(*dense(k, allowed))
        words = state.words(database)
        terms = words.weigh(question_terms(question.text))
        if self.mode == "lexical":
            found = words.search(terms, k, allowed)
            return Ranked(found.rows, found.scores)
        sample = spread_rows(state.snapshot.live)
        near = np.zeros(len(allowed), np.bool_)
        near[sample] = True
        top = bonus(dense(len(sample), near)[1])
        return best_fused(Legs(dense, words, terms, top), k, allowed)
