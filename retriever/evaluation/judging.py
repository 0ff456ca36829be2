"""Scores -> cases: what competes with a question's answers, and which of them count.

Every document that a question's judgements do not name is wrong, with one exception: one of the
question's own group that was left unjudged is neither right nor wrong, and leaves the ranking.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from retriever.evaluation.candidates import Scores
from retriever.evaluation.collection import Collection, JudgedText, primary
from retriever.evaluation.metrics import CUTOFF, Case, Values, judge

Columns = npt.NDArray[np.int64]
Row = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one question is judged by.

    Attributes:
        grades: By column.
        ignored: Columns that leave its rankings: of its group, but not judged.
    """

    question: JudgedText
    grades: Mapping[int, int]
    ignored: tuple[int, ...]

    @property
    def relevant(self) -> list[int]:
        """The columns of the relevant documents."""
        return [column for column, grade in self.grades.items() if grade > 0]


class Board:
    """The columns of a score matrix, put into the order in which trec_eval breaks ties."""

    def __init__(self, collection: Collection) -> None:
        ids = [text.id for text in collection.documents]
        self.order: Columns = np.array(sorted(range(len(ids)), key=ids.__getitem__, reverse=True))
        texts = [collection.documents[place] for place in self.order]
        self.ids = [text.id for text in texts]
        self.languages = [text.language for text in texts]
        self.columns_in: dict[str, Columns] = {
            language: np.array([i for i, name in enumerate(self.languages) if name == language])
            for language in sorted(set(self.languages))
        }
        self.wanted = _wanted(collection, texts)
        self.depth = max([CUTOFF, *(len(wanted.relevant) for wanted in self.wanted)])

    def ranked(self, scores: Row, columns: Columns, depth: int) -> list[int]:
        """The best columns of some, best first; columns at -inf never count."""
        row = scores[columns]
        if len(row) > 4 * depth:
            least = np.partition(row, len(row) - depth)[len(row) - depth]
            columns, row = columns[row >= least], row[row >= least]
        best = np.argsort(-row, kind="stable")[:depth]
        return [int(column) for column in columns[best] if np.isfinite(scores[column])]

    def case(self, scores: Row, wanted: Wanted, right: Iterable[int], others: list[int]) -> Case:
        """Judge the documents `right` against the best of the others."""
        chosen = set(right)
        grades = {
            self.ids[column]: grade
            for column, grade in wanted.grades.items()
            if column in chosen or grade <= 0
        }
        retrieved = (column for column in (*others, *chosen) if np.isfinite(scores[column]))
        return Case(grades, {self.ids[column]: float(scores[column]) for column in retrieved})


def _wanted(collection: Collection, texts: list[JudgedText]) -> tuple[Wanted, ...]:
    column_of = {text.id: column for column, text in enumerate(texts)}
    members: dict[str, list[int]] = {}
    for column, text in enumerate(texts):
        if text.group:
            members.setdefault(text.group, []).append(column)
    found = []
    for question in collection.questions:
        judged = collection.qrels[question.id].items()
        grades = {column_of[name]: grade for name, grade in judged if name in column_of}
        family = members.get(question.group, [])
        found.append(Wanted(question, grades, tuple(c for c in family if c not in grades)))
    return tuple(found)


@dataclass
class Results:
    """The judged cases of one kind: values and the position of each one's question."""

    values: list[Values] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)

    def stacked(self) -> Values:
        """All values: shape (cases, metrics)."""
        return np.stack(self.values)


Keyed = tuple[str, str]
"""What a case counts for: ("folder", "all" | "cross" | "same"), or a pair of languages."""


def folder_cases(
    board: Board, wanted: Wanted, scores: Row, *, cells: bool
) -> Iterator[tuple[Keyed, Case]]:
    """Cases in which all documents compete; answers that do not count leave the ranking."""
    relevant = wanted.relevant
    bare = scores.copy()
    bare[[*relevant, *wanted.ignored]] = -np.inf
    others = board.ranked(bare, np.arange(len(bare)), board.depth)
    language = wanted.question.language
    own = [c for c in relevant if primary(board.languages[c]) == primary(language)]
    foreign = [c for c in relevant if c not in own]
    for name, right in (("all", relevant), ("cross", foreign), ("same", own)):
        if right:
            yield ("folder", name), board.case(scores, wanted, right, others)
    if cells:
        for passage_language in sorted({board.languages[c] for c in relevant}):
            right = [c for c in relevant if board.languages[c] == passage_language]
            yield (language, passage_language), board.case(scores, wanted, right, others)


def pair_cases(board: Board, wanted: Wanted, scores: Row) -> Iterator[tuple[Keyed, Case]]:
    """Cases in which only the documents in one language compete."""
    relevant = wanted.relevant
    bare = scores.copy()
    bare[[*relevant, *wanted.ignored]] = -np.inf
    for passage_language in sorted({board.languages[c] for c in relevant}):
        right = [c for c in relevant if board.languages[c] == passage_language]
        others = board.ranked(bare, board.columns_in[passage_language], board.depth)
        yield (
            (wanted.question.language, passage_language),
            board.case(scores, wanted, right, others),
        )


class Tally:
    """Judges cases in large lots, and keeps the values by what they count for."""

    LOT = 20_000

    def __init__(self) -> None:
        self.results: dict[Keyed, Results] = {}
        self._waiting: list[tuple[Keyed, int, Case]] = []

    def add(self, question: int, cases: Iterable[tuple[Keyed, Case]]) -> None:
        """Take the cases of the question at this position."""
        self._waiting += [(key, question, case) for key, case in cases]
        if len(self._waiting) >= self.LOT:
            self.flush()

    def flush(self) -> None:
        """Judge what is waiting."""
        values = judge([case for _, _, case in self._waiting])
        for (key, question, _), row in zip(self._waiting, values, strict=True):
            results = self.results.setdefault(key, Results())
            results.values.append(row)
            results.questions.append(question)
        self._waiting = []


def first_ten(board: Board, wanted: Wanted, scores: Row) -> list[int]:
    """The columns that a person sees first in the whole folder."""
    seen = scores.copy()
    seen[list(wanted.ignored)] = -np.inf
    return board.ranked(seen, np.arange(len(seen)), CUTOFF)


def in_order(board: Board, scores: Scores) -> Scores:
    """Put the columns of scores into the order of the board."""
    ordered: Scores = scores[:, board.order]
    return ordered
