"""question -> passages that hold its words: the lexical leg of a search.

A passage gets the sum of what the question's words in it count. A word counts the more the rarer it
is among the passages; common ones do not count at all. And a word that stands only in passages of
the question's own language says as much about the language as about the content, so it counts only
by the share of the passages that are in this language: fully where the folder has one language,
hardly where it is one of many. Names and loan words stand elsewhere too, and count fully; so do
numbers, codes and quoted phrases. A passage in another language is never asked for words that stand
nowhere in it.

A word of the question in a passage's title or headings is likely a name, however it counts in
texts: it counts a little more there, by how rare it is above passages.
"""

import logging
import re
import sqlite3
from collections.abc import Sequence
from itertools import islice
from math import log as ln

import numpy as np

from encoder.spec import Vectors
from indexer.card import Mask
from indexer.lexical_index import LexicalDamage, LexicalIndex
from indexer.lexical_terms import Found, Term, Wanted
from indexer.store import Index, Snapshot
from indexer.store.derived import lexical_record, lexical_texts, open_lexical

log = logging.getLogger(__name__)

# Tuned on tldr, and on osguide that nothing is lost (docs/search.md). Below the least rarity a word
# is common: in a folder of 1,000 passages, one that stands in more than 30.
RARITY_POWER = 5
LEAST_RARITY = 0.5
# What a word that stands above one passage alone counts there beside that.
ABOVE_MOST = 0.25
# Numbers, codes and phrases: whatever the language.
_MARKED = re.compile(r"\d|[^\w'’]")

# Passages that a build has not yet written the words of are indexed in memory, if they are so few.
MOST_ROWS_IN_MEMORY = 512


class WordsReplaced(Exception):
    """A build has finished since the state that is searched, and has put newer words in place."""


class WordLeg:
    """The words of passages, in one or two indexes of different rows.

    `missing` says why those of some passages cannot be searched; empty if all can.
    """

    def __init__(self, parts: Sequence[LexicalIndex], missing: str = "") -> None:
        self.missing = missing
        self._parts = tuple(parts)
        self._passages = sum(part.passages for part in parts)

    def weigh(self, terms: Sequence[Term], language: str) -> Wanted:
        """Say what each term counts, in (0, 1], leaving out those that count nothing.

        Args:
            terms: Of the question.
            language: Of the question, as detected.
        """
        own = sum(part.passages_in(language) for part in self._parts) / max(1, self._passages)
        weighted = []
        for term in terms:
            held = sum(part.frequency(term) for part in self._parts)
            rarity = self._rarity(held)
            if rarity >= LEAST_RARITY:
                weighted.append(
                    (term, rarity**RARITY_POWER * self._neutrality(term, held, language, own))
                )
        above = []
        for term in terms:
            rarity = self._rarity(sum(part.frequency_above(term) for part in self._parts))
            if rarity >= LEAST_RARITY:
                above.append((term, ABOVE_MOST * rarity))
        return Wanted(tuple(pair for pair in weighted if pair[1] > 0), tuple(above))

    def weigh_alone(self, terms: Sequence[Term]) -> Wanted:
        """Say what each term counts where nothing else ranks: as in BM25, common ones too."""
        held = [sum(part.frequency(term) for part in self._parts) for term in terms]
        return Wanted(
            tuple(
                (term, ln(1 + (max(self._passages, count) - count + 0.5) / (count + 0.5)))
                for term, count in zip(terms, held, strict=True)
                if count
            )
        )

    def _rarity(self, count: int) -> float:
        """In [0, 1): 0 for what stands in every passage or in none."""
        if count == 0:
            return 0.0
        return ln((self._passages + 1) / (min(count, self._passages) + 1)) / ln(self._passages + 1)

    def _neutrality(self, term: Term, held: int, language: str, own: float) -> float:
        """In [own, 1]: how little a term tells about the language."""
        if own == 1 or _MARKED.search(term.text):
            return 1.0
        elsewhere = sum(part.elsewhere(term, language) for part in self._parts)
        neutral = min(1.0, elsewhere / max(held, elsewhere) / (1 - own)) ** 2
        return own + (1 - own) * neutral

    def search(self, wanted: Wanted, limit: int, allowed: Mask | None = None) -> Found:
        """Find the passages with the largest sums, best first, equal ones by row.

        Args:
            wanted: As `weigh` gives it.
            limit: Most passages wanted.
            allowed: Shape (rows,); False keeps a row out.
        """
        found = [part.search(wanted, limit, allowed) for part in self._parts if wanted]
        if not found:
            return Found(np.empty(0, np.int64), np.empty(0, np.float32), is_all=True)
        rows = np.concatenate([part.rows for part in found])
        scores = np.concatenate([part.scores for part in found])
        order = np.lexsort((rows, -scores))[:limit]
        is_all = all(part.is_all for part in found) and len(rows) <= limit
        return Found(rows[order], scores[order], is_all)

    def sums(self, wanted: Wanted, rows: int) -> Vectors:
        """The sum of every row, 0 where no term stands: shape (rows,).

        Raises:
            LexicalDamage: The index names rows beyond.
        """
        found = self.search(wanted, max(1, self._passages), np.ones(rows, np.bool_))
        sums = np.zeros(rows, np.float32)
        sums[found.rows] = found.scores
        return sums


def open_words(index: Index, snapshot: Snapshot, database: sqlite3.Connection) -> WordLeg:
    """Open the words of an index at one commit; what is missing or damaged is said in the log.

    Raises:
        WordsReplaced: They are gone, since there is a later commit with others.
    """
    parts, covered = [], 0
    record = lexical_record(database)
    if record is not None:
        try:
            parts.append(open_lexical(index.folder, record))
            covered = record.rows
        except LexicalDamage as error:
            with index.reading() as now:
                if lexical_record(now) != record:
                    raise WordsReplaced from error
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
