"""An index in memory at one commit: what a search runs on."""

import sqlite3
from typing import NamedTuple

import numpy as np

from encoder.spec import Vectors
from indexer.card import CardChoice, Mask, Rows
from indexer.store import Index, Snapshot
from indexer.vector_index import VectorIndex
from retriever.balance import BalanceMode, Means
from retriever.balanced_rows import BalancedRows, RowSource
from retriever.parallel import Documents
from retriever.sample import sample_rows
from retriever.words import WordLeg, open_words


class Ranked(NamedTuple):
    """Rows and what ranked them, best first."""

    rows: Rows
    scores: Vectors


class SearchState:
    """The rows of one commit, as FAISS structures made when they are first needed."""

    def __init__(self, index: Index, stamp: tuple[int, int], database: sqlite3.Connection) -> None:
        """Read the latest commit; `stamp` tells later whether the manifest was replaced."""
        self.index = index
        self.stamp = stamp
        self.snapshot: Snapshot = index.snapshot(database)
        self.rows = BalancedRows(row_source(index, self.snapshot))
        self.documents: Documents | None = None  # retriever/folds.py compares them when it needs to
        self._words: WordLeg | None = None
        # Of balanced rows, and of raw ones.
        self._structures: dict[bool, VectorIndex] = {}
        self._samples: dict[bool, tuple[Rows, Vectors]] = {}

    @property
    def means(self) -> Means | None:
        """What balance takes away; None where there is nothing to take."""
        return self.rows.means

    def search(self, query: Vectors, mode: BalanceMode, k: int, allowed: Mask) -> Ranked:
        """Find the rows of the highest inner products, best first."""
        asked = self.rows.questions(query[None], mode)[0]
        return Ranked(*self._structure(mode).search(asked, k, allowed))

    def cosines(self, query: Vectors, rows: Rows) -> Vectors:
        """The raw cosines of rows, in their order."""
        raw = [self.index.rows(int(row), int(row) + 1)[0] for row in rows]
        return np.array([row.astype(np.float32) @ query for row in raw], np.float32)

    def sample(self, mode: BalanceMode) -> tuple[Rows, Vectors]:
        """Rows spread over the index, and their vectors as a mode sees them: shape (rows, dim)."""
        self._structure(mode)
        return self._samples[self.effective(mode) != "off"]

    def words(self, database: sqlite3.Connection) -> WordLeg:
        """The words of the same commit, opened when they are first needed."""
        if self._words is None:
            self._words = open_words(self.index, self.snapshot, database)
        return self._words

    def effective(self, mode: BalanceMode) -> BalanceMode:
        """What a mode comes to here: without means everything is "off"."""
        return self.rows.effective(mode)

    def choice(self, mode: BalanceMode) -> CardChoice:
        """Where the rows of a mode are searched, and why."""
        return self._structure(self.effective(mode)).choice

    def _structure(self, mode: BalanceMode) -> VectorIndex:
        balanced = self.effective(mode) != "off"
        if balanced not in self._structures:
            spec = self.index.manifest.encoder
            structure = VectorIndex(spec.dim, spec.row_dtype)
            rows, held, first = sample_rows(self.snapshot.live), [], 0
            for block in self.rows.passages(mode):
                structure.add(block)
                here = rows[(rows >= first) & (rows < first + len(block))]
                held.append(block[here - first].astype(np.float32))
                first += len(block)
            self._structures[balanced] = structure
            self._samples[balanced] = (
                rows,
                np.concatenate(held) if held else np.empty((0, spec.dim), np.float32),
            )
        return self._structures[balanced]


def row_source(index: Index, snapshot: Snapshot) -> RowSource:
    """The rows of an index at one commit."""
    return RowSource(
        index.manifest.encoder,
        snapshot.languages,
        snapshot.language_of,
        snapshot.live,
        index.rows,
    )
