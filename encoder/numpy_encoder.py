"""An encoder without torch, for the one question of a search from the shell, and when to use it."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from threadpoolctl import ThreadpoolController

from encoder.batching import plan_batches
from encoder.hardware import DeviceChoice
from encoder.local import LocalEncoder
from encoder.naming import EncoderName
from encoder.numpy_bert import NumpyBert, open_numpy_bert
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.tokens import TextTokens
from encoder.weights import check_vocabulary

# Tokens of one forward pass of one thread: enough for matrix products to be fast, few enough for
# its cache. A question is one batch of one thread.
LEAST_TOKENS, MOST_TOKENS = 256, 1024


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What computes the vectors of one question, and why."""

    name: Literal["numpy", "torch"]
    reason: str


def choose_engine(
    spec: EncoderSpec,
    asked: EncoderName,
    *,
    gpu: bool,
    torch_loaded: bool | None = None,
) -> EngineChoice:
    """Choose what computes the vectors of one question; the facts are looked up where not given.

    Args:
        spec: The encoder.
        asked: What the user wants of it.
        gpu: Whether there may be a GPU.
        torch_loaded: Whether torch has been imported already.
    """
    if "torch" in sys.modules if torch_loaded is None else torch_loaded:
        return EngineChoice("torch", "torch is in memory already")
    if gpu:
        return EngineChoice("torch", "a GPU may be there")
    if asked.dtype or asked.products or spec.int8_weights:
        return EngineChoice("torch", "a number format was asked for")
    if spec.model_class != "BertModel" or spec.dense_head:
        return EngineChoice("torch", "only a plain BERT runs without torch")
    if spec.add_bos is None or spec.add_eos is None:
        return EngineChoice("torch", "its tokeniser is read by transformers, which needs torch")
    return EngineChoice("numpy", "for one question NumPy is done before torch is imported")


class NumpyEncoder(LocalEncoder):
    """A plain BERT that NumPy computes in float32; made by `open`.

    It is made for a process that answers one question and ends: NumPy's matrix products have one
    thread there from now on. Where anything else runs, several on one small product wait for each
    other a hundred times as long as they compute (docs/decisions/026).
    """

    def __init__(
        self, spec: EncoderSpec, tokens: TextTokens, bert: NumpyBert, choice: DeviceChoice
    ) -> None:
        super().__init__(spec, tokens, choice)
        self._bert = bert
        libraries = ThreadpoolController().select(user_api="blas")
        self._threads = max((found["num_threads"] for found in libraries.info()), default=1)
        libraries.limit(limits=1)

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path, reason: str) -> Self | None:
        """Load tokeniser and weights from a Hugging Face folder; None where torch is needed.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of the model that the spec describes.
        """
        bert = open_numpy_bert(spec, folder)
        if bert is None:
            return None
        choice = DeviceChoice("cpu", "float32", reason, "float")
        tokens = TextTokens.open(spec, folder)
        check_vocabulary(spec, folder, bert.known_tokens, tokens.size)
        return cls(spec, tokens, bert, choice)

    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""
        ends = np.cumsum([len(row) for row in rows])
        return tuple(np.split(self._bert.states(rows), ends[:-1]))

    def encode_rows(self, rows: TokenRows, /) -> Vectors:
        """Encode token ids, cut to fit already: shape (texts, dim), unit rows."""
        vectors = np.empty((len(rows), self.spec.dim), np.float32)

        def step(batch: list[int]) -> None:
            states_of = self.states([rows[i] for i in batch])
            for position, states in zip(batch, states_of, strict=True):
                pooled = self._pooled(states)[: self.spec.dim]
                vectors[position] = pooled / max(float(np.linalg.norm(pooled)), 1e-12)

        self.run([len(row) for row in rows], step)
        return vectors

    def run(self, lengths: Sequence[int], step: Callable[[list[int]], None], /) -> None:
        """Run a step over batches of texts, each on a thread of its own (docs/decisions/024)."""
        share = max(LEAST_TOKENS, -(-sum(lengths) // self._threads))
        batches = plan_batches(lengths, min(MOST_TOKENS, share), packed=True)
        with ThreadPoolExecutor(self._threads) as threads:
            for _ in threads.map(step, batches):
                pass

    def _pooled(self, states: Vectors) -> Vectors:
        """One vector of a text's states: (tokens, dim) to (dim,)."""
        if self.spec.pooling == "mean":
            mean: Vectors = states.mean(axis=0)
            return mean
        row: Vectors = states[0] if self.spec.pooling == "cls" else states[-1]
        return row
