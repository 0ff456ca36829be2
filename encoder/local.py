"""texts -> token ids -> a model in this process: what such encoders share, whatever computes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from encoder.cut import tell_of_cut_passages, tell_of_cut_queries
from encoder.errors import EncoderRefused
from encoder.hardware import DeviceChoice
from encoder.spec import EncoderSpec, TextStates, TokenEnds, TokenRows, Vectors
from encoder.templates import passage_text, placed_passage, placed_query, query_text
from encoder.token_states import token_states
from encoder.tokens import TextTokens
from encoder.weights import not_numbers

# Texts that are tokenised, sorted by length and encoded together: bounds memory.
WINDOW_TEXTS = 1024
# Tokens that must be left to a text: with none, all texts would have one vector, and with few
# most of a text would never be read.
LEAST_ROOM = 8


class LocalEncoder(ABC):
    """An encoder whose weights are in memory; what computes its states is a subclass's own."""

    def __init__(self, spec: EncoderSpec, tokens: TextTokens, choice: DeviceChoice) -> None:
        self._spec = spec
        self.tokens = tokens
        self._choice = choice
        self._passage_overhead = len(tokens.ids([passage_text(spec, "")])[0])
        _check_room(spec, self._passage_overhead)
        if not spec.takes_instructions:  # else whoever asks chooses how long it is, and is told
            _check_room(spec, len(tokens.ids([query_text(spec, "", None)])[0]))

    @abstractmethod
    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""

    @abstractmethod
    def encode_rows(self, rows: TokenRows, /) -> Vectors:
        """Encode token ids, cut to fit already: shape (texts, dim), unit rows."""

    @abstractmethod
    def run(self, lengths: Sequence[int], step: Callable[[list[int]], None], /) -> None:
        """Run a step over batches of texts of these lengths, the way that suits what computes."""

    def head(self, pooled: Vectors, /) -> Vectors:
        """What stands between pooling and the vector: nothing, but for models with a dense head."""
        return pooled

    @property
    def spec(self) -> EncoderSpec:
        """What this encoder is."""
        return self._spec

    @property
    def choice(self) -> DeviceChoice:
        """Where it runs, in which number format, and why."""
        return self._choice

    @property
    def words_stand_alone(self) -> bool:
        """Whether what stands between two blanks has the same tokens wherever it stands."""
        return self.tokens.words_stand_alone

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        return self._spec.max_tokens - self._passage_overhead

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages: shape (texts, dim), unit rows, in the order given.

        Raises:
            EncoderRefused: Weights are damaged that no text had needed before.
        """
        rows, over = self._encode([passage_text(self._spec, text) for text in texts])
        tell_of_cut_passages(over, self._spec.max_tokens)
        return rows

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries, each with the instruction before it: shape (texts, dim), unit rows.

        Raises:
            UsageError: An instruction for an encoder that takes none.
            EncoderRefused: Weights are damaged that no text had needed before.
        """
        rows, over = self._encode([query_text(self._spec, text, instruction) for text in texts])
        tell_of_cut_queries(over, self._spec.max_tokens)
        return rows

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self.tokens.ends(text)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        tokens = len(self.tokens.ids([query_text(self._spec, query, instruction)])[0])
        return max(0, tokens - self._spec.max_tokens)

    def passage_states(self, texts: Sequence[str], /) -> tuple[TextStates, ...]:
        """The tokens of each passage, as `encode_passages` reads it, in the order given."""
        placed = [placed_passage(self._spec, text) for text in texts]
        return token_states(self.states, self.tokens, placed, self.run)

    def query_states(self, query: str, /, instruction: str | None = None) -> TextStates:
        """The tokens of a query, as `encode_queries` reads it."""
        placed = placed_query(self._spec, query, instruction)
        return token_states(self.states, self.tokens, [placed], self.run)[0]

    def _encode(self, texts: Sequence[str]) -> tuple[Vectors, list[int]]:
        """The rows of texts in their templates, and how many tokens of each were not read."""
        vectors = np.empty((len(texts), self._spec.dim), np.float32)
        over: list[int] = []
        start = 0
        for whole in self._tokenised_ahead(texts):
            over += [max(0, len(ids) - self._spec.max_tokens) for ids in whole]
            rows = [self.tokens.cut(ids) for ids in whole]
            vectors[start : start + len(rows)] = self.encode_rows(rows)
            start += len(rows)
        if not np.isfinite(vectors).all():  # of a word that the self-test did not meet
            raise not_numbers(self._spec)
        return vectors, over

    def _tokenised_ahead(self, texts: Sequence[str]) -> Iterator[list[list[int]]]:
        """Token ids, window by window; the next one is made while the device computes."""
        windows = [texts[i : i + WINDOW_TEXTS] for i in range(0, len(texts), WINDOW_TEXTS)]
        if len(windows) < 2:  # a thread would only cost
            yield from map(self.tokens.ids, windows)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as thread:
            ahead = thread.submit(self.tokens.ids, windows[0])
            for window in windows[1:]:
                ready, ahead = ahead, thread.submit(self.tokens.ids, window)
                yield ready.result()
            yield ahead.result()


def _check_room(spec: EncoderSpec, prompt: int) -> None:
    """Refuse a prompt of so many tokens if it leaves no room for a text.

    Raises:
        EncoderRefused: It leaves none.
    """
    if spec.max_tokens - prompt < LEAST_ROOM:
        raise EncoderRefused(
            f"The prompt of {spec.name} has {prompt} tokens, and it reads {spec.max_tokens} at "
            "once: too little is left for a text.",
            "Shorten it, or raise the limit: both stand in the model's files (docs/models.md says "
            "in which), the limit also as tokens= in the encoder's name.",
        )
