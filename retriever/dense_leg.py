"""One question's search by meaning: cosines or balanced scores of rows."""

from dataclasses import dataclass

import numpy as np

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from retriever.balance import BalanceMode
from retriever.sample import sample_rows
from retriever.state import Ranked, SearchState

# A scan keeps so many times the rows that were asked for, which costs it next to nothing: who then
# wants more, since hits were folded or too many are of one document, seldom needs a second one.
KEPT = 4


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


class DenseLeg:
    """The leg of meaning.

    Whoever asks for the first of the allowed rows gets them from one scan, which is made when they
    are first asked for; another is made only for more rows than that one kept.

    Attributes:
        allowed: Shape (rows,); what may be found at all.
    """

    def __init__(
        self, state: SearchState, question: Question, balance: BalanceMode, allowed: Mask
    ) -> None:
        self.state = state
        self.question = question
        self.balance: BalanceMode = balance
        self.allowed = allowed
        self._depth = 0
        self._first = Ranked(np.empty(0, np.int64), np.empty(0, np.float32))
        self._sample: tuple[Rows, Vectors] | None = None

    def search(self, k: int, among: Mask) -> Ranked:
        """Find the k best rows, fewer where there are fewer.

        Args:
            k: Most rows wanted.
            among: Shape (rows,); `allowed`, or any other rows.
        """
        return self.first(k) if among is self.allowed else self._scan(k, among)

    def first(self, k: int) -> Ranked:
        """The k best of the allowed rows, fewer where there are fewer."""
        there_are_more = len(self._first.rows) == self._depth
        if k > self._depth and there_are_more:
            self._depth = KEPT * k
            self._first = self._scan(self._depth, self.allowed)
        return Ranked(self._first.rows[:k], self._first.scores[:k])

    def usual(self, among: Mask) -> Vectors:
        """What is scored by rows spread over some of them: shape (sample,).

        Args:
            among: Shape (rows,).
        """
        rows = sample_rows(among)
        if self._sample is None or not np.array_equal(self._sample[0], rows):
            mask = np.zeros_like(among)
            mask[rows] = True
            self._sample = rows, self._scan(len(rows), mask).scores
        return self._sample[1]

    def own(self) -> Mask:
        """The rows in the question's language; none where balance is off: shape (rows,)."""
        if self.state.effective(self.balance) == "off":
            return np.zeros_like(self.allowed)
        return self.state.rows.rows_in(self.question.language)

    def _scan(self, k: int, among: Mask) -> Ranked:
        return self.state.search(self.question.vector, self.balance, k, among)
