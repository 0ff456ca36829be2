"""token batches -> vectors without torch: by compiled layers, or by NumPy for one question."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from threadpoolctl import ThreadpoolController

from encoder.activation_ranges import find_ranges
from encoder.hardware import DeviceChoice
from encoder.local import LocalEncoder
from encoder.numpy_bert import NumpyBert
from encoder.side_by_side import SideBySide, threads_here
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.tokens import TextTokens
from encoder.weights import check_vocabulary

# Tokens of one batch of one thread: most of what a layer makes of them stays in a core's cache.
TOKENS_PER_BATCH = 512


class NumpyModel(Protocol):
    """Computes the states of tokens; the texts of a batch never see each other."""

    known_tokens: int

    def states(self, rows: TokenRows) -> Vectors:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        ...


class NumpyEncoder(LocalEncoder):
    """A plain BERT whose numbers are NumPy's arrays; made by `open_compiled` or `open_numpy`."""

    def __init__(
        self, spec: EncoderSpec, tokens: TextTokens, model: NumpyModel, choice: DeviceChoice
    ) -> None:
        super().__init__(spec, tokens, choice)
        self.model = model
        self._side_by_side = SideBySide(threads_here(), most_tokens=TOKENS_PER_BATCH)

    @classmethod
    def open_compiled(cls, spec: EncoderSpec, folder: Path, reason: str) -> Self | str:
        """Load tokeniser and weights, for layers that are compiled; or say what forbids it.

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of the model that the spec describes.
        """
        from encoder.compiled_bert import CompiledBert  # needs llvmlite, which may not be there

        tokens = TextTokens.open(spec, folder)  # while functions are compiled
        model = CompiledBert.open(spec, folder, find_ranges(spec.name))
        if isinstance(model, str):
            return model
        check_vocabulary(spec, folder, model.known_tokens, tokens.size)
        return cls(spec, tokens, model, DeviceChoice("cpu", "float32", reason, "int8"))

    @classmethod
    def open_numpy(cls, spec: EncoderSpec, folder: Path, reason: str) -> Self | None:
        """Load tokeniser and weights, for NumPy in float32; None where torch is needed.

        It is for a process that answers one question and ends: NumPy's matrix products have one
        thread there from now on. Where anything else runs, several on one small product wait for
        each other a hundred times as long as they compute (docs/decisions/026).

        Raises:
            EncoderNotAvailable: A file is missing or cannot be read.
            EncoderRefused: The files are not those of the model that the spec describes.
        """
        model = NumpyBert.open(spec, folder)
        if model is None:
            return None
        ThreadpoolController().select(user_api="blas").limit(limits=1)
        tokens = TextTokens.open(spec, folder)
        check_vocabulary(spec, folder, model.known_tokens, tokens.size)
        return cls(spec, tokens, model, DeviceChoice("cpu", "float32", reason, "float"))

    def states(self, rows: TokenRows, /) -> tuple[Vectors, ...]:
        """Run the model on one batch of token ids: for each text, states of shape (tokens, dim)."""
        ends = np.cumsum([len(row) for row in rows])
        return tuple(np.split(self.model.states(rows), ends[:-1]))

    def encode_rows(self, rows: TokenRows, /) -> Vectors:
        """Encode token ids, cut to fit already: shape (texts, dim), unit rows."""
        vectors = np.empty((len(rows), self.spec.dim), np.float32)

        def step(batch: list[int]) -> None:
            states_of = self.states([rows[i] for i in batch])
            for position, states in zip(batch, states_of, strict=True):
                pooled = self.pooled(states)[: self.spec.dim]
                vectors[position] = pooled / max(float(np.linalg.norm(pooled)), 1e-12)

        self.run([len(row) for row in rows], step)
        return vectors

    def run(self, lengths: Sequence[int], step: Callable[[list[int]], None], /) -> None:
        """Run a step over batches of texts, each on a thread of its own (docs/decisions/024)."""
        self._side_by_side.run(lengths, step)

    def pooled(self, states: Vectors) -> Vectors:
        """One vector of a text's states: (tokens, dim) to (dim,)."""
        if self.spec.pooling == "mean":
            mean: Vectors = states.mean(axis=0)
            return mean
        row: Vectors = states[0] if self.spec.pooling == "cls" else states[-1]
        return row
