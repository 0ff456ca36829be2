"""Layer norm with what follows it: rounding, and the few units that stay in float32."""

from typing import Any

from encoder.kernels.code import BYTE, FLOAT, INT, LANES, POINTER, Code, Compiled
from encoder.kernels.functions import erf, sum_of

# Tokens at a time: each number of a weight is then read once for all of them.
TOKENS = 8


def write_norm(dim: int, *, exact: bool) -> Compiled:
    """Compile the norm of states, a multiple of 16 wide; exact units are 16.

    Its arguments: states (tokens, dim) float32, which are normalised in their place; weight and
    bias of the norm; how each channel is rounded, 1 / step and middle (encoder/int8_weights.py);
    the rounded states, (tokens, dim) uint8; the norm's eps; how many tokens, a multiple of 8. With
    `exact` also widening weights (dim, 16) and bias, and narrowing weights (16, dim): what these
    units make of the normalised states is added to them once they are rounded.
    """
    kinds = [POINTER] * 6 + [FLOAT, INT] + [POINTER] * (3 if exact else 0)
    code = Code("norm", kinds)
    x, weight, bias, per_step, middle, out, eps, tokens, *units = code.arguments
    with code.loop(tokens, TOKENS) as token:
        offset = code.times(token, dim)
        here, into = code.at(x, offset), code.at(out, offset, BYTE)
        with code.loop(TOKENS * dim, dim) as i:
            row, bytes_of_row = code.at(here, i), code.at(into, i, BYTE)
            normed = _normed(code, row, weight, bias, eps, dim)
            for part, numbers in zip(range(0, dim, LANES), normed, strict=True):
                code.store(numbers, row, part)
                scaled = code.fma(numbers, code.load(per_step, part), code.load(middle, part))
                code.store(code.as_bytes(scaled), bytes_of_row, part)
        if exact:
            _add_units(code, here, dim, *units)
    return code.compiled()


def _normed(code: Code, row: Any, weight: Any, bias: Any, eps: Any, dim: int) -> list[Any]:
    b, parts = code.builder, range(0, dim, LANES)
    numbers = [code.load(row, part) for part in parts]
    mean = code.spread(b.fmul(sum_of(code, numbers), FLOAT(1 / dim)))
    numbers = [b.fsub(one, mean) for one in numbers]
    squares = sum_of(code, [b.fmul(one, one) for one in numbers])
    deviation = code.call("llvm.sqrt.f32", b.fadd(b.fmul(squares, FLOAT(1 / dim)), eps))
    factor = code.spread(b.fdiv(FLOAT(1.0), deviation))
    return [
        code.fma(b.fmul(one, factor), code.load(weight, part), code.load(bias, part))
        for part, one in zip(parts, numbers, strict=True)
    ]


def _add_units(code: Code, rows: Any, dim: int, widen: Any, widen_bias: Any, narrow: Any) -> None:
    """Add to 8 rows what GELU of 16 units makes of them; square roots are in the weights."""
    halves = code.variables([code.load(widen_bias)] * TOKENS)
    with code.loop(dim) as d:
        weights = code.load(widen, code.times(d, LANES))
        for i, half in enumerate(halves):
            one = code.spread(code.load(code.at(rows, d), i * dim, FLOAT))
            code.put(half, code.fma(one, weights, code.get(half)))
    units = code.array(TOKENS * LANES)
    for i, half in enumerate(halves):
        h = code.get(half)
        code.store(code.fma(h, erf(code, h), h), units, i * LANES)
    with code.loop(dim, LANES) as part:
        here = code.at(rows, part)
        sums = code.variables([code.load(here, i * dim) for i in range(TOKENS)])
        with code.loop(LANES) as unit:
            weights = code.load(code.at(narrow, part), code.times(unit, dim))
            for i, total in enumerate(sums):
                one = code.spread(code.load(code.at(units, unit), i * LANES, FLOAT))
                code.put(total, code.fma(one, weights, code.get(total)))
        for i, total in enumerate(sums):
            code.store(code.get(total), here, i * dim)
