"""A BERT layer whose matrix products run on 8-bit integers, four to eight times as many a second.

Weights are rounded with one scale for each output. What goes into a product is rounded with one
fixed scale for all tokens, so that oneDNN's kernels give the result back in float32, or rounded
again behind GELU, without another pass over memory. Three things keep it near float32, each
measured (docs/decisions/011):

- channels that are large are divided before rounding and their weights multiplied (SmoothQuant,
  Xiao et al. 2023), by factors from the ranges that were seen on ordinary text;
- the few units behind GELU with the widest range stay in float32;
- attention, norms and the residual stay in float32.

A number x is stored as floor(x / step + 128.5), cut to 0 ... 255, as the kernels want the first
factor without a sign. What the 128 adds to a product is the same for every token and is taken off
the bias.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from encoder.activation_ranges import LayerRanges
from encoder.bert import Layer, Linear, Norm
from encoder.bert_attention import Run, attend

MIDDLE = 128
# Room above what was seen, so that other text is seldom cut.
HEADROOM = 1.05
# How much of a channel's range goes to its weights, before each product.
SMOOTHING_QKV, SMOOTHING_ATTENDED, SMOOTHING_WIDEN = 0.9, 0.8, 0.65
# Units behind GELU that stay in float32: one or two reach 60, where most stay below 5.
WIDE_UNITS = 16
# Tokens are filled up to a multiple of this: oneDNN compiles each product once for each number of
# tokens, which takes milliseconds. A question has few tokens, and each of them costs.
FILLED_TO, SHORT_FILLED_TO, SHORT_TOKENS = 32, 8, 64
# Tokens that are rounded at a time: what is written and read again stays in a core's cache.
BLOCK_TOKENS = 512
# GELU is nowhere below this.
LEAST_GELU = -0.17


class Product(NamedTuple):
    """A matrix product of rounded numbers, bias added.

    Attributes:
        rows: The weights, (out, in) int8; laid out for oneDNN they are still of this shape.
        scales: Shape (out,): what one unit of the sum stands for, without the input's step.
        step: What one unit of the input stands for.
        bias: Shape (out,), float32.
        is_packed: Whether the weights are laid out for oneDNN, without which it cannot multiply.
    """

    rows: torch.Tensor
    scales: torch.Tensor
    zeros: torch.Tensor
    step: float
    bias: torch.Tensor
    is_packed: bool = False

    def packed(self) -> "Product":
        """The same with the weights as oneDNN multiplies by them."""
        if self.is_packed:
            return self
        rows = torch.ops.onednn.qlinear_prepack(self.rows, None)
        return self._replace(rows=rows, is_packed=True)

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


class Rounding(NamedTuple):
    """How each channel is stored as a whole number, x / step + 128.5 cut to its whole part.

    Attributes:
        per_step: Shape (dim,): 1 / step of each channel.
        middle: Shape (dim,): 128.5, less where the channel's middle lies.
    """

    per_step: torch.Tensor
    middle: torch.Tensor


class Int8Layer(NamedTuple):
    """One layer; made by `int8_layer`."""

    heads: int
    into_qkv: Rounding
    qkv: Product  # values leave it in steps and moved by MIDDLE, ready for rounding
    attended: Product
    attended_norm: Norm
    into_widen: Rounding
    widen: Product
    step: float  # of what leaves GELU
    zero: int
    narrow: Product
    # GELU(x) is h + h erf(h), with h = x / sqrt(2), times sqrt(1/2): the roots are in the weights.
    # Laid out so that a token's sums do not depend on how many tokens there are.
    exact_widen: torch.Tensor  # (dim, WIDE_UNITS)
    exact_bias: torch.Tensor
    exact_narrow: torch.Tensor  # (WIDE_UNITS, dim)
    norm: Norm

    def __call__(self, x: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
        """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
        seen = attend(self.qkv(rounded(x, self.into_qkv)), runs, self.heads)
        x = self.attended_norm(self.attended.add_to(as_bytes(seen), x))
        wide = self.widen.gelu(rounded(x, self.into_widen), self.step, self.zero)
        return self.norm(self.narrow.add_to(wide, self.with_exact_units(x)))

    @property
    def is_finite(self) -> bool:
        """Whether all weights that it was made of are: rounded, most others would go unnoticed."""
        products = (self.qkv, self.attended, self.widen, self.narrow)
        parts = [part for one in products for part in (one.scales, one.bias)]
        parts += [self.exact_widen, self.exact_bias, self.exact_narrow]
        parts += [part for norm in (self.attended_norm, self.norm) for part in norm[:2]]
        return all(bool(part.isfinite().all()) for part in parts)

    def packed(self) -> "Int8Layer":
        """The same with products that oneDNN can multiply."""
        names = ("qkv", "attended", "widen", "narrow")
        return self._replace(**{name: getattr(self, name).packed() for name in names})

    def with_exact_units(self, x: torch.Tensor) -> torch.Tensor:
        """Add to x, in its place, what the units make of it that stay in float32."""
        half = torch.addmm(self.exact_bias, x, self.exact_widen)
        return x.addmm_(torch.addcmul(half, half, half.erf()), self.exact_narrow)


def rounded(x: torch.Tensor, by: Rounding) -> torch.Tensor:
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


def int8_layer(layer: Layer, ranges: LayerRanges) -> Int8Layer:
    """Round a layer's weights, for inputs of the given ranges."""
    dim = len(layer.norm.weight)
    into_qkv, qkv = smoothed(layer.qkv, ranges.into_qkv, SMOOTHING_QKV)
    by, attended = smoothed(layer.attended, ranges.attended, SMOOTHING_ATTENDED)
    # The weights of attention sum to 1, so what is added to values comes out of it unchanged.
    qkv.weight[2 * dim :] *= by.per_step.unsqueeze(1)
    qkv.bias[2 * dim :] = qkv.bias[2 * dim :] * by.per_step + by.middle
    into_widen, widen = smoothed(layer.widen, ranges.into_widen, SMOOTHING_WIDEN)
    order = ranges.behind_gelu.argsort(descending=True)
    exact, small = order[:WIDE_UNITS], order[WIDE_UNITS:]
    gelu_step = (float(ranges.behind_gelu[small].max()) * HEADROOM - LEAST_GELU) / 255
    zero = round(-LEAST_GELU / gelu_step)
    narrow = layer.narrow
    return Int8Layer(
        heads=layer.heads,
        into_qkv=into_qkv,
        qkv=product_of(qkv, 1.0, MIDDLE),
        attended=product_of(attended, 1.0, MIDDLE),
        attended_norm=layer.attended_norm,
        into_widen=into_widen,
        widen=product_of(Linear(widen.weight[small], widen.bias[small]), 1.0, MIDDLE),
        step=gelu_step,
        zero=zero,
        narrow=product_of(Linear(narrow.weight[:, small], narrow.bias), gelu_step, zero),
        exact_widen=(layer.widen.weight[exact] * 0.5**0.5).t().contiguous(),
        exact_bias=layer.widen.bias[exact] * 0.5**0.5,
        exact_narrow=(narrow.weight[:, exact] * 0.5**0.5).t().contiguous(),
        norm=layer.norm,
    )


def smoothed(linear: Linear, reached: torch.Tensor, share: float) -> tuple[Rounding, Linear]:
    """Choose how each input channel is rounded.

    Args:
        linear: Weight (out, in).
        reached: Shape (2, in): the lowest and highest value seen of each channel.
        share: How much of a channel's range goes to its weights: 0 none, 1 all of it.

    Returns:
        How to round, and the weights of what is rounded, in steps, with the bias that takes the
        channels' middles back.
    """
    low, high = reached
    middle, half = (low + high) / 2, (high - low) / 2
    weights = linear.weight.abs().amax(dim=0)
    factors = half.clamp(min=1e-4) ** share / weights.clamp(min=1e-5) ** (1 - share)
    factors *= (half / factors).max() * HEADROOM / (MIDDLE - 1)
    rounding = Rounding(1 / factors, MIDDLE + 0.5 - middle / factors)
    return rounding, Linear(linear.weight * factors, linear.bias + linear.weight @ middle)


def product_of(linear: Linear, step: float, zero: int) -> Product:
    """Round weights with one scale for each output.

    Args:
        linear: Weight (out, in) and bias.
        step: What one unit of the input stands for.
        zero: What an input of 0 is stored as.
    """
    scales = (linear.weight.abs().amax(dim=1) / 127).clamp(min=1e-12)
    weight = (linear.weight / scales.unsqueeze(1)).round_()
    bias = linear.bias - zero * step * scales * weight.sum(dim=1)
    zeros = torch.zeros(len(scales), dtype=torch.int32)
    return Product(weight.to(torch.int8), scales, zeros, step, bias)
