"""How much many texts at once resemble each language, by py3langid's model.

py3langid walks its automaton over one text, byte by byte in Python. Here texts are laid out in
pieces, and all pieces take the same step at a time, in numpy.
"""

from collections.abc import Container, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from py3langid.langid import LanguageIdentifier

Shares = npt.NDArray[np.float32]
# Enough for a state of the automaton, and for a text of a batch beside a feature.
Numbers = npt.NDArray[np.int32]

# Texts that are judged together: bounds the memory.
TEXTS = 512
# Bytes of a piece that count, and bytes before them that bring the automaton into its state: no
# feature of the model is longer (6 in py3langid 0.4.0).
PIECE, LEAD = 64, 8


class LanguageShares:
    """The model's tables as arrays."""

    def __init__(self, identifier: LanguageIdentifier, not_asked: Container[str]) -> None:
        self._identifier = identifier
        self._moves = np.frombuffer(identifier.tk_nextmove, np.uint32).view(np.int32)
        self._rows = (np.array(identifier.tk_row, np.int64) << 8).astype(np.int32)
        self._features = np.array(identifier.tk_output, np.int32)
        # The table of features and classes is stored as float16; a row is turned when it is met.
        self._weights = np.empty(identifier.nb_ptc.shape, np.float32)
        self._turned = np.zeros(len(self._weights), bool)
        classes: list[str] = identifier.nb_classes
        self._labels = [label for label in dict.fromkeys(classes) if label not in not_asked]
        # Two classes may have one label: Serbian in either script.
        columns = [
            [at for at, other in enumerate(classes) if other == label] for label in self._labels
        ]
        self._columns = np.concatenate(columns)
        self._firsts = np.cumsum([0, *map(len, columns[:-1])])

    def best(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The best label of each text, with its posterior among the labels that are asked."""
        found: list[tuple[str, float]] = []
        for start in range(0, len(texts), TEXTS):
            shares = self._of(texts[start : start + TEXTS])
            best, total = shares.argmax(axis=1), shares.sum(axis=1)
            part = shares.max(axis=1) / np.where(total > 0, total, 1)
            found += zip([self._labels[at] for at in best], part.tolist(), strict=True)
        return found

    def counts(self, encoded: Sequence[bytes]) -> tuple[Numbers, Numbers, npt.NDArray[np.int64]]:
        """How often each text has each feature: texts, features and counts, sorted."""
        texts, states = self._walk(encoded)
        features = self._features.take(states)
        some = np.flatnonzero(features >= 0)
        pairs = texts.take(some) * np.int32(len(self._features)) + features.take(some)
        pairs.sort()
        first = np.flatnonzero(np.diff(pairs, prepend=np.int32(-1)))
        counts = np.diff(first, append=len(pairs))
        of_text, feature = np.divmod(pairs.take(first), np.int32(len(self._features)))
        return of_text, feature, counts

    def _of(self, texts: Sequence[str]) -> Shares:
        """Posterior of each asked label for each text, shape (texts, labels)."""
        encoded = [self._identifier._encode(text) for text in texts]
        lengths = np.array([max(1, len(data)) for data in encoded])
        scores = self._scores(encoded) / np.sqrt(lengths)[:, np.newaxis]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return np.add.reduceat(shares[:, self._columns], self._firsts, axis=1)

    def _scores(self, encoded: Sequence[bytes]) -> Shares:
        """Naive Bayes scores, shape (texts, classes); 0 for a text without any feature."""
        model = self._identifier
        texts, features, counts = self.counts(encoded)
        self._turn(features)
        weights = np.log1p(counts.astype(np.float32))
        scores = np.zeros((len(encoded), len(model.nb_classes)), np.float32)
        # One text after another: their matrix would be nearly empty.
        ends = np.searchsorted(texts, np.arange(1, len(encoded) + 1)).tolist()
        spans = [*pairwise([0, *ends])]
        room = np.empty((max(end - start for start, end in spans), scores.shape[1]), np.float32)
        for text, (start, end) in enumerate(spans):
            if start < end:
                own = room[: end - start]
                # `take` copies whole rows, in half the time of an index in brackets.
                self._weights.take(features[start:end], axis=0, out=own, mode="clip")
                scores[text] = weights[start:end] @ own + model.nb_pc
        return scores

    def _turn(self, features: Numbers) -> None:
        """Make sure that the rows of these features are there as float32."""
        met = np.zeros(len(self._weights), bool)
        met[features] = True
        new = np.flatnonzero(met & ~self._turned)
        self._weights[new] = self._identifier.nb_ptc[new]
        self._turned[new] = True

    def _walk(self, encoded: Sequence[bytes]) -> tuple[Numbers, Numbers]:
        """Run the automaton: of each byte, the number of its text and the state after it."""
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        pieces = -(-lengths // PIECE)
        text = np.repeat(np.arange(len(encoded)), pieces)
        # LEAD zeros before each text and enough behind it for its last piece.
        room = LEAD + pieces * PIECE
        places = np.cumsum(room) - room
        letters = np.zeros(int(room.sum()), np.uint8)
        for place, data in zip(places.tolist(), encoded, strict=True):
            letters[place + LEAD : place + LEAD + len(data)] = np.frombuffer(data, np.uint8)
        nth = np.arange(len(text)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        steps = letters[(places[text] + nth * PIECE) + np.arange(LEAD + PIECE)[:, np.newaxis]]
        states = np.empty((LEAD + PIECE, len(text)), np.int32)
        state = np.zeros(len(text), np.int32)
        firsts = np.flatnonzero(nth == 0)
        for step, letter in enumerate(steps):
            # A first piece begins with its text.
            state = self._moves.take(self._rows.take(state) + letter)
            if step < LEAD:
                state[firsts] = 0
            states[step] = state
        inside = nth * PIECE + np.arange(PIECE)[:, np.newaxis] < lengths[text]
        of_text = np.broadcast_to(text.astype(np.int32), inside.shape)
        return of_text[inside], states[LEAD:][inside]
