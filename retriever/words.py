"""question -> passages that hold its words: the lexical leg of a search.

What a passage gets is the share of the question's words that it holds, each counted by how rare it
is among the passages. Words that stand nowhere in the index count on neither side, so a question in
one language does not speak against passages in another.
"""

import logging
import sqlite3
from collections.abc import Sequence
from itertools import islice
from math import log as ln

import numpy as np

from encoder.spec import Vectors
from indexer.lexical_index import Found, LexicalDamage, LexicalIndex, Term, Weighted
from indexer.store import Index, Snapshot
from indexer.store.derived import lexical_record, lexical_texts, open_lexical
from indexer.vector_index import Mask

log = logging.getLogger(__name__)

# Passages that a build has not yet written the words of are indexed in memory, if they are so few.
MOST_ROWS_IN_MEMORY = 512


class WordLeg:
    """The words of passages, in one or two indexes of different rows.

    `missing` says why those of some passages cannot be searched; empty if all can.
    """

    def __init__(self, parts: Sequence[LexicalIndex], missing: str = "") -> None:
        self.missing = missing
        self._parts = tuple(parts)
        self._passages = sum(part.passages for part in parts)

    def weigh(self, terms: Sequence[Term]) -> Weighted:
        """Say what each term counts: shares of 1, in all those that stand in the index."""
        counts = [sum(part.frequency(term) for part in self._parts) for term in terms]
        rarities = [_rarity(count, self._passages) for count in counts]
        total = sum(rarities)
        pairs = zip(terms, rarities, strict=True)
        return tuple((term, rarity / total) for term, rarity in pairs if rarity > 0)

    def search(self, terms: Weighted, limit: int, allowed: Mask | None = None) -> Found:
        """Find the passages with the largest shares, best first, equal ones by row.

        Args:
            terms: As `weigh` gives them.
            limit: Most passages wanted.
            allowed: Shape (rows,); False keeps a row out.
        """
        found = [part.search(terms, limit, allowed) for part in self._parts if terms]
        if not found:
            return Found(np.empty(0, np.int64), np.empty(0, np.float32), is_all=True)
        rows = np.concatenate([part.rows for part in found])
        scores = np.concatenate([part.scores for part in found])
        order = np.lexsort((rows, -scores))[:limit]
        is_all = all(part.is_all for part in found) and len(rows) <= limit
        return Found(rows[order], scores[order], is_all)

    def shares(self, terms: Weighted, rows: int) -> Vectors:
        """The share of every row, 0 where no term stands: shape (rows,)."""
        found = self.search(terms, max(1, self._passages))
        shares = np.zeros(rows, np.float32)
        shares[found.rows] = found.scores
        return shares


def open_words(index: Index, snapshot: Snapshot, database: sqlite3.Connection) -> WordLeg:
    """Open the words of an index at one commit; what is missing or damaged is said in the log."""
    parts, covered = [], 0
    record = lexical_record(database)
    if record is not None:
        try:
            parts.append(open_lexical(index.folder, record))
            covered = record.rows
        except LexicalDamage as error:
            log.warning(
                "the words of the index cannot be searched: %s. Run the same build again; until "
                "then passages are found by meaning alone",
                error,
            )
            return WordLeg((), str(error))
    later = int(snapshot.live[covered:].sum())
    if later > MOST_ROWS_IN_MEMORY:
        missing = f"those of the last {later} passages are not there: a build has not finished"
        log.warning("%s; until then they are found by meaning alone", missing)
        return WordLeg(parts, missing)
    if later:
        texts = islice(lexical_texts(database, covered), later)
        parts.append(LexicalIndex.in_memory(texts))
    return WordLeg(parts)


def _rarity(count: int, passages: int) -> float:
    """In [0, 1): 0 for what stands in every passage or in none."""
    if count == 0:
        return 0.0
    return max(0.0, ln((passages + 1) / (count + 1)) / ln(passages + 1))
