"""One question's search by meaning: cosines or balanced scores, and the place of its own language.

Balance takes the languages' lean out of the scores. What is lost with it is the hint that an answer
in the question's own language is a good bet where nothing else decides, so in the mode "auto" the
best of the allowed passages in that language is lifted to the first place if a little is enough
for that. The others in that language count a part of their score where the texts of the index are
there in several languages (retriever/balance.py).
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from encoder.spec import Vectors
from indexer.card import Mask
from retriever.balance import BalanceMode
from retriever.state import Ranked, SearchState

# Rows that are found at once: most questions want no more.
FIRST_ROWS = 128


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
class DenseLeg:
    """The leg of meaning; made by `open`, or by `unlifted`.

    Attributes:
        allowed: Shape (rows,); what may be found at all.
        own: Shape (rows,); the rows in the question's language.
        near: The first of the allowed rows by their plain scores.
        lifted: The row in the question's language that is the first, with its score; empty if the
            first is in another.
    """

    state: SearchState
    question: Question
    balance: BalanceMode
    allowed: Mask
    own: Mask
    near: Ranked
    lifted: Ranked

    @classmethod
    def open(
        cls, state: SearchState, question: Question, balance: BalanceMode, allowed: Mask
    ) -> Self:
        """Search the first rows, and find which one is lifted."""
        leg = cls.unlifted(state, question, balance, allowed)
        near, own = leg.near, leg.own
        if state.effective(balance) != "off" and len(near.rows):
            bonus = state.rows.bonus(balance)
            # The best of all is best of its own, too; else it stands below all that was found.
            best = near.first_of(own)
            if not len(best.rows) and near.scores[-1] + bonus > near.scores[0]:
                best = state.search(question.vector, balance, 1, own & allowed)
            if len(best.rows) and best.scores[0] + bonus >= near.scores[0]:
                lifted = Ranked(best.rows, (best.scores + bonus).astype(np.float32))
                return replace(leg, lifted=lifted)
        return leg

    @classmethod
    def unlifted(
        cls, state: SearchState, question: Question, balance: BalanceMode, allowed: Mask
    ) -> Self:
        """Search the first rows, and lift none: words are to be added before."""
        near = state.search(question.vector, balance, FIRST_ROWS, allowed)
        own = state.rows.rows_in(question.language)
        none = Ranked(near.rows[:0], near.scores[:0])
        return cls(state, question, balance, allowed, own, near, none)

    def search(self, k: int, among: Mask) -> Ranked:
        """Find the k best rows, fewer where there are fewer.

        Args:
            k: Most rows wanted.
            among: Shape (rows,); `allowed`, or some of the rows in it.
        """
        found = self._fair(k, among)
        return found.with_row(self.lifted, k) if among[self.lifted.rows].any() else found

    def plain_scores(self, among: Mask) -> Vectors:
        """The scores of some rows, best first, as inner products: shape (rows that are among,)."""
        count = int(np.count_nonzero(among))
        return self._plain(count, among).scores

    def _plain(self, k: int, among: Mask) -> Ranked:
        """The k best rows by their inner products."""
        if among is self.allowed and (k <= FIRST_ROWS or len(self.near.rows) < FIRST_ROWS):
            return Ranked(self.near.rows[:k], self.near.scores[:k])
        return self.state.search(self.question.vector, self.balance, k, among)

    def _fair(self, k: int, among: Mask) -> Ranked:
        """The k best rows, those in the question's language with what their scores count for."""
        part = self.state.rows.own_part(self.balance)
        if part == 1:
            return self._plain(k, among)
        depth = max(k, FIRST_ROWS)
        while True:
            plain = self._plain(depth, among)
            less = self.own[plain.rows] & (plain.scores > 0)
            scores = np.where(less, plain.scores * np.float32(part), plain.scores)
            order = np.lexsort((plain.rows, -scores))[:k]
            # A row that was not looked at scores no more than the last one did.
            if len(plain.rows) < depth or scores[order[-1]] >= plain.scores[-1]:
                return Ranked(plain.rows[order], scores[order])
            depth *= 4
