"""Collection -> vectors: passages and questions encoded once, from the cache where possible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from encoder.spec import Encoder, Vectors
from indexer.chunk import CUT_SLACK_TOKENS, Chunking, chunk_document
from indexer.document import Document
from indexer.language import detect_language
from indexer.lexical_terms import LexicalText
from retriever.evaluation.collection import JudgedText, primary
from retriever.evaluation.options import LanguageKind, PassageKind
from retriever.evaluation.vector_cache import Kind, VectorCache, text_key

Watch = Callable[[int, int], None]
"""Called with the characters that are done and those that there are."""

# Texts between two steps of the progress; also what an interruption costs at most.
SLICE_TEXTS = 64


@dataclass(frozen=True, slots=True)
class Cutting:
    """How documents become passages.

    Attributes:
        kind: "whole" makes one passage of each document, cut where the encoder ends reading;
            "chunked" makes those that a build would make.
        chunking: Of "chunked".
        languages: What balance takes for a text's language: "detected" as in an index, or
            "declared" by the collection, for experiments.
    """

    kind: PassageKind = "whole"
    chunking: Chunking = field(default_factory=Chunking)
    languages: LanguageKind = "detected"


@dataclass(frozen=True, slots=True)
class Passages:
    """The passages of a collection, in the order of its documents.

    Attributes:
        texts: As the encoder reads them.
        above: Title and headings that each one stands under.
        languages: What balance takes for each one's language.
        document_of: Shape (passages,), never decreasing: position of the passage's document.
        cut: Documents of which the encoder does not read the end.
    """

    texts: tuple[str, ...]
    above: tuple[str, ...]
    languages: tuple[str, ...]
    document_of: npt.NDArray[np.int64]
    cut: int

    def lexical_texts(self) -> tuple[LexicalText, ...]:
        """What is indexed of the passages' words, as in an index."""
        parts = zip(self.texts, self.above, self.languages, strict=True)
        return tuple(LexicalText(row, *part) for row, part in enumerate(parts))


def make_passages(documents: Sequence[JudgedText], encoder: Encoder, cutting: Cutting) -> Passages:
    """Cut documents into what is encoded; every document has at least one passage."""
    texts: list[str] = []
    above: list[str] = []
    languages: list[str] = []
    document_of: list[int] = []
    cut = 0
    for place, document in enumerate(documents):
        if cutting.kind == "whole":
            text = _readable(document.text, encoder)
            cut += len(text) < len(document.text)
            parts = [(text, "", detect_language(document.text))]
        else:
            whole = Document(document.id, "txt", "", document.text)
            chunks = chunk_document(whole, encoder, cutting.chunking)
            parts = [(chunk.text, chunk.heading, chunk.language) for chunk in chunks]
        for text, heading, detected in parts or [("", "", "und")]:
            texts.append(text)
            above.append(f"{document.title}\n{heading}")
            languages.append(
                detected if cutting.languages == "detected" else primary(document.language)
            )
            document_of.append(place)
    return Passages(
        tuple(texts), tuple(above), tuple(languages), np.array(document_of, np.int64), cut
    )


def question_languages(questions: Sequence[JudgedText], kind: LanguageKind) -> tuple[str, ...]:
    """What balance takes for each question's language."""
    if kind == "declared":
        return tuple(primary(question.language) for question in questions)
    return tuple(detect_language(question.text) for question in questions)


def encode_texts(
    texts: Sequence[str], kind: Kind, encoder: Encoder, cache: VectorCache, watch: Watch
) -> Vectors:
    """Encode texts that are not in the cache, and keep them there: shape (texts, dim)."""
    keys = [text_key(kind, text) for text in texts]
    vector_of: dict[bytes, npt.NDArray[Any]] = dict(cache.get(keys))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vector_of}
    # Slices of similar length waste no time on padding.
    by_length = sorted(missing.items(), key=lambda item: (len(item[1]), item[0]))
    encode = encoder.encode_passages if kind == "passage" else encoder.encode_queries
    dtype = encoder.spec.row_dtype if kind == "passage" else "float32"
    done, total = 0, sum(map(len, missing.values()))
    for start in range(0, len(by_length), SLICE_TEXTS):
        watch(done, total)
        batch = by_length[start : start + SLICE_TEXTS]
        done += sum(len(text) for _, text in batch)
        # Passages as an index stores them.
        rows = encode([text for _, text in batch]).astype(dtype)
        names = [key for key, _ in batch]
        cache.add(names, rows)
        vector_of.update(zip(names, rows, strict=True))
    watch(total, total)
    shape = (len(texts), encoder.spec.dim)
    return np.array([vector_of[key] for key in keys], np.float32).reshape(shape)


def _readable(text: str, encoder: Encoder) -> str:
    """What the encoder reads of a text."""
    if len(text) <= encoder.passage_room // 4:  # a character has four tokens at most: its bytes
        return text
    # No encoder of ours has tokens of 32 characters on average.
    text = text[: 32 * encoder.passage_room]
    # A word that is cut may have more tokens than before.
    limit = encoder.passage_room - CUT_SLACK_TOKENS
    ends = encoder.token_ends(text)
    return text if len(ends) <= limit else text[: int(ends[limit - 1])]
