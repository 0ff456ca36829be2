"""question -> rows, by meaning, by words or by both: the one place that knows the modes."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from indexer.card import Mask
from indexer.errors import WordsDamaged
from indexer.lexical_terms import Wanted
from retriever.balance import BalanceMode
from retriever.dense_leg import DenseLeg, Question
from retriever.fusion import Legs, best_fused, bonus, mask_of, own_words
from retriever.hit import ScoreKind, SearchMode
from retriever.question_words import question_terms
from retriever.sample import sample_rows
from retriever.state import Ranked, SearchState
from retriever.words import WordLeg


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
        if self.mode == "lexical":
            return _by_words(state.words(database), state, question, allowed)
        wanted = Wanted(())
        if self.mode == "hybrid":
            words = state.words(database)
            wanted = words.weigh(question_terms(question.text), question.language)
        kind: ScoreKind = "cosine" if state.effective(self.balance) == "off" else "balanced"
        if not wanted:
            dense = DenseLeg.open(state, question, self.balance, allowed)
            return Searcher(kind, lambda k: dense.search(k, allowed))
        dense = DenseLeg.unlifted(state, question, self.balance, allowed)
        sample = mask_of(sample_rows(state.snapshot.live), len(allowed))
        legs = Legs(
            dense.search, words, wanted, bonus(dense.plain_scores(sample)),
            dense.own if kind != "cosine" else np.zeros_like(dense.own),
            state.rows.bonus(self.balance, beside_words=True),
            state.rows.own_part(self.balance),
            own_words(dense.own, allowed),
        )  # fmt: skip
        return Searcher("fused", lambda k: best_fused(legs, k, allowed))


def _by_words(words: WordLeg, state: SearchState, question: Question, allowed: Mask) -> Searcher:
    if words.missing:
        raise WordsDamaged(state.index.index_dir, words.missing)
    wanted = words.weigh_alone(question_terms(question.text))
    return Searcher("lexical", lambda k: Ranked(*words.search(wanted, k, allowed).best))
