"""question -> rows, by meaning, by words or by both: the one place that knows the modes."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from indexer.card import Mask
from indexer.errors import WordsDamaged
from indexer.lexical_terms import Wanted
from retriever.balance import BalanceMode
from retriever.dense_leg import DenseLeg, Question
from retriever.fusion import Legs, Own, best_fused, bonus, mask_of, own_words
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
        words, wanted = WordLeg(()), Wanted(())
        if self.mode == "hybrid":
            words = state.words(database)
            wanted = words.weigh(question_terms(question.text), question.language)
        dense, top = DenseLeg.open(state, question, self.balance, allowed), 0.0
        kind: ScoreKind = "cosine" if state.effective(self.balance) == "off" else "balanced"
        if wanted:
            kind = "fused"
            sample = sample_rows(state.snapshot.live)
            top = bonus(dense.search(len(sample), mask_of(sample, len(allowed))).scores)
        of_own = dense.own()
        own = Own(
            of_own,
            state.rows.bonus(self.balance, beside_words=bool(wanted)),
            state.rows.own_part(self.balance, behind_own=False),
            state.rows.own_part(self.balance, behind_own=True),
            own_words(of_own, allowed),
        )
        legs = Legs(dense.search, words, wanted, top, own)
        return Searcher(kind, lambda k: best_fused(legs, k, allowed))


def _by_words(words: WordLeg, state: SearchState, question: Question, allowed: Mask) -> Searcher:
    if words.missing:
        raise WordsDamaged(state.index.index_dir, words.missing)
    wanted = words.weigh_alone(question_terms(question.text))
    return Searcher("lexical", lambda k: Ranked(*words.search(wanted, k, allowed).best))
