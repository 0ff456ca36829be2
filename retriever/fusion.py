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

As in dense_leg.py the best passage in the question's own language is lifted to the first place if a
little is enough, but after words were added: they speak for it too, so less is added.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
FIRST_DEPTH = 128
# What words count in passages of the question's own language where these are few among others.
OWN_LEAST = 0.5

DenseSearch = Callable[[int, Mask], tuple[Rows, Vectors]]
"""Most rows wanted and the allowed ones -> rows and scores, best first."""


@dataclass(frozen=True, slots=True)
class Legs:
    """What one question is searched by.

    Attributes:
        dense: The leg of meaning.
        words: The leg of words.
        wanted: What the question looks for.
        top: What a sum of 1 adds to a dense score.
        own: Shape (rows,); the passages in the question's own language.
        lift: What the best of them gets if it then is the first.
        part: What their dense scores count for otherwise: `dense` gives what is left.
        own_words: What words count for there.
    """

    dense: DenseSearch
    words: WordLeg
    wanted: Wanted
    top: float
    own: Mask
    lift: float
    part: float = 1.0
    own_words: float = 1.0


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
        near = Ranked(*legs.dense(depth, allowed))
        ranked = _sums(legs, near, found, len(allowed))
        # What is in neither list holds no word, and has at most the last dense score.
        everything = len(near.rows) < depth
        beyond = -np.inf if everything else float(near.scores[-1])
        if everything or ranked.scores[k - 1] >= beyond:
            best = _best_own(legs, ranked, beyond, allowed)
            if len(best.rows):
                raised = best.scores[0] + legs.lift + _gone(legs, best, len(allowed))
                if raised >= ranked.scores[0]:
                    lifted = Ranked(best.rows, np.array([raised], np.float32))
                    return ranked.with_row(lifted, k)
            return Ranked(ranked.rows[:k], ranked.scores[:k])
        depth *= 4


def _best_own(legs: Legs, ranked: Ranked, beyond: float, allowed: Mask) -> Ranked:
    """The best row in the question's own language; none where a lift could not make it the first.

    Args:
        legs: The question's.
        ranked: Sums of rows, best first, among them all that hold a word.
        beyond: Most that any other row has.
        allowed: Shape (rows,).
    """
    if not len(ranked.rows):
        return ranked
    best = ranked.first_of(legs.own)
    known = len(best.rows) and best.scores[0] >= beyond
    if known or max(beyond, beyond / legs.part) + legs.lift < ranked.scores[0]:
        return best
    other = Ranked(*legs.dense(1, legs.own & allowed))
    better = not len(best.rows) or (len(other.rows) and other.scores[0] > best.scores[0])
    return other if better else best


def _gone(legs: Legs, best: Ranked, rows: int) -> float:
    """What the dense score of a row in the question's language has lost."""
    if legs.part == 1:
        return 0.0
    left = float(legs.dense(1, mask_of(best.rows, rows))[1][0])
    return max(0.0, left) * (1 / legs.part - 1)


def _sums(legs: Legs, near: Ranked, found: Found, rows: int) -> Ranked:
    """Add both scores of every row that either leg has found, best first."""
    only_words = np.setdiff1d(found.rows, near.rows)
    if len(only_words):
        more, scores = legs.dense(len(only_words), mask_of(only_words, rows))
        near = Ranked(np.concatenate([near.rows, more]), np.concatenate([near.scores, scores]))
    words = np.zeros(rows, np.float32)
    words[found.rows] = np.minimum(MOST, found.scores)
    words[legs.own] *= legs.own_words
    sums = (near.scores + legs.top * words[near.rows]).astype(np.float32)
    order = np.lexsort((near.rows, -sums))
    return Ranked(near.rows[order], sums[order])


def mask_of(some: Rows, rows: int) -> Mask:
    """True at some rows: shape (rows,)."""
    mask = np.zeros(rows, np.bool_)
    mask[some] = True
    return mask
