"""BERT's weights for matrix products on 8-bit integers: rounded, with what is needed to get back.

Weights are rounded with one scale for each output. What goes into a product is rounded with one
fixed scale for all tokens, so that a kernel gives the result back in float32, or rounded again
behind GELU, without another pass over memory. Three things keep it near float32, each measured
(docs/decisions/011):

- channels that are large are divided before rounding and their weights multiplied (SmoothQuant,
  Xiao et al. 2023), by factors from the ranges that were seen on ordinary text;
- the few units behind GELU with the widest range stay in float32;
- attention's exponentials, norms and the residual stay in float32.

A number x is stored as floor(x / step + 128.5), cut to 0 ... 255, as the kernels want the first
factor without a sign. What the 128 adds to a product is the same for every token and is taken off
the bias.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from encoder.activation_ranges import LayerRanges
from encoder.bert_weights import Layer, Linear, Norm
from encoder.spec import Vectors

Bytes = npt.NDArray[np.int8]

MIDDLE = 128
# Room above what was seen, so that other text is seldom cut.
HEADROOM = 1.05
# How much of a channel's range goes to its weights, before each product.
SMOOTHING_QKV, SMOOTHING_ATTENDED, SMOOTHING_WIDEN = 0.9, 0.8, 0.65
# Units behind GELU that stay in float32: one or two reach 60, where most stay below 5.
WIDE_UNITS = 16
# GELU is nowhere below this.
LEAST_GELU = -0.17


class Rounding(NamedTuple):
    """How each channel is stored as a whole number, x / step + 128.5 cut to its whole part.

    Attributes:
        per_step: Shape (dim,): 1 / step of each channel.
        middle: Shape (dim,): 128.5, less where the channel's middle lies.
    """

    per_step: Vectors
    middle: Vectors


class RoundedLinear(NamedTuple):
    """A linear layer in whole numbers.

    Attributes:
        rows: The weights, (out, in).
        scales: Shape (out,): what one unit of the sum stands for, without the input's step.
        step: What one unit of the input stands for.
        bias: Shape (out,), float32.
    """

    rows: Bytes
    scales: Vectors
    step: float
    bias: Vectors


class RoundedLayer(NamedTuple):
    """One layer; made by `round_layer`."""

    heads: int
    into_qkv: Rounding
    qkv: RoundedLinear  # values leave it in steps and moved by MIDDLE, ready for rounding
    attended: RoundedLinear
    attended_norm: Norm
    into_widen: Rounding
    widen: RoundedLinear
    step: float  # of what leaves GELU
    zero: int
    narrow: RoundedLinear
    # GELU(x) is h + h erf(h), with h = x / sqrt(2), times sqrt(1/2): the roots are in the weights.
    # Laid out so that a token's sums do not depend on how many tokens there are.
    exact_widen: Vectors  # (dim, WIDE_UNITS)
    exact_bias: Vectors
    exact_narrow: Vectors  # (WIDE_UNITS, dim)
    norm: Norm

    @property
    def is_finite(self) -> bool:
        """Whether all weights that it was made of are: rounded, most others would go unnoticed."""
        linears = (self.qkv, self.attended, self.widen, self.narrow)
        parts = [part for one in linears for part in (one.scales, one.bias)]
        parts += [self.exact_widen, self.exact_bias, self.exact_narrow]
        parts += [part for norm in (self.attended_norm, self.norm) for part in norm[:2]]
        return all(bool(np.isfinite(part).all()) for part in parts)


def round_layer(layer: Layer, ranges: LayerRanges) -> RoundedLayer:
    """Round a layer's weights, for inputs of the given ranges.

    Weights that are no numbers are not told here: `is_finite` does.
    """
    with np.errstate(all="ignore"):
        return _round_layer(layer, ranges)


def _round_layer(layer: Layer, ranges: LayerRanges) -> RoundedLayer:
    dim = len(layer.norm.weight)
    into_qkv, qkv = smoothed(layer.qkv, ranges.into_qkv, SMOOTHING_QKV)
    by, attended = smoothed(layer.attended, ranges.attended, SMOOTHING_ATTENDED)
    # The weights of attention sum to 1, so what is added to values comes out of it unchanged.
    qkv.weight[2 * dim :] *= by.per_step[:, None]
    qkv.bias[2 * dim :] = qkv.bias[2 * dim :] * by.per_step + by.middle
    into_widen, widen = smoothed(layer.widen, ranges.into_widen, SMOOTHING_WIDEN)
    order = np.argsort(-ranges.behind_gelu, kind="stable")
    exact, small = order[:WIDE_UNITS], order[WIDE_UNITS:]
    gelu_step = (float(ranges.behind_gelu[small].max()) * HEADROOM - LEAST_GELU) / 255
    zero = round(-LEAST_GELU / gelu_step)
    narrow = layer.narrow.weight
    return RoundedLayer(
        heads=layer.heads,
        into_qkv=into_qkv,
        qkv=round_linear(qkv, 1.0, MIDDLE),
        attended=round_linear(attended, 1.0, MIDDLE),
        attended_norm=layer.attended_norm,
        into_widen=into_widen,
        widen=round_linear(Linear(widen.weight[small], widen.bias[small]), 1.0, MIDDLE),
        step=gelu_step,
        zero=zero,
        narrow=round_linear(Linear(narrow.take(small, axis=1), layer.narrow.bias), gelu_step, zero),
        exact_widen=np.ascontiguousarray((layer.widen.weight[exact] * np.float32(0.5**0.5)).T),
        exact_bias=layer.widen.bias[exact] * np.float32(0.5**0.5),
        exact_narrow=np.ascontiguousarray((narrow[:, exact] * np.float32(0.5**0.5)).T),
        norm=layer.norm,
    )


def smoothed(linear: Linear, reached: Vectors, share: float) -> tuple[Rounding, Linear]:
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
    weights = _largest(linear.weight, axis=0)
    factors = np.maximum(half, 1e-4) ** share / np.maximum(weights, 1e-5) ** (1 - share)
    factors *= (half / factors).max() * HEADROOM / (MIDDLE - 1)
    rounding = Rounding(1 / factors, MIDDLE + np.float32(0.5) - middle / factors)
    # Not by @: OpenBLAS would let its threads wait for each other while LLVM compiles.
    moved = np.einsum("oi,i->o", linear.weight, middle)
    return rounding, Linear(linear.weight * factors, linear.bias + moved)


def round_linear(linear: Linear, step: float, zero: int) -> RoundedLinear:
    """Round weights with one scale for each output.

    Args:
        linear: Weight (out, in) and bias.
        step: What one unit of the input stands for.
        zero: What an input of 0 is stored as.
    """
    scales = np.maximum(_largest(linear.weight, axis=1) / 127, np.float32(1e-12))
    weight = linear.weight / scales[:, None]
    rows = np.rint(weight, out=weight).astype(np.int8)
    sums = rows.sum(axis=1, dtype=np.int32).astype(np.float32)
    return RoundedLinear(rows, scales, step, linear.bias - np.float32(zero * step) * scales * sums)


def _largest(weight: Vectors, axis: int) -> Vectors:
    """The largest absolute values, without a copy of all of them."""
    largest: Vectors = np.maximum(weight.max(axis=axis), -weight.min(axis=axis))
    return largest
