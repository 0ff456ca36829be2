"""Rows and questions as a balance mode sees them: what search and `eval` both rank by.

Every mode ends in one inner product, `questions(...)` with each row of `passages(...)`, and numbers
about the rows in the question's language: a bonus for the best of them, where that makes it the
first, and the part of their scores that the others count. Search hands the rows to FAISS,
`eval` multiplies whole sets of questions with them; neither knows more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import LanguageOffsets, language_offsets
from encoder.spec import EncoderSpec, Vectors
from indexer.card import Mask
from indexer.language import UNKNOWN
from retriever.balance import (
    OWN_LANGUAGE_EXCESS,
    OWN_LANGUAGE_EXCESS_BEHIND_ITSELF,
    BalanceMode,
    Means,
    balance_passages,
    balance_queries,
    fit_means,
    own_language_bonus,
)
from retriever.sample import sample_rows
from retriever.translated import COMPARED_ROWS, Translations

# Rows that are read at once.
BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class RowSource:
    """Raw rows, wherever they lie, with the language of each.

    Attributes:
        encoder: What made them.
        languages: BCP 47 codes, "und" among them.
        language_of: Shape (rows,); position of the row's language in `languages`.
        live: Shape (rows,); False for a row that is never found.
        read: Gives the rows first (included) to last (excluded), shape (last - first, dim).
    """

    encoder: EncoderSpec
    languages: tuple[str, ...]
    language_of: npt.NDArray[np.int32]
    live: Mask
    read: Callable[[int, int], npt.NDArray[Any]]


class BalancedRows:
    """The rows of one source and what language balance takes away from them."""

    def __init__(
        self,
        source: RowSource,
        fitted: Callable[[str], LanguageOffsets | None] = language_offsets,
    ) -> None:
        """`fitted` gives what was fitted for the encoder of a name."""
        self.source = source
        self.means: Means | None = self._fit(fitted(source.encoder.name))
        self._translated: float | None = None

    def effective(self, mode: BalanceMode) -> BalanceMode:
        """What a mode comes to here: without means everything is "off"."""
        return "off" if self.means is None else mode

    def passages(self, mode: BalanceMode) -> Iterator[npt.NDArray[Any]]:
        """All rows in order and in blocks, dead ones among them: shape (rows of a block, dim).

        Who reads them all has counted on the way what `translated` says.
        """
        if mode == "off" or self.means is None:
            yield from (block for _, block in self._blocks())
            return
        known, first = self._known(), 0
        sample = sample_rows(known, COMPARED_ROWS)
        counted = Translations(self.balanced(sample, mode), self.source.language_of[sample])
        for language_of, block in self._blocks():
            block = balance_passages(block, language_of, self.means)
            here = known[first : first + len(block)]
            counted.add(block[here], language_of[here])
            first += len(block)
            yield block
        self._translated = counted.share()

    def balanced(self, rows: npt.NDArray[np.int64], mode: BalanceMode) -> Vectors:
        """Some rows in the order given: shape (rows, dim)."""
        if not len(rows):
            return np.zeros((0, self.source.encoder.dim), np.float32)
        first, last = int(rows.min()), int(rows.max()) + 1
        if last - first <= 4 * len(rows):
            block = self.source.read(first, last)[rows - first]
        else:
            block = np.concatenate([self.source.read(int(row), int(row) + 1) for row in rows])
        if mode == "off" or self.means is None:
            return block.astype(np.float32)
        return balance_passages(block, self.source.language_of[rows], self.means)

    def questions(self, queries: Vectors, mode: BalanceMode) -> Vectors:
        """Vectors whose inner products with `passages(mode)` are the scores: (questions, dim)."""
        if mode == "off" or self.means is None:
            return queries
        return balance_queries(queries, self.means)

    def bonus(self, mode: BalanceMode, *, beside_words: bool = False) -> float:
        """What the best row in the question's language gets, where that makes it the first."""
        return own_language_bonus(self.effective(mode), beside_words=beside_words)

    @property
    def translated(self) -> float:
        """The part of the passages that is there in another language, too, in [0, 1]."""
        if self._translated is None:
            for _ in self.passages("full"):
                pass
        return self._translated or 0.0

    def own_part(self, mode: BalanceMode, *, behind_own: bool) -> float:
        """What the scores of rows in the question's language count for behind the first place.

        Args:
            mode: The balance.
            behind_own: Whether the first place is taken by one of them.
        """
        # How near translations are to each other was measured with fitted means alone.
        if self.effective(mode) == "off" or self.means is None or self.means.offsets is None:
            return 1.0
        excess = OWN_LANGUAGE_EXCESS_BEHIND_ITSELF if behind_own else OWN_LANGUAGE_EXCESS
        return 1 / (1 + excess * self.translated)

    def rows_in(self, language: str) -> Mask:
        """The live rows in a language; none where the language is not known."""
        if language == UNKNOWN or language not in self.source.languages:
            return np.zeros_like(self.source.live)
        found: Mask = self.source.language_of == self.source.languages.index(language)
        return found & self.source.live

    def _known(self) -> Mask:
        """The live rows whose language is known."""
        names = np.array([name != UNKNOWN for name in self.source.languages])
        known: Mask = names[self.source.language_of] & self.source.live
        return known

    def _blocks(self) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[Any]]]:
        rows = len(self.source.live)
        for first in range(0, rows, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, rows)
            yield self.source.language_of[first:last], self.source.read(first, last)

    def _fit(self, offsets: LanguageOffsets | None) -> Means | None:
        source = self.source
        places = len(source.languages)
        counts = np.bincount(source.language_of[source.live], minlength=places).astype(np.int64)
        if (counts > 0).sum() < 2:
            return None
        sums = np.zeros((places, source.encoder.dim), np.float64)
        first = 0
        for language_of, block in self._blocks():
            alive = source.live[first : first + len(block)]
            first += len(block)
            for place in np.unique(language_of[alive]):
                sums[place] += block[alive & (language_of == place)].sum(axis=0, dtype=np.float64)
        return fit_means(sums.astype(np.float32), counts, source.languages, offsets)
