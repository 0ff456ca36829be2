"""A part of a collection: some languages, some groups, some questions."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from retriever.errors import EvaluationError
from retriever.evaluation.collection import Collection, JudgedText, primary


@dataclass(frozen=True, slots=True)
class Selection:
    """What to keep; the empty selection keeps everything.

    Attributes:
        languages: Labels of the collection, or primary subtags; "en" stands for
            "en-GB" and "en-US" where no text is labelled "en".
        groups: Most groups, drawn at random; 0 keeps all.
        questions: Most questions, drawn at random; 0 keeps all. All documents stay.
        seed: Decides both draws.
    """

    languages: tuple[str, ...] = ()
    groups: int = 0
    questions: int = 0
    seed: int = 0


def select(collection: Collection, selection: Selection) -> Collection:
    """Keep a part; questions that lose all relevant documents leave too.

    Raises:
        EvaluationError: A language is not there, there are no groups to draw from, or no question
            is left.
    """
    if not (selection.languages or selection.groups or selection.questions):
        return collection
    documents, questions = collection.documents, collection.questions
    if selection.languages:
        check_languages(selection.languages, collection.languages)
        documents = _kept(documents, "language", _meant(selection.languages, documents))
        questions = _kept(questions, "language", _meant(selection.languages, questions))
    if selection.groups:
        drawn = _draw_groups(questions, selection)
        documents = _kept(documents, "group", drawn)
        questions = _kept(questions, "group", drawn)
    here = {text.id for text in documents}
    qrels = {
        text.id: {name: grade for name, grade in collection.qrels[text.id].items() if name in here}
        for text in questions
    }
    asked = [text for text in questions if any(grade > 0 for grade in qrels[text.id].values())]
    if not asked:
        raise EvaluationError(
            "No question of this selection has a relevant document in it.",
            "Select more languages or groups.",
        )
    if selection.questions and selection.questions < len(asked):
        drawn = set(
            random.Random(selection.seed).sample([t.id for t in asked], selection.questions)
        )
        asked = [text for text in asked if text.id in drawn]
    return replace(
        collection,
        documents=tuple(documents),
        questions=tuple(asked),
        qrels={text.id: qrels[text.id] for text in asked},
    )


def check_languages(asked: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a language that nothing is in.

    Raises:
        EvaluationError: It is neither a label nor the primary subtag of one.
    """
    for language in asked:
        if language not in known and language not in map(primary, known):
            raise EvaluationError(
                f"There is nothing in the language {language}.", f"There is: {', '.join(known)}"
            )


def _meant(asked: Sequence[str], texts: Sequence[JudgedText]) -> set[str]:
    """The labels that are meant: exact ones, else all with that primary subtag."""
    known = {text.language for text in texts}
    return {
        name
        for language in asked
        for name in known
        if name == language or (language not in known and primary(name) == language)
    }


def _kept(texts: Sequence[JudgedText], name: str, wanted: set[str]) -> tuple[JudgedText, ...]:
    return tuple(text for text in texts if getattr(text, name) in wanted)


def _draw_groups(questions: Sequence[JudgedText], selection: Selection) -> set[str]:
    groups = sorted({text.group for text in questions if text.group})
    if not groups:
        raise EvaluationError(
            "The questions have no field group to draw from.",
            "Draw questions instead: --sample 200",
        )
    return set(random.Random(selection.seed).sample(groups, min(selection.groups, len(groups))))
