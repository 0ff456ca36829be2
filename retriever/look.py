"""question -> the best passages of one committed state, with what ranked them."""

import sqlite3
from dataclasses import dataclass

import numpy as np

from encoder.spec import Vectors
from indexer.errors import WordsDamaged
from indexer.lexical_index import LexicalDamage
from retriever.dense_leg import Question
from retriever.filters import Filters
from retriever.folds import Found, folded, unfolded
from retriever.hit import Confidence, ScoreKind
from retriever.ranking import Ranking
from retriever.shape import Shape
from retriever.state import SearchState
from retriever.sure import confidences


@dataclass(frozen=True, slots=True)
class Asked:
    """All that one search is about.

    Attributes:
        fold: Near-duplicates and translations become one hit.
        reranked: More is found than is wanted, for a reranker to choose from.
    """

    question: Question
    filters: Filters
    shape: Shape
    ranking: Ranking
    fold: bool
    reranked: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, best first; scores and cosines have the shape (found,)."""

    found: tuple[Found, ...]
    scores: Vectors
    kind: ScoreKind
    cosines: Vectors
    sure: tuple[Confidence | None, ...]


def look(state: SearchState, database: sqlite3.Connection, asked: Asked) -> Looked:
    """Find the best passages of one state.

    Args:
        state: What is searched.
        database: In a read transaction of the same commit.
        asked: The question, and what is wanted.

    Raises:
        WordsDamaged: Words alone are asked for, and the index has none that can be searched.
        WordsReplaced: The state is not the latest any more, and its words are gone.
    """
    question, shape = asked.question, asked.shape
    allowed = asked.filters.allowed(state.snapshot)
    try:
        searcher = asked.ranking.searcher(state, database, question, allowed)
        best = shape.bounded(searcher.best, state.snapshot)
        wanted = shape.wanted(reranked=asked.reranked)
        if asked.fold:
            found = folded(state, database, best, wanted, question.language)
        else:
            found = unfolded(state, database, best(wanted))
    except LexicalDamage as error:  # its checksum is right: a stranger made it so
        raise WordsDamaged(state.index.index_dir, str(error)) from error
    rows = np.array([hit.passage.row for hit in found], np.int64)
    scores = np.array([hit.score for hit in found], np.float32)
    cosines = state.cosines(question.vector, rows)
    sure = confidences(searcher.dense, rows)
    return Looked(found, scores, searcher.kind, cosines, sure)
