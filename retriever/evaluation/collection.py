"""What is judged: documents, questions, and which document answers which question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from retriever.errors import EvaluationError

Qrels = Mapping[str, Mapping[str, int]]
"""Question id -> document id -> grade; above 0 is relevant."""


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A document or a question.

    Attributes:
        language: As the collection writes it, or as detected where it says nothing.
        group: The same for texts that say the same in several languages; may be empty.
        title: Of a document; its text begins with it. May be empty.
    """

    id: str
    text: str
    language: str
    group: str = ""
    title: str = ""


@dataclass(frozen=True)
class Collection:
    """Documents and questions; every question has a relevant document, every id is unique.

    Attributes:
        notes: What a reader of the figures should know.
    """

    name: str
    documents: tuple[JudgedText, ...]
    questions: tuple[JudgedText, ...]
    qrels: Qrels
    notes: tuple[str, ...] = ()

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Of documents and questions, sorted."""
        return tuple(sorted({text.language for text in (*self.documents, *self.questions)}))

    @cached_property
    def is_parallel(self) -> bool:
        """Whether some documents say the same in several languages."""
        seen: dict[str, str] = {}
        return any(
            seen.setdefault(text.group, text.language) != text.language
            for text in self.documents
            if text.group
        )


def primary(language: str) -> str:
    """The primary subtag: texts in "zh" and "zh-Hans", or "en" and "en-GB", share a language."""
    return language.split("-")[0].lower()


def relevant_by_group(documents: Sequence[JudgedText], questions: Sequence[JudgedText]) -> Qrels:
    """Judge a document relevant exactly when it has the question's group.

    Raises:
        EvaluationError: A question or every document has no group.
    """
    for text in questions:
        if not text.group:
            raise EvaluationError(
                f"The question {text.id} has no field group.",
                "Give every question and document a group, or judge by qrels: --relevance qrels",
            )
    members: dict[str, dict[str, int]] = {}
    for text in documents:
        if text.group:
            members.setdefault(text.group, {})[text.id] = 1
    return {text.id: members[text.group] for text in questions if text.group in members}
