"""A BERT layer whose matrix products run on 8-bit integers by torch's own kernels, those of oneDNN.

The layers of encoder/compiled_layers.py are faster and need no torch; these are for where code
cannot be compiled in memory (docs/decisions/011, 036).
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch

from encoder import bert_weights
from encoder.bert import Layer, Linear, Norm
from encoder.bert_attention import Run, attend
from encoder.int8_weights import RoundedLayer, RoundedLinear, Rounding

# Tokens are filled up to a multiple of this: oneDNN compiles each product once for each number of
# tokens, which takes milliseconds. A question has few tokens, and each of them costs.
FILLED_TO, SHORT_FILLED_TO, SHORT_TOKENS = 32, 8, 64
# Tokens that are rounded at a time: what is written and read again stays in a core's cache.
BLOCK_TOKENS = 512


class Product(NamedTuple):
    """A matrix product of rounded numbers, bias added.

    Attributes:
        rows: The weights, laid out for oneDNN, still of shape (out, in).
        scales: Shape (out,): what one unit of the sum stands for, without the input's step.
        step: What one unit of the input stands for.
        bias: Shape (out,), float32.
    """

    rows: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor
    step: float
    bias: torch.Tensor

    @classmethod
    def of(cls, linear: RoundedLinear) -> Self:
        """Lay the weights out as oneDNN multiplies by them."""
        rows = torch.ops.onednn.qlinear_prepack(torch.from_numpy(linear.rows), None)
        scales, bias = torch.from_numpy(linear.scales), torch.from_numpy(linear.bias)
        return cls(rows, scales, torch.zeros(len(bias), dtype=torch.int32), linear.step, bias)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply: (tokens, in) uint8 to (tokens, out) float32."""
        out: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            x, self.step, 0, self.rows, self.scales, self.zeros, self.bias,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return out

    def add_to(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Multiply and add to `other` in its place: (tokens, in) uint8 to (tokens, out) float32."""
        out: torch.Tensor = torch.ops.onednn.qlinear_pointwise.binary(
            x, self.step, 0, self.rows, self.scales, self.zeros, other, self.bias,
            1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "",
        )  # fmt: skip
        return out

    def gelu(self, x: torch.Tensor, step: float, zero: int) -> torch.Tensor:
        """Multiply, apply GELU and round: (tokens, in) uint8 to (tokens, out) uint8."""
        out: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            x, self.step, 0, self.rows, self.scales, self.zeros, self.bias,
            step, zero, torch.uint8, "gelu", [], "none",
        )  # fmt: skip
        return out


class TensorRounding(NamedTuple):
    """`Rounding` as tensors."""

    per_step: torch.Tensor
    middle: torch.Tensor

    @classmethod
    def of(cls, by: Rounding) -> Self:
        return cls(torch.from_numpy(by.per_step), torch.from_numpy(by.middle))


class Int8Layer(NamedTuple):
    """One layer: `RoundedLayer` says what its parts are."""

    heads: int
    into_qkv: TensorRounding
    qkv: Product
    attended: Product
    attended_norm: Norm
    into_widen: TensorRounding
    widen: Product
    step: float
    zero: int
    narrow: Product
    exact_widen: torch.Tensor
    exact_bias: torch.Tensor
    exact_narrow: torch.Tensor
    norm: Norm

    @classmethod
    def of(cls, layer: RoundedLayer) -> Self:
        """The same numbers as tensors."""
        return cls(
            layer.heads,
            TensorRounding.of(layer.into_qkv),
            Product.of(layer.qkv),
            Product.of(layer.attended),
            _norm(layer.attended_norm),
            TensorRounding.of(layer.into_widen),
            Product.of(layer.widen),
            layer.step,
            layer.zero,
            Product.of(layer.narrow),
            torch.from_numpy(layer.exact_widen),
            torch.from_numpy(layer.exact_bias),
            torch.from_numpy(layer.exact_narrow),
            _norm(layer.norm),
        )

    def __call__(self, x: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
        """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
        seen = attend(self.qkv(rounded(x, self.into_qkv)), runs, self.heads)
        x = self.attended_norm(self.attended.add_to(as_bytes(seen), x))
        wide = self.widen.gelu(rounded(x, self.into_widen), self.step, self.zero)
        return self.norm(self.narrow.add_to(wide, self.with_exact_units(x)))

    def with_exact_units(self, x: torch.Tensor) -> torch.Tensor:
        """Add to x, in its place, what the units make of it that stay in float32."""
        half = torch.addmm(self.exact_bias, x, self.exact_widen)
        return x.addmm_(torch.addcmul(half, half, half.erf()), self.exact_narrow)


def as_arrays(layer: Layer) -> bert_weights.Layer:
    """The weights of a layer in float32 as NumPy's arrays, which share its memory."""
    return bert_weights.Layer(
        layer.heads,
        _linear_arrays(layer.qkv),
        _linear_arrays(layer.attended),
        _norm_arrays(layer.attended_norm),
        _linear_arrays(layer.widen),
        _linear_arrays(layer.narrow),
        _norm_arrays(layer.norm),
    )


def _linear_arrays(linear: Linear) -> bert_weights.Linear:
    return bert_weights.Linear(linear.weight.numpy(), linear.bias.numpy())


def _norm_arrays(norm: Norm) -> bert_weights.Norm:
    return bert_weights.Norm(norm.weight.numpy(), norm.bias.numpy(), norm.eps)


def _norm(norm: bert_weights.Norm) -> Norm:
    return Norm(torch.from_numpy(norm.weight), torch.from_numpy(norm.bias), norm.eps)


def rounded(x: torch.Tensor, by: TensorRounding) -> torch.Tensor:
    """Round to uint8: (tokens, channels) float32."""
    if len(x) <= BLOCK_TOKENS:
        return as_bytes(torch.addcmul(by.middle, x, by.per_step))
    out = torch.empty(x.shape, dtype=torch.int8)
    block = torch.empty(BLOCK_TOKENS, x.shape[1])
    for part, into in zip(
        torch.split(x, BLOCK_TOKENS), torch.split(out, BLOCK_TOKENS), strict=True
    ):
        scaled = torch.addcmul(by.middle, part, by.per_step, out=block[: len(part)])
        into.copy_(scaled.clamp_(0, 255))
    return out.view(torch.uint8)


def as_bytes(x: torch.Tensor) -> torch.Tensor:
    """Cut numbers to 0 ... 255, in their place, and give their whole parts as uint8.

    torch's conversion to uint8 takes twice as long as the one to int8, which keeps the lowest eight
    bits (`kernel_fault` in settle_products.py sees to it).
    """
    return x.clamp_(0, 255).to(torch.int8).view(torch.uint8)


def filled(tokens: int) -> int:
    """So many tokens, those of no text included, are computed for these."""
    to = SHORT_FILLED_TO if tokens <= SHORT_TOKENS else FILLED_TO
    return -(-tokens // to) * to
