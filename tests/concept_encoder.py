"""An encoder that a person can compute in the head: one axis for each concept.

A text's vector has a 1 for each concept whose word, in any of several languages, occurs in it, and
is then scaled to unit length. So "Where is the cat?" and "Die Katze schläft." have the cosine 1.0,
and a sentence about a cat and water has 0.7071 with either. A text without any concept lies on an
axis of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from encoder.cut import tell_of_cut_queries
from encoder.errors import UsageError
from encoder.registry import E5_SMALL
from encoder.spec import EncoderSpec, TokenEnds, Vectors

CONCEPTS = (
    ("cat", "katze", "gato", "猫", "קט", "قط", "кошк", "แมว"),
    ("water", "wasser", "agua", "水", "מים", "ماء", "вод", "น้ำ"),
    ("warranty", "garantie", "garantía", "保証", "אחריות", "ضمان", "гаранти"),
    ("train", "zug", "tren", "電車", "רכבת", "قطار", "поезд"),
    ("bread", "brot", "pan ", "パン", "לחם", "خبز", "хлеб"),
)
SPEC = replace(
    E5_SMALL,
    name="concepts",
    hf_id="",
    dim=len(CONCEPTS) + 1,
    query_template="{query}",
    passage_template="{passage}",
    max_tokens=512,
)


class ConceptEncoder:
    """Implements `encoder.spec.Encoder`; its tokens are characters that are no white space."""

    def __init__(self, spec: EncoderSpec = SPEC) -> None:
        self.spec = spec
        self.words_stand_alone = True
        self.encoded: list[str] = []

    @property
    def passage_room(self) -> int:
        return self.spec.max_tokens - 4  # as e5-small, whose template takes four

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        self.encoded += texts
        return self._encode(texts)

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        if instruction is not None:
            raise UsageError(
                "concepts takes no instruction.",
                "Leave --instruction out, or use an encoder that takes one: nemotron-8b.",
            )
        tell_of_cut_queries([self.query_tokens_cut(text) for text in texts], self.spec.max_tokens)
        return self._encode(texts)

    def token_ends(self, text: str, /) -> TokenEnds:
        return np.array([i + 1 for i, ch in enumerate(text) if not ch.isspace()], np.int64)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        return max(0, len(self.token_ends(query)) - self.spec.max_tokens)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.spec.dim), np.float32)
        for i, text in enumerate(texts):
            for axis, words in enumerate(CONCEPTS):
                rows[i, axis] = any(word in text.lower() for word in words)
            if not rows[i].any():
                rows[i, -1] = 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows
