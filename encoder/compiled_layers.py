"""The layers of int8_weights.py in machine code of our own, over NumPy's arrays.

Attention, each norm with the rounding behind it, and each product with what follows it are one
function each (encoder/kernels, docs/decisions/013). They need no torch (docs/decisions/036).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from encoder.bert_weights import Norm
from encoder.int8_weights import MIDDLE, RoundedLayer, RoundedLinear, Rounding
from encoder.kernels.attention import scratch_numbers
from encoder.kernels.layer import HEAD_WIDTH, layer_functions
from encoder.kernels.norm import TOKENS
from encoder.kernels.product import PANEL, ROWS, Follow

# A vector of the processor, and a line of its cache: what begins elsewhere is read twice.
LINE_BYTES = 64

Array = npt.NDArray[Any]
Unsigned = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]


class Placed(NamedTuple):
    """An array and where its numbers lie: asking for that takes longer than some of the steps."""

    array: Array
    at: int

    @classmethod
    def of(cls, array: Array) -> Self:
        """Look an array's place up."""
        return cls(array, array.ctypes.data)

    def first(self, rows: int) -> "Placed":
        """Its first rows, whose number is another one."""
        return Placed(self.array[:rows], self.at)

    @classmethod
    def room(cls, shape: tuple[int, ...], kind: type = np.float32) -> Self:
        """An array for numbers of a kind, not filled, that begins with a line of the cache."""
        count = math.prod(shape) * np.dtype(kind).itemsize
        whole = np.empty(count + LINE_BYTES, np.uint8)
        at = whole.ctypes.data
        first = -at % LINE_BYTES
        return cls(whole[first : first + count].view(kind).reshape(shape), at + first)


class Panels(NamedTuple):
    """Weights of a product as the compiled one reads them, outputs and inputs filled up to 64.

    Attributes:
        weights: Shape (outputs / 64, inputs / 4, 64, 4), int8.
        scales: Shape (outputs,): what one unit of the sum stands for.
        bias: Shape (outputs,).
    """

    weights: Placed
    scales: Placed
    bias: Placed

    @classmethod
    def of(cls, linear: RoundedLinear) -> Self:
        """Lay the weights of a product out."""
        out, into = (filled(size, PANEL) for size in linear.rows.shape)
        rows = np.zeros((out, into), np.int8)
        rows[: len(linear.rows), : linear.rows.shape[1]] = linear.rows
        weights = Placed.room((out // PANEL, into // 4, PANEL, 4), np.int8)
        fours = rows.view(np.int32).reshape(-1, PANEL, into // 4)
        weights.array.view(np.int32)[..., 0] = fours.transpose(0, 2, 1)
        scales, bias = Placed.room((out,)), Placed.room((out,))
        for part, numbers in ((scales, linear.scales * linear.step), (bias, linear.bias)):
            part.array[:] = 0
            part.array[: len(numbers)] = numbers
        return cls(weights, scales, bias)


class Normed(NamedTuple):
    """A norm with the rounding behind it, and what exact units add then.

    Attributes:
        eps: Of the norm.
        weights: Weight and bias of the norm, 1 / step and middle of the rounding.
        units: Weights of the units that stay in float32, if they are computed here.
    """

    eps: float
    weights: tuple[Placed, ...]
    units: tuple[Placed, ...] = ()

    @classmethod
    def of(cls, norm: Norm, by: Rounding, exact: RoundedLayer | None = None) -> Self:
        """Join a norm, how what it gives is rounded, and the layer whose units are meant."""
        weights = map(Placed.of, (norm.weight, norm.bias, by.per_step, by.middle))
        units = (exact.exact_widen, exact.exact_bias, exact.exact_narrow) if exact else ()
        return cls(norm.eps, tuple(weights), tuple(map(Placed.of, units)))


class CompiledLayer(NamedTuple):
    """A layer whose weights are laid out."""

    qkv: Panels
    attended: Panels
    attended_norm: Normed
    widen: Panels
    per_step: float  # of what leaves GELU
    zero: float  # what 0 is stored as there, plus a half
    narrow: Panels
    norm: Normed

    @classmethod
    def of(cls, layer: RoundedLayer, after: Rounding) -> Self:
        """Lay a layer out; `after` is how what leaves it is rounded."""
        return cls(
            Panels.of(layer.qkv),
            Panels.of(layer.attended),
            Normed.of(layer.attended_norm, layer.into_widen, layer),
            Panels.of(layer.widen),
            1 / layer.step,
            layer.zero + 0.5,
            Panels.of(layer.narrow),
            Normed.of(layer.norm, after),
        )


class Steps:
    """The compiled functions, for so many heads and numbers of a state."""

    def __init__(self, heads: int, dim: int) -> None:
        """Compile them.

        Raises:
            ImportError, OSError, AttributeError, TypeError, RuntimeError: `UNFIT`.
        """
        self._heads = heads
        self._attention, self._norm, self._norm_exact, self._products = layer_functions(dim)

    def product(self, x: Placed, by: Panels, follow: Follow, out: Placed, *to: float) -> None:
        """Multiply (tokens, inputs) uint8, add the bias, and store, add or round the result.

        Args:
            x: A multiple of 6 tokens.
            by: The weights.
            follow: "store" writes to `out`, "add" adds to it, "gelu" rounds GELU to bytes.
            out: Shape (tokens, outputs), float32; with "gelu" uint8.
            to: With "gelu" 1 / step, and what 0 is stored as plus a half.
        """
        tokens, inputs = x.array.shape
        per_step, zero = to or (1.0, 0.0)
        self._products[follow](
            x.at, by.weights.at, by.scales.at, by.bias.at, out.at,
            tokens, inputs, len(by.bias.array), per_step, zero,
        )  # fmt: skip

    def attend(self, qkv: Placed, lengths: Placed, scratch: Placed, seen: Placed) -> None:
        """Write what each token sees, rounded; tokens of no text are left out.

        Args:
            qkv: Queries, which are scaled already, keys and values: (tokens, 3 * dim) float32.
            lengths: Tokens of each text, int64; the texts lie end to end, tokens of none behind.
            scratch: As `scratch_for` makes it.
            seen: Shape (tokens, dim), uint8.
        """
        texts = len(lengths.array)
        self._attention(qkv.at, lengths.at, texts, self._heads, seen.at, scratch.at)

    def normalise(self, x: Placed, by: Normed, small: Placed) -> None:
        """Normalise x in its place, and round it; then add to it what exact units make.

        Args:
            x: Shape (tokens, dim), a multiple of 8 tokens.
            by: With which weights.
            small: What is rounded, (tokens, dim) uint8.
        """
        function = self._norm_exact if by.units else self._norm
        weight, bias, per_step, middle = (one.at for one in by.weights)
        units = (unit.at for unit in by.units)
        tokens = len(x.array)
        function(x.at, weight, bias, per_step, middle, small.at, by.eps, tokens, *units)


def filled(count: int, to: int) -> int:
    """The next multiple of a number."""
    return -(-count // to) * to


def scratch_for(longest: int) -> Placed:
    """Room for what attention notes of texts of at most so many tokens."""
    return Placed.room((scratch_numbers(longest, HEAD_WIDTH),))


class CompiledLayers:
    """All layers of a model, one after the other."""

    def __init__(self, before: Norm, layers: Sequence[RoundedLayer], steps: Steps) -> None:
        """Lay out the weights of layers, and of the norm before the first of them."""
        self.steps = steps
        self.before = Normed.of(before, layers[0].into_qkv)
        # Nothing follows the last layer; its rounded states are not used.
        following = [*layers[1:], layers[0]]
        self.layers = tuple(
            CompiledLayer.of(layer, after.into_qkv)
            for layer, after in zip(layers, following, strict=True)
        )

    @staticmethod
    def rows_for(tokens: int) -> int:
        """Rows that states of so many tokens are given, some of no text behind them."""
        return filled(tokens, math.lcm(ROWS, TOKENS))

    def __call__(self, states: Placed, lengths: Lengths) -> None:
        """Words and places to states, in their place.

        Args:
            states: Shape (rows, dim), as many rows as `rows_for` says.
            lengths: Tokens of each text, at least one; the texts lie end to end.
        """
        if lengths.min() < 1:  # compiled loops run at least once, and would write where nothing is
            raise ValueError("a text without tokens has no states")
        steps, (rows, dim) = self.steps, states.array.shape
        end = int(lengths.sum())
        # Of the rows of no text each function computes as few as it can.
        multiplied, normed = filled(end, ROWS), filled(end, TOKENS)
        x, x_normed = states.first(multiplied), states.first(normed)
        qkv = Placed.room((multiplied, 3 * dim))
        small, seen = (Placed.room((rows, dim), np.uint8).first(multiplied) for _ in range(2))
        seen.array[end:] = MIDDLE
        wide = Placed.room((multiplied, len(self.layers[0].widen.bias.array)), np.uint8)
        texts, scratch = Placed.of(lengths), scratch_for(int(lengths.max()))
        steps.normalise(x_normed, self.before, small)
        for layer in self.layers:
            steps.product(small, layer.qkv, "store", qkv)
            steps.attend(qkv, texts, scratch, seen)
            steps.product(seen, layer.attended, "add", x)
            steps.normalise(x_normed, layer.attended_norm, small)
            steps.product(small, layer.widen, "gelu", wide, layer.per_step, layer.zero)
            steps.product(wide, layer.narrow, "add", x)
            steps.normalise(x_normed, layer.norm, small)
