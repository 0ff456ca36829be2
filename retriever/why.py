"""Why a hit was found: the sentences and words of the passage that carried its score.

The passage is read once, as it was for its vector, and every token of the question looks for the
token of a sentence that is nearest to it (late interaction: Khattab and Zaharia 2020); a sentence's
score is the mean of these cosines. What all tokens of a language share is taken away first, as
balance does with whole passages, else the nearest token says nothing across languages. So a
sentence is judged with its context, which sentences that are encoded one by one have lost.

Encoders that show no token states (on a server), or pool them otherwise than by their mean, get
the sentences encoded one by one instead, and no words. docs/decisions/023.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from encoder.language_offsets import language_offsets
from encoder.spec import Encoder, TextStates, TokenStates, Vectors
from indexer.boundaries import word_spans
from indexer.language import detect_language
from retriever.hit import Hit
from retriever.one_thread import one_thread
from retriever.sentences import sentence_spans

# Words that carry less than this part of what the first one does are not named.
LEAST_OF_FIRST_WORD = 0.5
# A sentence that the encoder did not read.
UNREAD = -1.0


@dataclass(frozen=True, slots=True)
class Part:
    """The half-open span [start, end) of a passage's text, in code points, and what it carried."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Why:
    """What carried the score of a hit.

    Attributes:
        by: "tokens" where the passage was read as a whole, "sentences" where each was read alone.
        sentences: In reading order, as `sentence_spans` finds them; scores are cosines, in
            [-1, 1].
        words: In reading order; how much of the question found its nearest token in the word, in
            (0, 1]. None where `by` is "sentences".
    """

    by: Literal["tokens", "sentences"]
    sentences: tuple[Part, ...]
    words: tuple[Part, ...]

    @property
    def best(self) -> Part:
        """The sentence that carried most; the first of equals."""
        return max(self.sentences, key=lambda sentence: sentence.score)


@dataclass(frozen=True, slots=True)
class Leans:
    """What all tokens of a question's and of a passage's language share.

    Attributes:
        question, passage: Shape (dim,); None takes the texts' own means.
        whitening: Shape (dim, dim), where one was fitted for the encoder.
    """

    question: Vectors | None = None
    passage: Vectors | None = None
    whitening: Vectors | None = None

    @classmethod
    def of(cls, encoder: str, question_language: str, passage_language: str) -> Self:
        """Take what was fitted for an encoder, if anything was."""
        offsets = language_offsets(encoder)
        if offsets is None:
            return cls()
        return cls(
            offsets.query_mean + offsets.query_offset(question_language),
            offsets.passage_mean + offsets.passage_offset(passage_language),
            offsets.whitening,
        )

    def cosines(self, asked: Vectors, held: Vectors) -> Vectors:
        """Cosines of unit states without what they share: shape (question's, passage's tokens)."""
        if self.question is None or self.passage is None or self.whitening is None:
            # Half of either text's mean: a question of one token is not to vanish.
            centre = held.mean(axis=0)
            return _product(asked - (asked.mean(axis=0) + centre) / 2, held - centre)
        return _product(
            (asked - self.question) @ self.whitening, (held - self.passage) @ self.whitening
        )


Places = npt.NDArray[np.int64]
"""For each token the position of the sentence or word it ends in, -1 for none: shape (tokens,)."""


def explain_hits(
    query: str, hits: Sequence[Hit], encoder: Encoder, instruction: str | None = None
) -> tuple[Why, ...]:
    """Say of each hit which sentences and words carried its score.

    The passages of all hits are read in one go, so this costs what encoding them costs.

    Args:
        query: The question.
        hits: Its hits, in the order in which they are explained.
        encoder: That of the index.
        instruction: As it was searched with.
    """
    if not hits:
        return ()
    texts = [hit.passage.text for hit in hits]
    if not isinstance(encoder, TokenStates) or not _states_make_the_vector(encoder):
        return _by_sentences(query, texts, encoder, instruction)
    # On a processor both take one thread each where they are short.
    with ThreadPoolExecutor(1, thread_name_prefix="why") as other:
        asked = other.submit(encoder.query_states, query, instruction)
        passages = encoder.passage_states(texts)
        question = asked.result()
    if not all(len(found.states) for found in (question, *passages)):  # a text without any token
        return _by_sentences(query, texts, encoder, instruction)
    asked_in = detect_language(query)
    return tuple(
        explain_by_tokens(
            hit.passage.text,
            question,
            passage,
            Leans.of(encoder.spec.name, asked_in, hit.passage.language),
        )
        for hit, passage in zip(hits, passages, strict=True)
    )


def _states_make_the_vector(encoder: Encoder) -> bool:
    spec = encoder.spec
    return spec.pooling == "mean" and not spec.dense_head and spec.model_dim == spec.dim


def _by_sentences(
    query: str, texts: Sequence[str], encoder: Encoder, instruction: str | None
) -> tuple[Why, ...]:
    spans = [sentence_spans(text) for text in texts]
    sentences = [
        text[start:end] for text, held in zip(texts, spans, strict=True) for start, end in held
    ]
    scores = encoder.encode_passages(sentences) @ encoder.encode_queries([query], instruction)[0]
    left = iter(scores.tolist())
    return tuple(
        Why("sentences", tuple(Part(start, end, next(left)) for start, end in held), ())
        for held in spans
    )


def explain_by_tokens(text: str, question: TextStates, passage: TextStates, leans: Leans) -> Why:
    """Explain one passage by the states of its tokens and of the question's, one at least each."""
    with one_thread():
        cosines = leans.cosines(_unit(question.states), _unit(passage.states))
    sentences = sentence_spans(text)
    sentence_of = _places(passage.spans, sentences)
    scores = [
        float(cosines[:, sentence_of == i].max(axis=1).mean())
        if (sentence_of == i).any()
        else UNREAD
        for i in range(len(sentences))
    ]
    parts = (Part(*span, score) for span, score in zip(sentences, scores, strict=True))
    return Why("tokens", tuple(parts), _words(text, passage.spans, cosines))


def _words(text: str, spans: npt.NDArray[np.int64], cosines: Vectors) -> tuple[Part, ...]:
    """The words that hold the nearest token of much of the question."""
    words = [(a, b) for a, b in word_spans(text) if any(map(str.isalnum, text[a:b]))]
    word_of = _places(spans, words)
    if not (word_of >= 0).any():
        return ()
    cosines = np.where(word_of >= 0, cosines, -1)  # punctuation is no word
    nearest = cosines.argmax(axis=1)
    carried = np.zeros(len(words))
    np.add.at(carried, word_of[nearest], np.maximum(cosines.max(axis=1), 0))
    carried /= len(cosines)
    least = max(LEAST_OF_FIRST_WORD * float(carried.max()), 1e-6)
    return tuple(
        Part(*words[i], float(carried[i])) for i in np.flatnonzero(carried >= least).tolist()
    )


def _places(spans: npt.NDArray[np.int64], parts: Sequence[tuple[int, int]]) -> Places:
    """The part that each token's last character lies in; parts are in order and do not overlap."""
    starts, ends = np.array(parts, np.int64).reshape(-1, 2).T
    last = spans[:, 1] - 1
    place = np.searchsorted(starts, last, side="right") - 1
    inside = place >= 0
    inside[inside] = last[inside] < ends[place[inside]]
    return np.where(inside, place, -1)


def _product(asked: npt.NDArray[Any], held: npt.NDArray[Any]) -> Vectors:
    cosines: Vectors = _unit(asked) @ _unit(held).T
    return cosines


def _unit(rows: npt.NDArray[Any]) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit
