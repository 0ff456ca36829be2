"""Documents that are translations of one another, found by their passages' vectors alone.

Two passages of two documents are paired when each is the other's nearest in its document. Documents
are parallel when most passages of the shorter one are paired and the pairs stand in the same order:
two articles on one subject share some pairs, but not their order. docs/decisions/021.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors

# Tuned on osguide, whose sections are translated by hand (docs/LOG.md). Where a language has one
# text in a folder, its mean holds what that text is about, and cosines of translations are low.
LEAST_COSINE = 0.25
LEAST_SHARE = 0.5
LEAST_ORDER = 0.7
# Fewer pairs than these have no order to speak of.
LEAST_PAIRS = 3
# Passages of a document beyond which it is not compared: a search is not to wait for it.
MOST_ROWS = 4_096
# Pairs of documents that are remembered; each holds a few numbers a passage.
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the passages of two documents pair up.

    Attributes:
        pairs: For each passage of the first its partner's place in the second, -1 for none.
        share: Paired passages, of the shorter document's.
        order: Of neighbouring pairs, those that stand in the same order in both; 1 for less than
            two pairs.
    """

    pairs: npt.NDArray[np.int64]
    share: float
    order: float

    @property
    def parallel(self) -> bool:
        """Whether the documents are translations of one another."""
        paired = int((self.pairs >= 0).sum())
        return paired >= LEAST_PAIRS and self.share >= LEAST_SHARE and self.order >= LEAST_ORDER


def align(first: Vectors, second: Vectors) -> Alignment:
    """Pair the passages of two documents, given as balanced unit rows in reading order."""
    cosines = first @ second.T
    forth, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    places = np.arange(len(first))
    mutual = (back[forth] == places) & (cosines[places, forth] >= LEAST_COSINE)
    pairs = np.where(mutual, forth, -1).astype(np.int64)
    steps = np.diff(pairs[mutual])
    order = float((steps > 0).mean()) if len(steps) else 1.0
    return Alignment(pairs, float(mutual.sum()) / min(len(first), len(second)), order)


class Documents:
    """The documents of one commit, compared when a search first meets two of them.

    Args:
        rows_of: The rows of a document, in reading order.
        balanced: The balanced unit rows at these positions.
    """

    def __init__(
        self,
        rows_of: Callable[[int], npt.NDArray[np.int64]],
        balanced: Callable[[npt.NDArray[np.int64]], Vectors],
    ) -> None:
        self._rows_of = rows_of
        self._balanced = balanced
        self._known: dict[tuple[int, int], frozenset[tuple[int, int]] | None] = {}

    def paired(self, one: tuple[int, int], other: tuple[int, int]) -> bool | None:
        """Whether two passages, each (document, row), are translations of one another.

        Returns:
            None where their documents are too short to tell.
        """
        (first, row), (second, partner) = sorted((one, other))
        if first == second:
            return False
        pairs = self._pairs(first, second)
        return None if pairs is None else (row, partner) in pairs

    def _pairs(self, first: int, second: int) -> frozenset[tuple[int, int]] | None:
        key = first, second
        if key not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._compare(self._rows_of(first), self._rows_of(second))
        return self._known[key]

    def _compare(
        self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
    ) -> frozenset[tuple[int, int]] | None:
        if min(len(first), len(second)) < LEAST_PAIRS:
            return None
        if max(len(first), len(second)) > MOST_ROWS:
            return frozenset()
        alignment = align(self._balanced(first), self._balanced(second))
        if not alignment.parallel:
            return frozenset()
        held = zip(first.tolist(), alignment.pairs.tolist(), strict=True)
        return frozenset((row, int(second[place])) for row, place in held if place >= 0)
