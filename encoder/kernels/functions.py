"""Functions of vectors, number by number, and what goes across vectors."""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from encoder.kernels.code import INT32, LANES, Code

LOG2_E = 1.4426950408889634
# 2 ** f for f in [-0.5, 0.5], by ascending powers, within 2.7e-6 of its value (fitted to relative
# errors at Chebyshev points, with weights that even out the largest ones).
EXP2 = (0.999999261, 0.693121815, 0.240247451, 0.0559178594, 0.00957009041)
# erf(z) = 1 - (a1 t + ... + a5 t^5) exp(-z^2) with t = 1 / (1 + p z), within 3e-6 with that exp.
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
ERF_P = 0.3275911
ERF_A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def exp2(code: Code, numbers: Sequence[Any]) -> list[Any]:
    """2 ** x of vectors; infinite or 0 where that leaves float32.

    Step by step for all of them: a processor looks only so far ahead for what it can do meanwhile.
    """
    every_lane, rounding = ir.IntType(16)(-1), INT32(4)  # as the thread rounds
    powers = [code.call("llvm.rint.v16f32", x) for x in numbers]
    parts = [code.builder.fsub(x, power) for x, power in zip(numbers, powers, strict=True)]
    found = [code.floats(EXP2[-1])] * len(parts)
    for factor in EXP2[-2::-1]:
        found = [code.fma(one, f, code.floats(factor)) for one, f in zip(found, parts, strict=True)]
    return [
        code.call("llvm.x86.avx512.mask.scalef.ps.512", one, power, one, every_lane, rounding)
        for one, power in zip(found, powers, strict=True)
    ]


def erf(code: Code, z: Any) -> Any:
    """The error function."""
    b = code.builder
    size = code.call("llvm.fabs.v16f32", z)
    t = b.fdiv(code.floats(1.0), code.fma(size, code.floats(ERF_P), code.floats(1.0)))
    found = code.floats(ERF_A[0])
    for factor in ERF_A[1:]:
        found = code.fma(found, t, code.floats(factor))
    (falling,) = exp2(code, [b.fmul(b.fmul(size, size), code.floats(-LOG2_E))])
    found = b.fsub(code.floats(1.0), b.fmul(b.fmul(found, t), falling))
    return code.call("llvm.copysign.v16f32", found, z)


def sum_of(code: Code, vectors: Sequence[Any]) -> Any:
    """The sum of all numbers of some vectors: one number."""
    left = list(vectors)
    while len(left) > 1:
        pairs = zip(left[::2], left[1::2], strict=False)
        left = [code.builder.fadd(*pair) for pair in pairs] + left[len(left) // 2 * 2 :]
    return _across(code, left[0], code.builder.fadd)


def largest_of(code: Code, vector: Any) -> Any:
    """The largest number of a vector."""
    return _across(code, vector, code.larger)


def largest_whole(code: Code, vector: Any) -> Any:
    """The same for whole numbers."""
    return _across(code, vector, lambda a, b: code.call("llvm.smax.v16i32", a, b))


def _across(code: Code, vector: Any, join: Callable[[Any, Any], Any]) -> Any:
    """Join all numbers of a vector, the ones half a vector apart first."""
    found, width = vector, LANES // 2
    while width:
        found = join(found, code.shuffled(found, found, [i ^ width for i in range(LANES)]))
        width //= 2
    return code.builder.extract_element(found, INT32(0))


def transposed(code: Code, rows: Sequence[Any]) -> list[Any]:
    """The columns of as many vectors as a vector has numbers."""
    found, width = list(rows), 1
    while width < LANES:
        for i in (i for i in range(LANES) if not i & width):
            a, b = found[i], found[i | width]
            low = [LANES + (j ^ width) if j & width else j for j in range(LANES)]
            high = [LANES + j if j & width else j | width for j in range(LANES)]
            found[i], found[i | width] = code.shuffled(a, b, low), code.shuffled(a, b, high)
        width *= 2
    return found
