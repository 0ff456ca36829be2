"""What `eval` has found, as values: for the table, the heat map and JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from retriever.evaluation.bootstrap import Estimate, share_estimates
from retriever.evaluation.judging import Results
from retriever.evaluation.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over cases with their intervals.

    Attributes:
        n: Cases; without any there are no metrics.
        groups: Groups that were drawn for the intervals.
        metrics: By the names in `METRICS`.
    """

    n: int
    groups: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Cell:
    """Questions in one language, answers in one language."""

    question_language: str
    passage_language: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class WrongShare:
    """The question's own language among the documents that do not answer.

    Attributes:
        among_ten: Its share of those among the first ten, a mean over the questions that have any.
        fair: Its share of all of them.
    """

    among_ten: Estimate
    fair: float


@dataclass(frozen=True, slots=True)
class Parallel:
    """What only collections of parallel text can show, in one folder.

    Attributes:
        own_share: Of the first ten documents, the share in the question's own language.
        fair_share: That share among all documents: what a ranking blind to language gives.
        perfect_share: That share where the right documents stand first, in any order, and others
            follow by chance: what a ranking that is right as well gives.
        wrong: The same among the documents that do not answer, where the lean does harm; None if
            there is none of these among any first ten.
        overlap: Of one question in two languages, the share of the first ten in common.
        rank_biased_overlap: The same with more weight on the first places (p = 0.9, extrapolated
            from ten; Webber, Moffat and Zobel 2010).
        questions: Questions in at least two languages that overlap was measured on.
    """

    own_share: Estimate
    fair_share: float
    perfect_share: float
    wrong: WrongShare | None
    overlap: Estimate | None
    rank_biased_overlap: Estimate | None
    questions: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The figures of one balance mode.

    Attributes:
        balance: What was asked for.
        same, cross: Of the cells with one language and with two.
        folder: All documents compete: "all" answers count, or those in "cross" or "same" language.
    """

    balance: str
    same: Figures
    cross: Figures
    cells: tuple[Cell, ...]
    folder: dict[str, Figures]
    parallel: Parallel | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the figures are about."""

    collection: str
    encoder: str
    documents: int
    passages: int
    cut_documents: int
    questions: int
    languages: tuple[str, ...]
    settings: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MixedPart:
    """Cases of one kind in all drawn folders.

    Attributes:
        kind: "cross" if answers are in another language than their questions, else "same".
        languages: "all"; or with a set of languages apart "inside" (both in it), "outside"
            (neither), "between".
        figures: Recall, nDCG and MRR, and the share of the first ten that is in the question's
            own language, beside that of the folder.
        by_seed: Mean recall@1 of each draw.
        gain: Over the first balance mode, by metric; None for that one.
    """

    kind: str
    languages: str
    figures: Figures
    by_seed: tuple[float, ...]
    gain: dict[str, Estimate] | None


@dataclass(frozen=True, slots=True)
class MixedRanking:
    """The figures of one balance mode in mixed folders."""

    balance: str
    parts: tuple[MixedPart, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `eval` has found: in the collection as it is, or in mixed folders."""

    facts: Facts
    rankings: tuple[Ranking, ...]
    mixed: tuple[MixedRanking, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self)


def figures(results: Sequence[Results], group_of: Sequence[int], seed: int) -> Figures:
    """Sum up judged cases; `group_of` names the group of each question."""
    questions = [place for result in results for place in result.questions]
    if not questions:
        return Figures(0, 0, {})
    # In the order of the questions, so that equal cases give equal figures to the last digit.
    order = np.argsort(questions, kind="stable")
    values = np.concatenate([found.stacked() for found in results if found.questions])[order]
    groups = np.array(group_of, np.int64)[np.array(questions)[order]]
    estimates = share_estimates(values, groups, seed)
    found = dict(zip(METRICS, estimates, strict=True))
    return Figures(len(questions), len(set(groups.tolist())), found)
