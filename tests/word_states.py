"""The concept encoder with token states: a word is a token, and its state lies on its concept."""

from collections.abc import Sequence

import numpy as np

from encoder.spec import TextStates
from indexer.boundaries import word_spans
from tests.concept_encoder import ConceptEncoder


class WordEncoder(ConceptEncoder):
    """Implements `encoder.spec.TokenStates`; of a passage it reads the first `room` words."""

    room = 500

    def passage_states(self, texts: Sequence[str], /) -> tuple[TextStates, ...]:
        return tuple(self._states(text) for text in texts)

    def query_states(self, query: str, /, instruction: str | None = None) -> TextStates:
        return self._states(query)

    def _states(self, text: str) -> TextStates:
        spans = [(a, b) for a, b in word_spans(text) if not text[a:b].isspace()][: self.room]
        states = self._encode([text[a:b] for a, b in spans]).reshape(-1, self.spec.dim)
        return TextStates(states, np.array(spans, np.int64).reshape(-1, 2))
