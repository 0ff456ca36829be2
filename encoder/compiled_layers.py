"""The layers of int8_weights.py in machine code of our own, over NumPy's arrays.

Attention, each norm with the rounding behind it, and each product with what follows it are one
function each (encoder/kernels, docs/decisions/013). They need no torch (docs/decisions/036).
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from encoder.bert_weights import Norm
from encoder.int8_weights import MIDDLE, Bytes, RoundedLayer, RoundedLinear, Rounding
from encoder.kernels.attention import scratch_numbers
from encoder.kernels.layer import HEAD_WIDTH, layer_functions
from encoder.spec import Vectors

# Outputs side by side in a panel of weights; tokens are taken by 8 and by 12.
PANEL, TOKENS = 32, 24
# A vector of the processor, and a line of its cache: what begins elsewhere is read twice.
LINE_BYTES = 64

Array = npt.NDArray[Any]
Unsigned = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]
Follow = Literal["store", "add", "gelu"]


def room(shape: tuple[int, ...], kind: type = np.float32) -> Array:
    """An array for numbers of a kind, not filled, that begins where a line of the cache does."""
    count = int(np.prod(shape)) * np.dtype(kind).itemsize
    whole = np.empty(count + LINE_BYTES, np.uint8)
    first = -whole.ctypes.data % LINE_BYTES
    return whole[first : first + count].view(kind).reshape(shape)


class Panels(NamedTuple):
    """Weights of a product as the compiled one reads them, outputs and inputs filled up to 32.

    Attributes:
        weights: Shape (outputs / 32, inputs / 4, 32, 4), int8.
        scales: Shape (outputs,): what one unit of the sum stands for.
        bias: Shape (outputs,).
        places: Where these three lie.
    """

    weights: Bytes
    scales: Vectors
    bias: Vectors
    places: tuple[int, int, int]

    @classmethod
    def of(cls, linear: RoundedLinear) -> "Panels":
        """Lay the weights of a product out."""
        out, into = (-(-size // PANEL) * PANEL for size in linear.rows.shape)
        rows = np.zeros((out, into), np.int8)
        rows[: len(linear.rows), : linear.rows.shape[1]] = linear.rows
        weights = room((out // PANEL, into // 4, PANEL, 4), np.int8)
        fours = rows.view(np.int32).reshape(-1, PANEL, into // 4)
        weights.view(np.int32)[..., 0] = fours.transpose(0, 2, 1)
        scales, bias = room((out,)), room((out,))
        for part, numbers in ((scales, linear.scales * linear.step), (bias, linear.bias)):
            part[:] = 0
            part[: len(numbers)] = numbers
        return cls(weights, scales, bias, (place(weights), place(scales), place(bias)))


class CompiledLayer(NamedTuple):
    """A layer whose weights are laid out."""

    qkv: Panels
    attended: Panels
    widen: Panels
    narrow: Panels
    rest: RoundedLayer


class Steps:
    """The compiled functions, for so many heads and numbers of a state."""

    def __init__(self, heads: int, dim: int) -> None:
        """Compile them.

        Raises:
            ImportError, OSError, AttributeError, TypeError, RuntimeError: `UNFIT`.
        """
        self._heads, self._dim = heads, dim
        self._attention, self._norm, self._norm_exact, self._products = layer_functions(dim)

    def product(self, x: Unsigned, by: Panels, follow: Follow, out: Array, *to: float) -> Array:
        """Multiply (tokens, inputs) uint8, add the bias, and store, add or round the result.

        Args:
            x: A multiple of 12 tokens.
            by: The weights.
            follow: "store" writes to `out`, "add" adds to it, "gelu" rounds GELU to bytes.
            out: Shape (tokens, outputs), float32; with "gelu" uint8.
            to: With "gelu" 1 / step, and what 0 is stored as plus a half.
        """
        per_step, zero = to or (1.0, 0.0)
        self._products[follow](
            place(x), *by.places, place(out), len(x), x.shape[1], len(by.bias), per_step, zero
        )
        return out

    def attended(self, qkv: Vectors, lengths: Lengths) -> Unsigned:
        """What each token sees, rounded: (tokens, 3 * dim) float32 to (tokens, dim) uint8.

        Args:
            qkv: Queries, which are scaled already, keys and values.
            lengths: Tokens of each text; the texts lie end to end, tokens of none behind.
        """
        seen = room((len(qkv), self._dim), np.uint8)
        seen[int(lengths.sum()) :] = MIDDLE
        scratch = room((scratch_numbers(int(lengths.max()), HEAD_WIDTH),))
        self._attention(
            place(qkv), place(lengths), len(lengths), self._heads, place(seen), place(scratch)
        )
        return seen

    def normed(
        self, x: Vectors, norm: Norm, by: Rounding, exact: RoundedLayer | None = None
    ) -> Unsigned:
        """Normalise x in its place, and give it rounded; then add to it what exact units make.

        Args:
            x: Shape (tokens, dim), a multiple of 8 tokens.
            norm: With which weights.
            by: How it is rounded.
            exact: The layer whose exact units are meant.
        """
        small = room(x.shape, np.uint8)
        arrays = (x, norm.weight, norm.bias, by.per_step, by.middle, small)
        units = (exact.exact_widen, exact.exact_bias, exact.exact_narrow) if exact else ()
        function = self._norm_exact if exact else self._norm
        function(*map(place, arrays), norm.eps, len(x), *map(place, units))
        return small


class CompiledLayers:
    """All layers of a model, one after the other."""

    def __init__(self, before: Norm, layers: Sequence[RoundedLayer], steps: Steps) -> None:
        self.steps, self._before = steps, before
        self.layers = tuple(
            CompiledLayer(
                Panels.of(layer.qkv),
                Panels.of(layer.attended),
                Panels.of(layer.widen),
                Panels.of(layer.narrow),
                layer,
            )
            for layer in layers
        )

    @staticmethod
    def filled(tokens: int) -> int:
        """So many tokens, those of no text included, are computed for these."""
        return -(-tokens // TOKENS) * TOKENS

    def __call__(self, x: Vectors, lengths: Lengths) -> Vectors:
        """Words and places to states, in their place: (tokens, dim).

        Args:
            x: As many rows as `filled` says, made by `room`.
            lengths: Tokens of each text; the texts lie end to end.
        """
        steps, product = self.steps, self.steps.product
        into = [layer.rest.into_qkv for layer in self.layers]
        small = steps.normed(x, self._before, into[0])
        qkv = room((len(x), 3 * x.shape[1]))
        wide = room((len(x), len(self.layers[0].widen.bias)), np.uint8)
        # Nothing follows the last layer; its rounded states are not used.
        for layer, after in zip(self.layers, [*into[1:], into[0]], strict=True):
            rest = layer.rest
            seen = steps.attended(product(small, layer.qkv, "store", qkv), lengths)
            product(seen, layer.attended, "add", x)
            small = steps.normed(x, rest.attended_norm, rest.into_widen, rest)
            product(small, layer.widen, "gelu", wide, 1 / rest.step, rest.zero + 0.5)
            product(wide, layer.narrow, "add", x)
            small = steps.normed(x, rest.norm, after)
        return x


def place(array: Array) -> int:
    """Where an array's numbers lie."""
    return array.ctypes.data
