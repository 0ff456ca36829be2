"""Parallel collections with their vectors, from the cache of `eval` where they are there."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from encoder.spec import Encoder, Vectors
from retriever.evaluation.beir import read_collection
from retriever.evaluation.candidates import Questions
from retriever.evaluation.collection import JudgedText, primary
from retriever.evaluation.encoding import Cutting, encode_texts, make_passages, question_languages
from retriever.evaluation.mixed import Encoded
from retriever.evaluation.select import Selection, select
from retriever.evaluation.vector_cache import VectorCache

Texts = tuple[Vectors, list[str], list[str]]
"""Vectors, and the language and group of each."""

# The names that sets give to what the index's detector calls otherwise.
RENAMED = {"nb": "no"}


@dataclass(frozen=True, slots=True)
class ParallelSet:
    """A collection and its vectors; each document is one passage."""

    encoded: Encoded

    @property
    def name(self) -> str:
        return self.encoded.collection.name

    def passages(self) -> Texts:
        return self._texts(self.encoded.rows, self.encoded.collection.documents)

    def queries(self) -> Texts:
        return self._texts(self.encoded.questions.vectors, self.encoded.collection.questions)

    def _texts(self, vectors: Vectors, texts: tuple[JudgedText, ...]) -> Texts:
        groups = [f"{self.name} {text.group}" for text in texts]
        return vectors, [language_code(text.language) for text in texts], groups


def language_code(label: str) -> str:
    """The code of a label's language as the index's detector gives it."""
    return RENAMED.get(primary(label), primary(label))


def load_set(folder: Path, encoder: Encoder, selection: Selection) -> ParallelSet:
    """Read a collection, judge by groups, and encode what the cache does not hold."""
    collection = select(read_collection(folder, "group"), selection)
    cutting, cache = Cutting(), VectorCache.open(encoder)
    passages = make_passages(collection.documents, encoder, cutting)
    rows = encode_texts(passages.texts, "passage", encoder, cache, lambda done, total: None)
    asked = [question.text for question in collection.questions]
    vectors = encode_texts(asked, "query", encoder, cache, lambda done, total: None)
    questions = Questions(vectors, question_languages(collection.questions, cutting.languages))
    return ParallelSet(
        Encoded(collection, encoder.spec, rows, passages.languages, passages.document_of, questions)
    )


def joined(parts: list[Texts]) -> Texts:
    """All texts of several sets."""
    vectors, languages, groups = zip(*parts, strict=True)
    return np.concatenate(vectors), [*chain(*languages)], [*chain(*groups)]
