"""rows -> groups of rows that say the same: how a search folds its hits, over one index."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors
from indexer.store import StoredPassage
from retriever.folding import (
    FoldKind,
    Signature,
    alone_translations,
    fold,
    near_duplicates,
    shown_first,
)
from retriever.hit import AlsoIn, Confidence
from retriever.one_thread import one_thread
from retriever.parallel import LEAST_COSINE, Documents
from retriever.state import Ranked, SearchState

# Rows that are looked at for one distinct hit, at first.
DEPTH = 3
# Rows that are looked at in all: a folder of nothing but copies must not make a search endless.
MOST_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that is shown, with what ranked it and the passages folded into it."""

    passage: StoredPassage
    score: float
    also_in: tuple[AlsoIn, ...] = ()
    confidence: Confidence | None = None


def unfolded(state: SearchState, database: sqlite3.Connection, ranked: Ranked) -> tuple[Found, ...]:
    """Every row is a hit of its own."""
    passages = state.index.passages(database, ranked.rows.tolist())
    scores = ranked.scores.tolist()
    return tuple(Found(*pair) for pair in zip(passages, scores, strict=True))


def folded(
    state: SearchState,
    database: sqlite3.Connection,
    best: Callable[[int], Ranked],
    wanted: int,
    asked_in: str,
) -> tuple[Found, ...]:
    """The first so many distinct passages, each with those folded into it.

    Args:
        state: The rows.
        database: The same commit.
        best: Gives so many of the best rows that may be found, fewer where there are fewer.
        wanted: Distinct passages wanted.
        asked_in: The question's language: of translations the one in it is shown, if there is one,
            and else the best. A group's score is that of its best passage.

    Returns:
        Fewer than wanted where there are fewer, or where the first `MOST_ROWS` rows say no more.
    """
    depth = DEPTH * wanted
    most = max(MOST_ROWS, depth)
    while True:
        ranked = best(depth)
        found = _groups(state, database, ranked, asked_in)
        if len(found) >= wanted or len(ranked.rows) < depth or depth == most:
            return found[:wanted]
        depth = min(2 * depth, most)


def _groups(
    state: SearchState, database: sqlite3.Connection, ranked: Ranked, asked_in: str
) -> tuple[Found, ...]:
    passages = state.index.passages(database, ranked.rows.tolist())
    # Of equal scores the first is what is first in every index of these documents.
    order = sorted(
        range(len(passages)),
        key=lambda i: (-ranked.scores[i], passages[i].source, passages[i].start),
    )
    passages, scores = tuple(passages[i] for i in order), ranked.scores[order]
    likeness = Likeness(state, passages)
    found = []
    for group in fold(len(passages), lambda one, other: likeness.kind(one, other) is not None):
        shown = shown_first(group, [passage.language for passage in passages], asked_in)
        also = tuple(
            AlsoIn(
                passages[i].language,
                passages[i].source,
                passages[i].page,
                "duplicate" if _same_language(passages[i], passages[shown[0]]) else "translation",
            )
            for i in shown[1:]
        )
        found.append(Found(passages[shown[0]], float(scores[group[0]]), also))
    return tuple(found)


class Likeness:
    """What the passages of one search are to one another."""

    def __init__(self, state: SearchState, passages: tuple[StoredPassage, ...]) -> None:
        self._documents = documents_of(state)
        self._document_of = state.snapshot.document_of
        self._passages = passages
        self._signatures: dict[int, Signature] = {}
        self._cosines = np.zeros((len(passages), len(passages)), np.float32)
        if self._documents is not None and passages:
            rows = np.array([passage.row for passage in passages], np.int64)
            with one_thread():
                balanced = state.rows.balanced(rows, "full")
                self._cosines = balanced @ balanced.T

    def kind(self, one: int, other: int) -> FoldKind | None:
        first, second = self._passages[one], self._passages[other]
        if _same_language(first, second):
            same = near_duplicates(self._signature(one), self._signature(other))
            return "duplicate" if same else None
        cosine = float(self._cosines[one, other])
        if self._documents is None or cosine < LEAST_COSINE:
            return None
        places = [(int(self._document_of[p.row]), p.row) for p in (first, second)]
        paired = self._documents.paired(*places)
        if paired is None:
            paired = alone_translations(first, second, cosine)
        return "translation" if paired else None

    def _signature(self, place: int) -> Signature:
        if place not in self._signatures:
            self._signatures[place] = Signature.of(self._passages[place].text)
        return self._signatures[place]


def documents_of(state: SearchState) -> Documents | None:
    """The documents of an index, to be compared; None where there is one language only."""
    if state.means is None:
        return None
    if state.documents is None:
        members = np.flatnonzero(state.snapshot.live)
        members = members[np.argsort(state.snapshot.document_of[members], kind="stable")]
        starts = np.searchsorted(
            state.snapshot.document_of[members], np.arange(len(state.snapshot.sources) + 1)
        )

        def rows_of(document: int) -> npt.NDArray[np.int64]:
            return members[starts[document] : starts[document + 1]]

        def balanced(rows: npt.NDArray[np.int64]) -> Vectors:
            return state.rows.balanced(rows, "full")

        state.documents = Documents(rows_of, balanced)
    return state.documents


def _same_language(one: StoredPassage, other: StoredPassage) -> bool:
    return one.language.split("-")[0] == other.language.split("-")[0]
