"""meaning + words -> the best passages by both, exactly.

    score = dense score + WEIGHT * spread * min(MOST, sum of its words)

The dense score is the cosine, or the balanced one. What its words count is in words.py. The spread
is the standard deviation of the question's dense scores over passages of the index, so that a word
weighs alike with every encoder. A passage that holds none of the words, being in another language
or script, keeps its dense score.

The k best sums are exact, as in the threshold algorithm (Fagin, Lotem and Naor, 2001): all passages
that hold a word that counts are taken, for they are few, and the dense leg is read from the top
until what it has not shown yet cannot beat what is there.

In passages of the question's own language words count less where there are others: wrong ones
there hold words of the question too, by their language alone.

Balance takes the languages' lean out of the scores. What is lost with it is the hint that an answer
in the question's own language is a good bet where nothing else decides, so in the mode "auto" the
best passage in that language is lifted to the first place if a little is enough for that, after
words were added: they speak for it too, so less is added then. Behind the first place the others in
that language count a part of what they score by meaning, where the texts of the index are there in
several languages, and a smaller one if the first is in that language (retriever/balance.py).

A search by meaning alone is one whose words count nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.lexical_terms import Found, Wanted
from retriever.state import Ranked
from retriever.words import WordLeg

# Tuned on tldr, and on osguide that nothing is lost (docs/search.md).
WEIGHT = 2.0
# A question of many rare words is no reason to leave its meaning behind.
MOST = 1.5
# Scores that differ by nothing else are told apart by words.
LEAST_SPREAD = 0.01
# Rows that are read at first: most questions want no more.
FIRST_DEPTH = 128
# What words count in passages of the question's own language where these are few among others.
OWN_LEAST = 0.5

DenseSearch = Callable[[int, Mask], tuple[Rows, Vectors]]
"""Most rows wanted and the allowed ones -> rows and scores, best first."""


@dataclass(frozen=True, slots=True)
class Own:
    """The passages in the question's own language, and what they count.

    Attributes:
        rows: Shape (rows,).
        lift: What the best of them gets if it then is the first.
        part: What the dense scores of the others count for.
        part_behind: The same behind one of them in the first place.
        words: What words count for there.
    """

    rows: Mask
    lift: float = 0.0
    part: float = 1.0
    part_behind: float = 1.0
    words: float = 1.0


@dataclass(frozen=True, slots=True)
class Legs:
    """What one question is searched by.

    Attributes:
        dense: The leg of meaning.
        words: The leg of words.
        wanted: What the question looks for.
        top: What a sum of 1 adds to a dense score.
        own: What is in the question's own language.
    """

    dense: DenseSearch
    words: WordLeg
    wanted: Wanted
    top: float
    own: Own


def bonus(scores: Vectors) -> float:
    """What a sum of 1 adds to a dense score, given the dense scores of retriever/sample.py."""
    return WEIGHT * max(LEAST_SPREAD, float(scores.std()) if len(scores) else 0.0)


def own_words(own: Mask, allowed: Mask) -> float:
    """What words count in passages of the question's own language, in [OWN_LEAST, 1].

    Args:
        own: Shape (rows,); the passages in that language.
        allowed: Shape (rows,); those that are searched. The more of them are in that language, the
            more words count there: fully if all are.
    """
    share = float(own[allowed].mean()) if allowed.any() else 1.0
    return OWN_LEAST + (1 - OWN_LEAST) * share


def best_fused(legs: Legs, k: int, allowed: Mask) -> Ranked:
    """Find the k rows of the highest sums among the allowed ones: shape (rows,)."""
    # Words that count are rare, so all passages that hold one are few.
    found = legs.words.search(legs.wanted, len(allowed), allowed)
    depth = max(FIRST_DEPTH, k)
    while True:
        seen, beyond = _Seen.of(legs, depth, found, allowed)
        best = _best_own(legs, seen, beyond, allowed)
        ranked = seen.ranked(legs.own, best)
        # What was not seen holds no word, and scores at most as much as the last by meaning.
        if beyond == -np.inf or ranked.scores[k - 1] >= beyond:
            return Ranked(ranked.rows[:k], ranked.scores[:k])
        depth *= 4


@dataclass(frozen=True, slots=True)
class _Seen:
    """Rows that either leg has found, among them all that hold a word.

    Attributes:
        rows: Distinct, shape (seen,).
        dense: What each scores by meaning.
        sums: The same with words.
    """

    rows: Rows
    dense: Vectors
    sums: Vectors

    @classmethod
    def of(cls, legs: Legs, depth: int, found: Found, allowed: Mask) -> tuple[Self, float]:
        """Add both scores; beside it the most that any other row has, -inf if there is none."""
        rows, dense = legs.dense(depth, allowed)
        beyond = -np.inf if len(rows) < depth else float(dense[-1])
        only_words = np.setdiff1d(found.rows, rows)
        if len(only_words):
            more, scores = legs.dense(len(only_words), mask_of(only_words, len(allowed)))
            rows, dense = np.concatenate([rows, more]), np.concatenate([dense, scores])
        words = np.zeros(len(allowed), np.float32)
        words[found.rows] = np.minimum(MOST, found.scores)
        words[legs.own.rows] *= legs.own.words
        return cls(rows, dense, (dense + legs.top * words[rows]).astype(np.float32)), beyond

    def ranked(self, own: Own, lifted: Ranked) -> Ranked:
        """All of them, best first, and the lifted one: the others of its language lose a part."""
        part = own.part_behind if len(lifted.rows) else own.part
        less = own.rows[self.rows] & (self.dense > 0)
        sums = np.where(less, self.sums + self.dense * np.float32(part - 1), self.sums)
        others = self.rows != lifted.rows if len(lifted.rows) else slice(None)
        rows = np.concatenate([lifted.rows, self.rows[others]])
        scores = np.concatenate([lifted.scores, sums[others]])
        order = np.lexsort((rows, -scores))
        return Ranked(rows[order], scores[order])


def _best_own(legs: Legs, seen: _Seen, beyond: float, allowed: Mask) -> Ranked:
    """The best row in the question's own language, lifted; none where it is not the first then.

    Args:
        legs: The question's.
        seen: Rows with their sums.
        beyond: Most that any other row has.
        allowed: Shape (rows,).
    """
    first = seen.sums.max(initial=-np.inf)
    own = legs.own.rows[seen.rows]
    rows, sums = seen.rows[own], seen.sums[own]
    at = np.lexsort((rows, -sums))[:1]
    best = Ranked(rows[at], sums[at])
    if sums.max(initial=-np.inf) < beyond and beyond + legs.own.lift >= first:
        other = Ranked(*legs.dense(1, legs.own.rows & allowed))
        if len(other.rows) and (not len(best.rows) or other.scores[0] > best.scores[0]):
            best = other
    raised = (best.scores + legs.own.lift).astype(np.float32)
    first_then = raised >= first
    return Ranked(best.rows[first_then], raised[first_then])


def mask_of(some: Rows, rows: int) -> Mask:
    """True at some rows: shape (rows,)."""
    mask = np.zeros(rows, np.bool_)
    mask[some] = True
    return mask
