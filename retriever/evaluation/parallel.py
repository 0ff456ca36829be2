"""What only parallel text can show: who wins the first ten places, and do languages agree."""

from collections.abc import Sequence

import numpy as np

from retriever.evaluation.bootstrap import share_estimates
from retriever.evaluation.collection import Collection, primary
from retriever.evaluation.judging import Asked
from retriever.evaluation.metrics import CUTOFF
from retriever.evaluation.report import Parallel

PERSISTENCE = 0.9


def own_language_share(asked: Asked, seen: Sequence[int]) -> tuple[float, float]:
    """The share of what is seen that is in the question's language, and the fair one."""
    board, ignored = asked.board, asked.wanted.ignored
    own = primary(asked.wanted.question.language)
    left_out = sum(board.primaries[column] == own for column in ignored)
    fair = (board.sizes[own] - left_out) / (len(board.ids) - len(ignored))
    return sum(board.primaries[column] == own for column in seen) / max(1, len(seen)), fair


def perfect_share(asked: Asked) -> float:
    """The share where the right documents stand first, in any order, and others follow by chance.

    Where a text is there in few languages, the right document in the question's own is a large part
    of the first ten, so a ranking cannot be both right and at the fair share.
    """
    board, wanted = asked.board, asked.wanted
    own = primary(wanted.question.language)
    right = [board.primaries[column] == own for column in wanted.grades]
    left_out = sum(board.primaries[column] == own for column in wanted.ignored)
    others = len(board.ids) - len(wanted.ignored) - len(right)
    others_own = board.sizes[own] - left_out - sum(right)
    first = min(CUTOFF, len(right))
    rest = min(CUTOFF - first, others)
    own_among = first * sum(right) / len(right) + rest * others_own / max(1, others)
    return own_among / (first + rest)


def measure_parallel(
    collection: Collection,
    seen: Sequence[Sequence[int]],
    shares: Sequence[tuple[float, float, float]],
    groups: Sequence[int],
) -> Parallel:
    """Sum up over all questions.

    Args:
        collection: Holds the questions.
        seen: The first ten columns of each.
        shares: What `own_language_share` and `perfect_share` say of each.
        groups: The number of each one's group.
    """
    group_of = np.array(groups, np.int64)
    own = share_estimates(np.array(shares)[:, :1], group_of)[0]
    _, fair, perfect = (float(mean) for mean in np.mean(shares, axis=0))
    families = same_question(collection)
    agreement = [consistency([seen[place] for place in family]) for family in families]
    if not agreement:
        return Parallel(own, fair, perfect, None, None, 0)
    places = group_of[[family[0] for family in families]]
    overlap, biased = share_estimates(np.array(agreement), places)
    return Parallel(own, fair, perfect, overlap, biased, len(families))


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
