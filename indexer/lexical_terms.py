"""What is indexed of a passage's words, what a question looks for, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from encoder.spec import Vectors
from indexer.card import Rows

Field = Literal["words", "forms", "grams", "above", "language"]


@dataclass(frozen=True, slots=True)
class LexicalText:
    """What is indexed of a passage."""

    row: int
    text: str
    above: str
    language: str


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way in which a term may stand in a passage: tokens that follow one another in a field.

    Attributes:
        weight: In (0, 1]; of the spellings in a passage's text the best counts, and of those above
            it the best is added.
    """

    field: Field
    tokens: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Term:
    """A word, code or phrase of a question, in all its spellings; the same for all indexes."""

    text: str
    spellings: tuple[Spelling, ...]


Weighted = Sequence[tuple[Term, float]]
"""Terms, and what each counts where it is found."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question looks for: a passage has the sum of what the terms in it count.

    Attributes:
        terms: What each counts in a passage, its text and what stands above it.
        above: What each counts beside that where it stands above the passage, in its title or
            headings; only the most of these is added.
    """

    terms: Weighted
    above: Weighted = ()

    def __bool__(self) -> bool:
        """Whether anything counts."""
        return bool(self.terms or self.above)


@dataclass(frozen=True, slots=True)
class Found:
    """Passages that were found, best first.

    Attributes:
        is_all: There are no others.
    """

    rows: Rows
    scores: Vectors
    is_all: bool

    @property
    def best(self) -> tuple[Rows, Vectors]:
        """Rows and scores."""
        return self.rows, self.scores
