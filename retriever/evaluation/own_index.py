"""A person's own index, with a file of questions or without -> collection and candidates.

What is judged is what search does: the rows of the index, ranked by the same code. The documents
are the sources; a question is answered by the sources that its lines name.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from indexer.boundaries import sentence_ends
from indexer.language import detect_language
from indexer.store import Index, Snapshot, StoredPassage
from retriever.balanced_rows import BalancedRows
from retriever.errors import EvaluationError
from retriever.evaluation.beir import field, json_objects
from retriever.evaluation.candidates import Candidates
from retriever.evaluation.collection import Collection, JudgedText
from retriever.state import row_source
from retriever.words import WordLeg

# A known item is a heading or a sentence of at least so many characters, and of at most so many.
LEAST_CHARS, MOST_CHARS = 6, 300


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and a source that answers it; group is the same in several languages."""

    question: str
    language: str
    source: str
    group: str = ""


def read_questions(path: Path, known: Sequence[str]) -> tuple[Asked, ...]:
    """Read a JSONL file of objects with question, source and, if you like, language and group.

    Raises:
        EvaluationError: The file is missing or blank, a line makes no sense, or a source is not
            in the index.
    """
    if not path.is_file():
        raise EvaluationError(
            f"There is no file {path}.",
            "Write one, each line like this: "
            '{"question": "How long is the warranty?", "source": "manual.ja.pdf"}',
        )
    held, asked = set(known), []
    for number, value in json_objects(path):
        place = f"{path.name}, line {number}"
        question, source = field(value, "question", place), field(value, "source", place)
        if source not in held:
            raise EvaluationError(
                f"{place} names the source {source}, which the index does not hold.",
                "The sources are listed by: python -m indexer ls",
            )
        language = field(value, "language", place, "") or detect_language(question)
        asked.append(Asked(question, language, source, field(value, "group", place, "")))
    if not asked:
        raise EvaluationError(f"{path} holds no question.", "Write one JSON object on each line.")
    return tuple(asked)


def synthesize(index: Index, snapshot: Snapshot, wanted: int, seed: int) -> tuple[Asked, ...]:
    """Make questions of passages drawn at random: their heading, or a sentence of them.

    Every source that holds the same words answers it. Such questions are easy: they are in the
    language, and in the words, of their answer.

    Raises:
        EvaluationError: No passage has a heading or sentence to ask for.
    """
    rng = random.Random(seed)
    asked: list[Asked] = []
    rows = np.flatnonzero(snapshot.live).tolist()
    rng.shuffle(rows)
    with index.reading() as database:
        while rows and len({item.question for item in asked}) < wanted:
            (passage,) = index.passages(database, [rows.pop()])
            text = _known_item(passage, rng)
            if text:
                sources = index.sources_holding(database, text)
                asked += [Asked(text, passage.language, source) for source in sources]
    if not asked:
        raise EvaluationError(
            "No passage of the index has a heading or a sentence to ask for.",
            "Write questions of your own: --questions questions.jsonl",
        )
    return tuple(asked)


def _known_item(passage: StoredPassage, rng: random.Random) -> str:
    """A heading or sentence that stands in the document as it is; empty if there is none."""
    if LEAST_CHARS <= len(passage.heading) <= MOST_CHARS:
        return passage.heading
    ends = [0, *sentence_ends(passage.text).tolist()]
    sentences = [passage.text[a:b].strip() for a, b in pairwise(ends)]
    fit = [text for text in sentences if LEAST_CHARS <= len(text) <= MOST_CHARS]
    return rng.choice(fit) if fit else ""


def make_collection(name: str, index: Index, asked: Sequence[Asked]) -> Collection:
    """Bring questions and documents together; lines that ask the same are one question."""
    with index.reading() as database:
        documents = tuple(
            JudgedText(document.source, "", document.language)
            for document in index.documents(database)
        )
    questions: dict[tuple[str, str], JudgedText] = {}
    qrels: dict[str, dict[str, int]] = {}
    for item in asked:
        key = (item.question, item.language)
        text = JudgedText(f"q{len(questions):05}", *key, item.group)
        question = questions.setdefault(key, text)
        qrels.setdefault(question.id, {})[item.source] = 1
    return Collection(name, documents, tuple(questions.values()), qrels)


def make_candidates(
    index: Index, snapshot: Snapshot, collection: Collection, words: WordLeg | None = None
) -> Candidates:
    """The rows of the index, ranked as search ranks them."""
    place = {document.id: i for i, document in enumerate(collection.documents)}
    places = np.array([place[source] for source in snapshot.sources], np.int64)
    rows = BalancedRows(row_source(index, snapshot))
    return Candidates(rows, places[snapshot.document_of], len(collection.documents), words)
