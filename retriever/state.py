"""An index in memory at one commit: what a search runs on."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import language_offsets
from encoder.spec import Vectors
from indexer.store import Index, Snapshot
from indexer.vector_index import Mask, Rows, VectorIndex
from retriever.balance import (
    STRENGTH,
    BalanceMode,
    Means,
    balance_passages,
    balance_query,
    fit_means,
)

# Rows that are read from the disk at once.
BLOCK_ROWS = 65_536


class SearchState:
    """The rows of one commit, as FAISS structures made when they are first needed."""

    def __init__(self, index: Index, stamp: tuple[int, int], database: sqlite3.Connection) -> None:
        """Read the latest commit; `stamp` tells later whether the manifest was replaced."""
        self.index = index
        self.stamp = stamp
        self.snapshot: Snapshot = index.snapshot(database)
        self.means = self._fit()
        self._structures: dict[BalanceMode, VectorIndex] = {}

    def search(
        self, query: Vectors, language: str, mode: BalanceMode, k: int, allowed: Mask
    ) -> tuple[Rows, Vectors, Vectors]:
        """Find the best rows: their positions, scores and raw cosines, best first."""
        structure = self._structure(self.effective(mode))
        asked = query
        if self.means is not None and mode != "off":
            asked = balance_query(query, language, self.means, STRENGTH[mode])
        rows, scores = structure.search(asked, k, allowed)
        raw = [self.index.rows(int(row), int(row) + 1)[0] for row in rows]
        cosines = np.array([row.astype(np.float32) @ query for row in raw], np.float32)
        return rows, scores, cosines

    def effective(self, mode: BalanceMode) -> BalanceMode:
        """What a mode comes to here: without means everything is "off"."""
        return "off" if self.means is None else mode

    def _structure(self, mode: BalanceMode) -> VectorIndex:
        if mode not in self._structures:
            spec = self.index.manifest.encoder
            structure = VectorIndex(spec.dim, spec.row_dtype)
            for language_of, block in self._blocks():
                if mode != "off" and self.means is not None:
                    block = balance_passages(block, language_of, self.means, STRENGTH[mode])
                structure.add(block)
            self._structures[mode] = structure
        return self._structures[mode]

    def _blocks(self) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[Any]]]:
        rows = len(self.snapshot.live)
        for first in range(0, rows, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, rows)
            yield self.snapshot.language_of[first:last], self.index.rows(first, last)

    def _fit(self) -> Means | None:
        snapshot, spec = self.snapshot, self.index.manifest.encoder
        places = len(snapshot.languages)
        live = snapshot.language_of[snapshot.live]
        counts = np.bincount(live, minlength=places).astype(np.int64)
        if (counts > 0).sum() < 2:
            return None
        sums = np.zeros((places, spec.dim), np.float64)
        first = 0
        for language_of, block in self._blocks():
            alive = snapshot.live[first : first + len(block)]
            first += len(block)
            for place in np.unique(language_of[alive]):
                sums[place] += block[alive & (language_of == place)].sum(axis=0, dtype=np.float64)
        offsets = language_offsets(spec.name)
        return fit_means(sums.astype(np.float32), counts, snapshot.languages, offsets)
