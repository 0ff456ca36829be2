"""A BERT whose layers are compiled for this processor: token ids -> states, without torch."""

from pathlib import Path
from typing import Self

import numpy as np

from encoder.activation_ranges import LayerRanges, measured_sizes
from encoder.bert_weights import BertWeights, Embeddings, open_weights
from encoder.compiled_fault import fault_of
from encoder.compiled_layers import CompiledLayers, Placed, Steps
from encoder.int8_weights import round_layer
from encoder.kernels.layer import HEAD_WIDTH, UNFIT, unfit
from encoder.kernels.product import PANEL
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.weights import not_numbers


class CompiledBert:
    """The weights of a BERT encoder, rounded and laid out; made by `open`.

    Attributes:
        known_tokens: Ids of tokens are below that.
    """

    def __init__(self, embeddings: Embeddings, layers: CompiledLayers) -> None:
        self.embeddings, self.layers = embeddings, layers
        self.known_tokens = len(embeddings.words)

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path, ranges: tuple[LayerRanges, ...]) -> Self | str:
        """Load and round the weights, and compile what multiplies them; or say what forbids it.

        Args:
            spec: The encoder.
            folder: A Hugging Face folder.
            ranges: How far the numbers inside it reach.

        Raises:
            EncoderNotAvailable: A file is damaged.
            EncoderRefused: The files are not those of the model that the spec describes, or weights
                are no numbers.
        """
        weights = open_weights(spec, folder)
        if weights is None:
            return "only a plain BERT in float32 is compiled"
        if misfit := _misfit(weights, ranges):
            return misfit
        rounded = [round_layer(*pair) for pair in zip(weights.layers, ranges, strict=True)]
        if not all(layer.is_finite for layer in rounded):
            raise not_numbers(spec)
        try:
            steps = Steps(rounded[0].heads, len(rounded[0].norm.weight))
        except UNFIT as error:
            return unfit(error)
        if fault := fault_of(steps, rounded[0]):
            return fault
        return cls(weights.embeddings, CompiledLayers(weights.embeddings.norm, rounded, steps))

    def states(self, rows: TokenRows) -> Vectors:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        lengths = np.array([len(row) for row in rows], np.int64)
        tokens = int(lengths.sum())
        x = Placed.room((self.layers.rows_for(tokens), self.embeddings.places.shape[1]))
        x.array[tokens:] = 0
        self.embeddings.add_up(rows, x.array[:tokens])
        self.layers(x, lengths)
        return x.array[:tokens]


def _misfit(weights: BertWeights, ranges: tuple[LayerRanges, ...]) -> str | None:
    """Say why weights are not those that the ranges and the functions were made for."""
    layer = weights.layers[0]
    dim, inner = len(layer.norm.weight), len(layer.widen.bias)
    if measured_sizes(ranges) != (len(weights.layers), dim, inner):
        return "inner ranges were measured for a model of another size than these files hold"
    if dim % PANEL:
        return f"states are {dim} wide, and compiled ones a multiple of {PANEL}"
    if dim != HEAD_WIDTH * layer.heads:
        return f"heads are {dim // layer.heads} wide, and compiled ones {HEAD_WIDTH}"
    return None
