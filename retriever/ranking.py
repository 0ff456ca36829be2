"""question -> rows, by meaning, by words or by both: the one place that knows the modes."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.errors import WordsDamaged
from retriever.balance import BalanceMode
from retriever.fusion import Legs, Ranked, best_fused, bonus, mask_of, spread_rows
from retriever.hit import ScoreKind, SearchMode
from retriever.question_words import question_terms
from retriever.state import SearchState


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
class Searcher:
    """Finds so many of the best rows, best first; `kind` names their scores."""

    kind: ScoreKind
    best: Callable[[int], Ranked]


@dataclass(frozen=True, slots=True)
class Ranking:
    """How passages are ranked: by which legs, and with how much language balance."""

    mode: SearchMode
    balance: BalanceMode

    def searcher(
        self, state: SearchState, database: sqlite3.Connection, question: Question, allowed: Mask
    ) -> Searcher:
        """Prepare the search of the allowed rows; without a word that counts it is by meaning.

        Raises:
            WordsDamaged: Words alone are asked for, and they cannot be searched.
        """

        def dense(most: int, among: Mask) -> tuple[Rows, Vectors]:
            return state.search(question.vector, question.language, self.balance, most, among)

        kind: ScoreKind = "cosine" if state.effective(self.balance) == "off" else "balanced"
        by_meaning = Searcher(kind, lambda k: Ranked(*dense(k, allowed)))
        if self.mode == "dense":
            return by_meaning
        words = state.words(database)
        if words.missing and self.mode == "lexical":
            raise WordsDamaged(state.index.index_dir, words.missing)
        terms = question_terms(question.text)
        if self.mode == "lexical":
            weighted = words.weigh_alone(terms)
            return Searcher("lexical", lambda k: Ranked(*words.search(weighted, k, allowed).best))
        weighted = words.weigh(terms, question.language)
        if not weighted:
            return by_meaning
        sample = spread_rows(state.snapshot.live)
        top = bonus(dense(len(sample), mask_of(sample, len(allowed)))[1])
        legs = Legs(dense, words, weighted, top)
        return Searcher("fused", lambda k: best_fused(legs, k, allowed))
