"""Vectors and words -> scores of documents, by the code that search ranks with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.spec import Vectors
from indexer.card import Mask
from indexer.lexical_terms import Wanted
from retriever.balance import BalanceMode
from retriever.balanced_rows import BalancedRows
from retriever.fusion import MOST, bonus, mask_of
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
            worded = np.zeros(len(by_row), np.bool_)
            if self._words is not None:
                tops = [bonus(row[self._sample]) for row in by_row]
                asked = zip(questions.texts[block], questions.languages[block], tops, strict=True)
                for at, (text, language, top) in enumerate(asked):
                    wanted = self._words.weigh(question_terms(text), language)
                    worded[at] = bool(wanted)
                    if wanted:
                        by_row[at] += top * self._sums(self._words, wanted)
            self._lift(by_row, questions.languages[block], mode, worded)
            # A document has the score of its best passage: that is where search ranks it.
            scores = np.full((len(by_row), self._documents), -np.inf, np.float32)
            scores[:, self._found] = np.maximum.reduceat(by_row, self._starts, axis=1)
            yield block, scores

    def _sums(self, words: WordLeg, wanted: Wanted) -> Vectors:
        """What the words of a question count in each row, as in retriever/fusion.py."""
        sums = words.sums(wanted, len(self._rows.source.live))[self._order]
        capped: Vectors = np.minimum(MOST, sums)
        return capped

    def _lift(
        self, by_row: Scores, languages: Sequence[str], mode: BalanceMode, worded: Mask
    ) -> None:
        """Raise the best row in each question's own language where that makes it the first.

        Args:
            by_row: Shape (questions, rows).
            languages: Of the questions.
            mode: Of balance.
            worded: Shape (questions,); whether words were added.
        """
        plain, beside = (self._rows.bonus(mode, beside_words=words) for words in (False, True))
        if not plain:
            return
        lifts = np.where(worded, beside, plain).astype(np.float32)
        asked_in, first = np.array(languages), by_row.max(axis=1)
        for language in dict.fromkeys(languages):
            columns = np.flatnonzero(self._rows.rows_in(language)[self._order])
            if len(columns):
                questions = np.flatnonzero(asked_in == language)
                best = columns[by_row[np.ix_(questions, columns)].argmax(axis=1)]
                enough = by_row[questions, best] + lifts[questions] > first[questions]
                by_row[questions[enough], best[enough]] += lifts[questions[enough]]
