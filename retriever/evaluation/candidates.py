"""Vectors and words -> scores of documents, by the code that search ranks with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows
from retriever.fusion import MOST, bonus, mask_of, own_words
from retriever.question_words import question_terms
from retriever.sample import sample_rows
from retriever.words import WordLeg

Scores = npt.NDArray[np.float32]
"""Shape (questions, documents)."""

# Products of questions and rows that are in memory at once: 200 MB.
BLOCK_PRODUCTS = 50_000_000


@dataclass(frozen=True, slots=True)
class Questions:
    """Encoded questions.

    Attributes:
        vectors: Shape (questions, dim).
        languages: What balance takes for each one's language; the leg of words takes it, too.
        texts: Their words; empty where meaning alone ranks.
    """

    vectors: Vectors
    languages: tuple[str, ...]
    texts: tuple[str, ...] = ()


class Candidates:
    """All documents that can be found, each by the best of its passages."""

    def __init__(
        self,
        rows: BalancedRows,
        document_of: npt.NDArray[Any],
        documents: int,
        words: WordLeg | None = None,
    ) -> None:
        """Put the rows into the order of their documents.

        Args:
            rows: What is ranked.
            document_of: Shape (rows,); the document of each row, 0 to `documents` - 1.
            documents: How many there are.
            words: Those of the same rows; None ranks by meaning alone.
        """
        self._rows = rows
        self._documents = documents
        live = np.flatnonzero(rows.source.live)
        self._order = live[np.argsort(document_of[live], kind="stable")]
        in_order = document_of[self._order]
        self._starts = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]])
        self._found = in_order[self._starts]
        self._words = words
        # Of each question that was asked: the rows that its words count in, and how much. Every
        # balance mode adds the same, and they are few.
        self._counted: dict[tuple[str, str], tuple[npt.NDArray[np.int64], Vectors] | None] = {}
        self._sample = mask_of(sample_rows(rows.source.live), len(document_of))[self._order]

    def scores(self, questions: Questions, mode: BalanceMode) -> Iterator[tuple[slice, Scores]]:
        """Score every document for every question, some questions at a time.

        A document without passages has the score -inf.
        """
        passages = np.concatenate([*self._rows.passages(mode)])[self._order]
        passages = np.ascontiguousarray(passages, np.float32)
        step = max(1, BLOCK_PRODUCTS // max(1, len(passages)))
        for first in range(0, len(questions.languages), step):
            block = slice(first, first + step)
            by_row = self._rows.questions(questions.vectors[block], mode) @ passages.T
            # What a word counts follows from the scores before one of them is lifted.
            tops = [bonus(row[self._sample]) for row in by_row]
            self._place_own(by_row, questions, block, mode, tops)
            # A document has the score of its best passage: that is where search ranks it.
            scores = np.full((len(by_row), self._documents), -np.inf, np.float32)
            scores[:, self._found] = np.maximum.reduceat(by_row, self._starts, axis=1)
            yield block, scores

    def _sums(
        self, words: WordLeg, text: str, language: str
    ) -> tuple[npt.NDArray[np.int64], Vectors] | None:
        """Where the words of a question count, and how much, as in retriever/fusion.py.

        None where it holds no word that counts.
        """
        key = text, language
        if key not in self._counted:
            wanted = words.weigh(question_terms(text), language)
            sums = words.sums(wanted, len(self._rows.source.live))[self._order]
            places = np.flatnonzero(sums)
            counts = np.minimum(MOST, sums[places]).astype(np.float32)
            self._counted[key] = (places, counts) if wanted else None
        return self._counted[key]

    def _place_own(
        self,
        by_row: Scores,
        questions: Questions,
        block: slice,
        mode: BalanceMode,
        tops: Sequence[float],
    ) -> None:
        """Add words and place the rows in each question's own language, as search does.

        The best is raised where that makes it the first; the others count a part of their score
        (retriever/dense_leg.py, retriever/fusion.py).
        """
        placed = self._rows.effective(mode) != "off"
        part, part_behind = (
            np.float32(self._rows.own_part(mode, behind_own=behind)) for behind in (False, True)
        )
        own_of = {
            language: self._rows.rows_in(language)[self._order]
            for language in dict.fromkeys(questions.languages[block])
        }
        everywhere = np.ones(len(self._order), np.bool_)
        factor_of = {name: np.float32(own_words(own, everywhere)) for name, own in own_of.items()}
        columns_of = {name: np.flatnonzero(own) for name, own in own_of.items()}
        for at, row in enumerate(by_row):
            language, counted = questions.languages[block][at], None
            if self._words is not None:
                counted = self._sums(self._words, questions.texts[block][at], language)
            columns = columns_of[language]
            dense = row[columns]
            if counted is not None:
                places, counts = counted
                if placed:
                    own = own_of[language][places]
                    counts = np.where(own, counts * factor_of[language], counts)
                row[places] += tops[at] * counts
            if placed and len(columns):
                best = columns[row[columns].argmax()]
                lift = self._rows.bonus(mode, beside_words=counted is not None)
                raised = row[best] + np.float32(lift)
                is_first = raised >= row.max()
                row[columns] += np.maximum(dense, 0) * ((part_behind if is_first else part) - 1)
                if is_first:
                    row[best] = raised
