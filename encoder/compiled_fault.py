"""Try the compiled functions of a layer on random numbers before they are used."""

import numpy as np

from encoder.compiled_layers import (
    Array,
    Normed,
    Panels,
    Placed,
    Steps,
    Unsigned,
    scratch_for,
)
from encoder.int8_weights import MIDDLE, RoundedLayer, RoundedLinear, Rounding
from encoder.kernels.product import PANEL, ROWS, Follow
from encoder.numpy_bert import attend, gelu, normed
from encoder.spec import Vectors

# Lengths of the texts that attention is tried on.
TRIED_LENGTHS = (1, 13, 70)
# Bytes that come out one off where a number lies between two of them, and no further.
MOST_ONE_OFF = 0.01


def fault_of(steps: Steps, layer: RoundedLayer) -> str | None:
    """Say what a layer's compiled functions compute wrong, by what NumPy computes, if anything."""
    random = np.random.default_rng(0)
    with np.errstate(all="ignore"):  # weights as large as a damaged file has them leave float32
        return (
            _attention_fault(steps, layer.heads, len(layer.norm.weight), random)
            or _product_fault(steps, random)
            or _norm_fault(steps, layer, random)
        )


def as_bytes(x: Vectors) -> Unsigned:
    """The whole parts of numbers, cut to 0 ... 255."""
    return np.clip(x, 0, 255).astype(np.uint8)


def rounded(x: Vectors, by: Rounding) -> Unsigned:
    """States as whole numbers: (tokens, dim)."""
    return as_bytes(x * by.per_step + by.middle)


def with_exact_units(x: Vectors, layer: RoundedLayer) -> Vectors:
    """States and what the units make of them that stay in float32: (tokens, dim)."""
    root = np.float32(2**0.5)  # times the halves that the weights make; see RoundedLayer
    units = gelu((x @ layer.exact_widen + layer.exact_bias) * root)
    units *= root
    added: Vectors = units @ layer.exact_narrow
    added += x
    return added


def _attention_fault(steps: Steps, heads: int, dim: int, random: np.random.Generator) -> str | None:
    qkv = _normal(random, sum(TRIED_LENGTHS), 3 * dim)
    qkv *= 0.5
    qkv[:, 2 * dim :] = qkv[:, 2 * dim :] * 100 + MIDDLE
    seen = attend(qkv, TRIED_LENGTHS, heads)
    found = Placed.room(seen.shape, np.uint8)
    lengths = Placed.of(np.array(TRIED_LENGTHS, np.int64))
    steps.attend(Placed.of(qkv), lengths, scratch_for(max(TRIED_LENGTHS)), found)
    if _differ(found.array, as_bytes(seen)):
        return "compiled attention does not give what NumPy gives"
    return None


def _product_fault(steps: Steps, random: np.random.Generator) -> str | None:
    """Multiply the largest numbers and random ones."""
    inputs, outputs = 2 * PANEL, PANEL + 8
    x = random.integers(0, 256, (2 * ROWS, inputs), np.uint8)
    rows = random.integers(-127, 128, (outputs, inputs), np.int8)
    x[0], rows[0] = 255, 127
    scales = random.random(outputs, np.float32) * np.float32(2e-4)
    bias = random.random(outputs, np.float32) * 3 - 1
    by = Panels.of(RoundedLinear(rows, scales, 0.5, bias))
    wanted = x.astype(np.float32) @ (rows * scales[:, None] * np.float32(0.5)).T + bias
    out = Placed.room((2 * ROWS, len(by.bias.array)))
    follows: tuple[Follow, ...] = ("store", "add")
    for times, follow in enumerate(follows, 1):
        steps.product(Placed.of(x), by, follow, out)
        if not np.allclose(out.array[:, :outputs], times * wanted, atol=1e-4, rtol=1e-5):
            return "compiled products do not give what NumPy gives"
    small = Placed.room(out.array.shape, np.uint8)
    steps.product(Placed.of(x), by, "gelu", small, 20.0, 4.5)
    if _differ(small.array[:, :outputs], as_bytes(gelu(wanted) * 20 + np.float32(4.5))):
        return "compiled products do not round as NumPy does"
    return None


def _norm_fault(steps: Steps, layer: RoundedLayer, random: np.random.Generator) -> str | None:
    x = _normal(random, 16, len(layer.norm.weight)) * 3 + 1
    for norm, by, exact in (
        (layer.norm, layer.into_qkv, None),
        (layer.attended_norm, layer.into_widen, layer),
    ):
        wanted, found = normed(x.copy(), norm), Placed.of(x.copy())
        small = Placed.room(x.shape, np.uint8)
        steps.normalise(found, Normed.of(norm, by, exact), small)
        if _differ(small.array, rounded(wanted, by)):
            return "compiled norms do not round as NumPy does"
        wanted = with_exact_units(wanted, layer) if exact else wanted
        if not np.allclose(found.array, wanted, rtol=1e-4, atol=1e-4 * float(np.abs(wanted).max())):
            return "compiled norms do not give what NumPy gives"
    return None


def _normal(random: np.random.Generator, *shape: int) -> Vectors:
    return random.standard_normal(shape, np.float32)


def _differ(found: Array, wanted: Array) -> bool:
    """Tell whether bytes differ by more than rounding explains."""
    off = np.abs(found.astype(np.int32) - wanted)
    return int(off.max()) > 1 or float((off > 0).mean()) > MOST_ONE_OFF
