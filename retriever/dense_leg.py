"""One question's search by meaning: cosines or balanced scores of rows."""

from dataclasses import dataclass
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
    """The leg of meaning; made by `open`.

    Attributes:
        allowed: Shape (rows,); what may be found at all.
        near: The first of the allowed rows.
    """

    state: SearchState
    question: Question
    balance: BalanceMode
    allowed: Mask
    near: Ranked

    @classmethod
    def open(
        cls, state: SearchState, question: Question, balance: BalanceMode, allowed: Mask
    ) -> Self:
        """Search the first rows."""
        near = state.search(question.vector, balance, FIRST_ROWS, allowed)
        return cls(state, question, balance, allowed, near)

    def search(self, k: int, among: Mask) -> Ranked:
        """Find the k best rows, fewer where there are fewer.

        Args:
            k: Most rows wanted.
            among: Shape (rows,); `allowed`, or any other rows.
        """
        if among is self.allowed and (k <= FIRST_ROWS or len(self.near.rows) < FIRST_ROWS):
            return Ranked(self.near.rows[:k], self.near.scores[:k])
        return self.state.search(self.question.vector, self.balance, k, among)

    def own(self) -> Mask:
        """The rows in the question's language; none where balance is off: shape (rows,)."""
        if self.state.effective(self.balance) == "off":
            return np.zeros_like(self.allowed)
        return self.state.rows.rows_in(self.question.language)
