"""What only parallel text can show: who wins the first ten places, and do languages agree."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from retriever.evaluation.bootstrap import share_estimates
from retriever.evaluation.collection import Collection, primary
from retriever.evaluation.judging import Asked
from retriever.evaluation.metrics import CUTOFF
from retriever.evaluation.report import Parallel, WrongShare

PERSISTENCE = 0.9


@dataclass(frozen=True, slots=True)
class Shares:
    """What of one question's first ten documents is in its own language, and what would be fair.

    Attributes:
        own, fair: The share of the first ten, and of all documents.
        perfect: See `perfect_share`.
        wrong, fair_wrong: The same shares of the documents that do not answer; NaN where none of
            the first ten, or none at all, is such a one.
    """

    own: float
    fair: float
    perfect: float
    wrong: float
    fair_wrong: float

    @classmethod
    def of(cls, asked: Asked, seen: Sequence[int]) -> Self:
        """Count for one question and the columns that are seen first."""
        others = [column for column in seen if column not in asked.wanted.grades]
        wrong = own_language_share(asked, others)[0] if others else math.nan
        own, fair = own_language_share(asked, seen)
        return cls(own, fair, perfect_share(asked), wrong, own_among_wrong(asked))


def own_language_share(asked: Asked, seen: Sequence[int]) -> tuple[float, float]:
    """The share of what is seen that is in the question's language, and the fair one."""
    board, ignored = asked.board, asked.wanted.ignored
    own = primary(asked.wanted.question.language)
    left_out = sum(board.primaries[column] == own for column in ignored)
    fair = (board.sizes[own] - left_out) / (len(board.ids) - len(ignored))
    own_seen = sum(board.primaries[column] == own for column in seen)
    return own_seen / max(1, len(seen)), fair


def own_among_wrong(asked: Asked) -> float:
    """The share of the documents that do not answer that is in the question's language."""
    board, wanted = asked.board, asked.wanted
    own = primary(wanted.question.language)
    left_out = [board.primaries[column] == own for column in (*wanted.grades, *wanted.ignored)]
    others = len(board.ids) - len(left_out)
    return (board.sizes[own] - sum(left_out)) / others if others else math.nan


def perfect_share(asked: Asked) -> float:
    """The share where the right documents stand first, in any order, and others follow by chance.

    Where a text is there in few languages, the right document in the question's own is a large part
    of the first ten, so a ranking cannot be both right and at the fair share.
    """
    board, wanted = asked.board, asked.wanted
    own = primary(wanted.question.language)
    right = [board.primaries[column] == own for column in wanted.grades]
    others = len(board.ids) - len(wanted.ignored) - len(right)
    first = min(CUTOFF, len(right))
    rest = min(CUTOFF - first, others)
    by_chance = rest * own_among_wrong(asked) if rest else 0.0
    return (first * sum(right) / len(right) + by_chance) / (first + rest)


def measure_parallel(
    collection: Collection,
    seen: Sequence[Sequence[int]],
    shares: Sequence[Shares],
    groups: Sequence[int],
) -> Parallel:
    """Sum up over all questions.

    Args:
        collection: Holds the questions.
        seen: The first ten columns of each.
        shares: Those of each.
        groups: The number of each one's group.
    """
    group_of = np.array(groups, np.int64)
    # Shape (questions, shares): own, fair, perfect, wrong, fair_wrong.
    table = np.array([astuple(one) for one in shares])
    own = share_estimates(table[:, :1], group_of)[0]
    fair, perfect = (float(mean) for mean in table[:, 1:3].mean(axis=0))
    some_wrong = ~np.isnan(table[:, 3:]).any(axis=1)
    wrong = None
    if some_wrong.any():
        held = table[some_wrong, 3:]
        wrong = WrongShare(
            share_estimates(held[:, :1], group_of[some_wrong])[0], float(held[:, 1].mean())
        )
    overlap = biased = None
    families = same_question(collection)
    if families:
        agreement = [consistency([seen[place] for place in family]) for family in families]
        places = group_of[[family[0] for family in families]]
        overlap, biased = share_estimates(np.array(agreement), places)
    return Parallel(own, fair, perfect, wrong, overlap, biased, len(families))


def same_question(collection: Collection) -> list[list[int]]:
    """Positions of one question in several languages.

    Recognised by ids that differ in their language at the end only ("q7-de", "q7-fr"), else by the
    group where it has one question in each language.
    """
    by_id: dict[str, list[int]] = {}
    by_group: dict[str, list[int]] = {}
    for place, question in enumerate(collection.questions):
        stem = question.id.removesuffix(f"-{question.language}")
        if stem != question.id:
            by_id.setdefault(stem, []).append(place)
        by_group.setdefault(question.group, []).append(place)
    if sum(map(len, by_id.values())) < len(collection.questions):
        by_id = {name: places for name, places in by_group.items() if name}
    families = [places for places in by_id.values() if len(places) > 1]
    return [
        places
        for places in families
        if len({collection.questions[place].language for place in places}) == len(places)
    ]


def consistency(rankings: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Mean over all pairs of rankings: overlap of the first ten, and rank-biased overlap."""
    names = {column: i for i, column in enumerate({c for first in rankings for c in first})}
    depth = min(CUTOFF, *(len(first) for first in rankings))
    here = np.zeros((len(rankings), len(names)))
    pairs = np.triu_indices(len(rankings), 1)
    biased = np.zeros(len(pairs[0]))
    for at in range(depth):
        here[range(len(rankings)), [names[first[at]] for first in rankings]] = 1
        shared = (here @ here.T)[pairs] / (at + 1)
        biased += (1 - PERSISTENCE) * PERSISTENCE**at * shared
    biased += shared * PERSISTENCE**depth
    return float(shared.mean()), float(biased.mean())
