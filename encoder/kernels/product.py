"""Products of 8-bit integers with what follows them: tokens by weights, then bias, GELU, rounding.

6 tokens by 64 outputs at a time, 24 vectors of sums that stay in the registers: of all shapes with
so many, this one loads the fewest numbers. Weights lie in panels of 64 outputs, four inputs side by
side, as VNNI multiplies them.
"""

from typing import Any, Literal

from encoder.kernels.code import (
    BYTE,
    FLOAT,
    INT,
    INT32,
    LANES,
    POINTER,
    VECTOR,
    WHOLES,
    Code,
    Compiled,
)

ROWS, PANEL = 6, 64
# Fours of inputs that are multiplied before the loop looks whether there are more.
FOURS = 2
# Tokens that go through all panels together: their inputs stay in a core's cache.
BLOCK = 192
# A line of weights is fetched when what stands so many fours of inputs before it is multiplied. All
# weights together are read once for a question, from beyond a core's cache: a seventh of its time.
AHEAD = 1024
# GELU(x) is max(x, 0) - t p(t), t = |x| and at most 3.8, within 1.7e-4: a hundredth of a step of
# what it is rounded to. Fitted by least squares with weights that even out the largest errors.
GELU_END = 3.8
GELU_P = (
    0.49813719,
    -0.37960579,
    -0.061411252,
    0.15447395,
    -0.06334814,
    0.011062261,
    -0.0007311216,
)
Follow = Literal["store", "add", "gelu"]


def write_product(follow: Follow) -> Compiled:
    """Compile a product and what follows it: storing float32, adding it, or rounding its GELU.

    Its arguments: x (tokens, inputs) uint8; weights (outputs / 64, inputs / 4, 64, 4) int8; what
    one unit of the sum stands for and the bias, (outputs,) float32; the result, (tokens, outputs),
    float32, with "gelu" uint8; tokens, a multiple of 6; inputs, of 8; outputs, of 64; with "gelu"
    1 / step, and what 0 is stored as plus a half.
    """
    code = Code("product", [POINTER] * 5 + [INT] * 3 + [FLOAT] * 2)
    x, weights, scales, bias, out, tokens, inputs, outputs, per_step, zero = code.arguments
    b = code.builder
    quads = b.sdiv(inputs, INT(4))
    panels = b.sdiv(outputs, INT(PANEL))
    parts = range(0, PANEL, LANES)
    kind = BYTE if follow == "gelu" else FLOAT
    with code.loop(tokens, BLOCK) as block:
        in_block = code.least(BLOCK, b.sub(tokens, block))
        with code.loop(panels) as panel:
            at = code.times(panel, PANEL)
            here = code.at(weights, code.times(at, quads), INT32)
            with code.loop(in_block, ROWS) as first:
                token = code.plus(block, first)
                rows = code.at(x, code.times(token, quads), INT32)
                sums = [code.variables([code.spread(INT32(0))] * len(parts)) for _ in range(ROWS)]
                offsets = [code.times(quads, r) for r in range(ROWS)]
                with code.loop(quads, FOURS) as k:
                    for further in range(FOURS):
                        quad = code.plus(k, further)
                        place = code.at(here, code.times(quad, PANEL), INT32)
                        columns = [code.load(place, part, WHOLES) for part in parts]
                        for part in parts:
                            code.fetch(code.at(place, AHEAD + part, INT32))
                        for r in range(ROWS):
                            four = code.load(code.at(rows, quad, INT32), offsets[r], INT32)
                            for total, weight in zip(sums[r], columns, strict=True):
                                code.put(total, code.add_fours(total, code.spread(four), weight))
                into = code.at(out, code.plus(code.times(token, outputs), at), kind)
                for i, part in enumerate(parts):
                    scale, add = (code.load(code.at(one, at), part) for one in (scales, bias))
                    for r in range(ROWS):
                        total = b.sitofp(code.get(sums[r][i], WHOLES), VECTOR)
                        found = code.fma(total, scale, add)
                        row = code.at(into, code.times(outputs, r), kind)
                        if follow == "add":
                            found = b.fadd(found, code.load(row, part))
                        elif follow == "gelu":
                            one, half = code.spread(per_step), code.spread(zero)
                            found = code.as_bytes(code.fma(gelu(code, found), one, half))
                        code.store(found, row, part)
    return code.compiled()


def gelu(code: Code, x: Any) -> Any:
    """GELU of a vector."""
    size = code.smaller(code.call("llvm.fabs.v16f32", x), code.floats(GELU_END))
    found = code.floats(GELU_P[-1])
    for factor in GELU_P[-2::-1]:
        found = code.fma(found, size, code.floats(factor))
    return code.builder.fsub(code.larger(x, code.floats(0.0)), code.builder.fmul(found, size))
