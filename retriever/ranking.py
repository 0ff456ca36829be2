"""question -> rows, by meaning, by words or by both: the one place that knows the modes."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from indexer.card import Mask
from indexer.errors import WordsDamaged
from indexer.lexical_terms import Wanted
from retriever.balance import BalanceMode
from retriever.dense_leg import DenseLeg, Question
from retriever.fusion import Legs, Own, best_fused, bonus, own_words
from retriever.hit import ScoreKind, SearchMode
from retriever.question_words import question_terms
from retriever.state import Ranked, SearchState
from retriever.words import WordLeg


@dataclass(frozen=True, slots=True)
class Searcher:
    """Finds so many of the best rows, best first.

    Attributes:
        kind: Names their scores.
        dense: The leg of meaning, with what it has found already.
    """

    kind: ScoreKind
    best: Callable[[int], Ranked]
    dense: DenseLeg


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
        dense, top = DenseLeg(state, question, self.balance, allowed), 0.0
        if self.mode == "lexical":
            return _by_words(state.words(database), dense)
        words, wanted = WordLeg(()), Wanted(())
        if self.mode == "hybrid":
            words = state.words(database)
            wanted = words.weigh(question_terms(question.text), question.language)
        kind: ScoreKind = "cosine" if state.effective(self.balance) == "off" else "balanced"
        if wanted:
            kind = "fused"
            top = bonus(dense.usual(state.snapshot.live))
        of_own = dense.own()
        own = Own(
            of_own,
            state.rows.bonus(self.balance, beside_words=bool(wanted)),
            state.rows.own_part(self.balance, behind_own=False),
            state.rows.own_part(self.balance, behind_own=True),
            own_words(of_own, allowed),
        )
        legs = Legs(dense.search, words, wanted, top, own)
        return Searcher(kind, lambda k: best_fused(legs, k, allowed), dense)


def _by_words(words: WordLeg, dense: DenseLeg) -> Searcher:
    if words.missing:
        raise WordsDamaged(dense.state.index.index_dir, words.missing)
    wanted, allowed = words.weigh_alone(question_terms(dense.question.text)), dense.allowed
    return Searcher("lexical", lambda k: Ranked(*words.search(wanted, k, allowed).best), dense)
