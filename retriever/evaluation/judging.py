"""Scores -> cases: what competes with a question's answers, and which of them count.

Every document that a question's judgements do not name is wrong, with one exception: one of the
question's own group that was left unjudged is neither right nor wrong, and leaves the ranking.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """What one question is judged by; documents are named by their columns.

    Attributes:
        answers: The relevant documents, by language.
        grades: Of the relevant documents.
        wrong: Grades of those judged and not relevant, by id.
        ignored: Of its group, but not judged: they leave its rankings.
    """

    question: JudgedText
    answers: Mapping[str, list[int]]
    grades: Mapping[int, int]
    wrong: Mapping[str, int]
    ignored: list[int]


class Board:
    """The columns of a score matrix, put into the order in which trec_eval breaks ties."""

    def __init__(self, collection: Collection) -> None:
        ids = [text.id for text in collection.documents]
        self.order: Columns = np.array(sorted(range(len(ids)), key=ids.__getitem__, reverse=True))
        texts = [collection.documents[place] for place in self.order]
        self.ids = [text.id for text in texts]
        self.columns_in: dict[str, Columns] = {
            language: np.array([i for i, text in enumerate(texts) if text.language == language])
            for language in sorted({text.language for text in texts})
        }
        self.primaries = [primary(text.language) for text in texts]
        self.sizes = Counter(self.primaries)
        self.wanted = _wanted(collection, texts)

    def in_order(self, scores: Scores) -> Scores:
        """Put the columns of scores into the order of the board."""
        ordered: Scores = scores[:, self.order]
        return ordered


def _wanted(collection: Collection, texts: list[JudgedText]) -> tuple[Wanted, ...]:
    column_of = {text.id: column for column, text in enumerate(texts)}
    members: dict[str, list[int]] = {}
    for column, text in enumerate(texts):
        if text.group:
            members.setdefault(text.group, []).append(column)
    found = []
    for question in collection.questions:
        qrels = collection.qrels[question.id]
        grades = {column_of[name]: grade for name, grade in qrels.items() if grade > 0}
        answers: dict[str, list[int]] = {}
        for column in grades:
            answers.setdefault(texts[column].language, []).append(column)
        wrong = {name: grade for name, grade in qrels.items() if grade <= 0}
        family = members.get(question.group, [])
        ignored = [column for column in family if texts[column].id not in qrels]
        found.append(Wanted(question, answers, grades, wrong, ignored))
    return tuple(found)


def best(scores: Row, depth: int) -> list[int]:
    """The columns of the highest scores, best first, equal ones in their order; never of -inf."""
    columns = None
    row = scores
    if len(row) > 4 * depth:
        columns = np.flatnonzero(row >= np.partition(row, len(row) - depth)[len(row) - depth])
        row = row[columns]
    order = np.argsort(-row, kind="stable")[:depth]
    order = order[np.isfinite(row[order])]
    chosen: list[int] = (order if columns is None else columns[order]).tolist()
    return chosen


class Asked:
    """One question's scores: what it wants, and the best of what does not answer it."""

    def __init__(self, board: Board, place: int, scores: Row) -> None:
        self.board = board
        self.wanted = board.wanted[place]
        self._scores = scores
        # Without the answers and without what leaves the ranking.
        self._bare = scores.copy()
        self._bare[[*self.wanted.grades, *self.wanted.ignored]] = -np.inf
        self._others = best(self._bare, max(CUTOFF, len(self.wanted.grades)))

    def first(self, depth: int) -> list[int]:
        """The columns that a person sees first in the whole folder."""
        others = self._others if depth <= len(self._others) else best(self._bare, depth)
        columns = np.array(sorted([*others, *self.wanted.grades]))
        found: list[int] = columns[best(self._scores[columns], depth)].tolist()
        return found

    def in_folder(self, right: Sequence[int]) -> Case:
        """Judge some of the answers against all wrong documents."""
        return self._case(right, self._others)

    def in_language(self, language: str, right: Sequence[int]) -> Case:
        """Judge some of the answers against the wrong documents in one language."""
        columns = self.board.columns_in[language]
        others = columns[best(self._bare[columns], max(CUTOFF, len(right)))].tolist()
        return self._case(right, others)

    def score(self, column: int) -> float:
        """The score of a document."""
        return float(self._scores[column])

    def _case(self, right: Sequence[int], others: Sequence[int]) -> Case:
        ids = self.board.ids
        others = others[: max(CUTOFF, len(right))]
        values = self._bare[others].tolist() + self._scores[[*right]].tolist()
        retrieved = {
            ids[column]: value
            for column, value in zip((*others, *right), values, strict=True)
            if value > -np.inf
        }
        grades = {ids[column]: self.wanted.grades[column] for column in right}
        return Case({**self.wanted.wrong, **grades}, retrieved)


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


def folder_cases(asked: Asked, kinds: Sequence[str]) -> Iterator[tuple[Keyed, Case]]:
    """Cases in which all documents compete; answers that do not count leave the ranking."""
    own = primary(asked.wanted.question.language)
    answers = asked.wanted.answers.items()
    right = {
        "all": [*asked.wanted.grades],
        "cross": [c for language, held in answers if primary(language) != own for c in held],
        "same": [c for language, held in answers if primary(language) == own for c in held],
    }
    for kind in kinds:
        if right[kind]:
            yield ("folder", kind), asked.in_folder(right[kind])


def pair_cases(asked: Asked, *, in_folder: bool) -> Iterator[tuple[Keyed, Case]]:
    """One case for each language with answers; all documents compete, or those in that language."""
    for language, right in asked.wanted.answers.items():
        key = (asked.wanted.question.language, language)
        yield key, asked.in_folder(right) if in_folder else asked.in_language(language, right)


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
