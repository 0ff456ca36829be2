"""Attention within texts laid end to end: from queries, keys and values to bytes.

Products are of whole numbers of 16 bits, which a processor with VNNI adds up twice as fast as
float32: queries, keys and values are rounded to 13 or 14 bits of the largest in a head of a text
(keys and values) or in a row (queries), and so are exponentials, after the largest score of a query
was taken off. For 12 queries of a head at a time, scores by 32 keys are 24 vectors that stay in the
registers, and so are the sums of values.
"""

from math import log2
from typing import Any

from encoder.kernels.code import (
    BYTE,
    INT,
    INT32,
    LANES,
    POINTER,
    VECTOR,
    WHOLES,
    Code,
    Compiled,
)
from encoder.kernels.functions import LOG2_E, exp2, largest_of, largest_whole, sum_of, transposed

# Queries and keys whose scores are in registers at a time.
ROWS, PANEL = 12, 32
# Queries whose exponentials are computed at a time.
ROWS_WEIGHED = 4
# The largest numbers of queries and keys: 32 products add up to less than 2 ** 30, so that two
# scores are less than 2 ** 31 apart.
MOST = 5792
# The largest exponential and value: the sum of 32 products is less than 2 ** 31.
MOST_POWER, MOST_VALUE = 2**13, 2**13 - 1
# Instead of a division by zero where all numbers are zero.
TINY = 1e-30


def scratch_numbers(longest: int, width: int) -> int:
    """How many numbers of 4 bytes the function needs for texts of at most a length."""
    filled = -(-longest // PANEL) * PANEL
    return filled * (1 + ROWS + width)


def write_attention(width: int) -> Compiled:
    """Compile attention for heads of a width of 32.

    Its arguments: queries (scaled), keys and values, (tokens, 3 * heads * width) float32; tokens of
    each text, int64; how many texts; how many heads; the result, (tokens, heads * width) uint8: the
    whole parts, cut to 0 ... 255; scratch.
    """
    code = Code("attention", [POINTER, POINTER, INT, INT, POINTER, POINTER])
    qkv, lengths, texts, heads, out, scratch = code.arguments
    dim = code.times(heads, width)
    row = code.times(dim, 3)
    (first,) = code.variables([INT(0)])
    with code.loop(texts) as text:
        length, start = code.load(lengths, text, INT), code.get(first, INT)
        panels = code.builder.sdiv(code.plus(length, PANEL - 1), INT(PANEL))
        filled = code.times(panels, PANEL)
        inside = scratch  # (filled,): all bits where a key is, none behind them
        scores = code.at(inside, filled)  # (panels, ROWS, PANEL)
        keys = code.at(scores, code.times(filled, ROWS))  # (panels, width / 2, PANEL) pairs
        values = code.at(keys, code.times(filled, width // 2))  # (panels, PANEL / 2, width) pairs
        with code.loop(filled) as i:
            is_key = code.builder.icmp_signed("<", i, length)
            code.store(code.builder.select(is_key, INT32(-1), INT32(0)), inside, i)
        with code.loop(heads) as head:
            at_head = code.times(head, width)
            q = code.at(qkv, code.plus(code.times(start, row), at_head))
            k = code.at(q, dim)
            v = code.at(k, dim)
            _fetch(code, q, row, length, width)
            one_key = _lay_out_keys(code, k, row, length, filled, keys, width)
            one_value = _lay_out_values(code, v, row, length, panels, values, width)
            with code.loop(length, ROWS) as query:
                queries, ones = code.array(ROWS * width // 2), code.array(ROWS * LANES)
                _take_queries(code, q, row, query, length, queries, ones, width)
                most = _score(code, queries, keys, panels, scores, width)
                sums = _weigh(code, scores, panels, inside, most, ones, one_key)
                seen = _sum_values(code, scores, values, panels, length, width)
                count = code.least(ROWS, code.builder.sub(length, query))
                token = code.plus(start, query)
                into = code.at(out, code.plus(code.times(token, dim), at_head), BYTE)
                _put(code, seen, sums, one_value, count, into, dim, width)
        code.put(first, code.plus(start, length))
    return code.compiled()


def _fetch(code: Code, numbers: Any, row: Any, count: Any, width: int) -> None:
    """Have rows fetched that are read later: each lies in a page of its own."""
    with code.loop(count) as i:
        for part in range(0, width, LANES):
            code.fetch(code.at(numbers, code.plus(code.times(i, row), part)))


def _largest(code: Code, numbers: Any, row: Any, count: Any, width: int) -> Any:
    """The largest absolute value in rows: a vector of it."""
    (found,) = code.variables([code.floats(TINY)])
    with code.loop(count) as i:
        here = code.at(numbers, code.times(i, row))
        for part in range(0, width, LANES):
            size = code.call("llvm.fabs.v16f32", code.load(here, part))
            code.put(found, code.larger(code.get(found), size))
    return code.spread(largest_of(code, code.get(found)))


def _pairs(code: Code, numbers: Any, factor: Any, width: int) -> Any:
    """A row in whole numbers: its first half paired with its second."""
    halves = (code.load(numbers, part) for part in range(0, width, LANES))
    return code.paired(*(code.rounded(code.builder.fmul(half, factor)) for half in halves))


def _lay_out_keys(
    code: Code, k: Any, row: Any, length: Any, filled: Any, keys: Any, width: int
) -> Any:
    """Keys of a head, 32 side by side, each of their pairs in turn; give what 1 stands for."""
    b = code.builder
    largest = _largest(code, k, row, length, width)
    factor = b.fdiv(code.floats(MOST), largest)
    with code.loop(filled, LANES) as start:
        # Behind the last key, it again: those are not counted.
        last = b.sub(length, INT(1))
        places = [code.times(code.least(code.plus(start, i), last), row) for i in range(LANES)]
        panel, within = b.sdiv(start, INT(PANEL)), b.srem(start, INT(PANEL))
        into = code.at(keys, code.plus(code.times(panel, width // 2 * PANEL), within))
        rows = [_pairs(code, code.at(k, place), factor, width) for place in places]
        for i, column in enumerate(transposed(code, rows)):
            code.store(column, into, i * PANEL)
    return b.fmul(largest, code.floats(1 / MOST))


def _lay_out_values(
    code: Code, v: Any, row: Any, length: Any, panels: Any, values: Any, width: int
) -> Any:
    """Values of a head, those of keys i and i + 16 of a panel in pairs; give what 1 stands for."""
    b = code.builder
    largest = _largest(code, v, row, length, width)
    factor = b.fdiv(code.floats(MOST_VALUE), largest)
    last = b.sub(length, INT(1))
    with code.loop(panels) as panel, code.loop(LANES) as i:
        key = code.plus(code.times(panel, PANEL), i)
        into = code.at(values, code.times(code.plus(code.times(panel, LANES), i), width))
        places = [code.times(code.least(code.plus(key, more), last), row) for more in (0, LANES)]
        for part in range(0, width, LANES):
            pair = [
                code.rounded(b.fmul(code.load(code.at(v, place), part), factor)) for place in places
            ]
            code.store(code.paired(*pair), into, part)
    return b.fmul(largest, code.floats(1 / MOST_VALUE))


def _take_queries(
    code: Code, q: Any, row: Any, first: Any, length: Any, queries: Any, ones: Any, width: int
) -> None:
    """The next queries, and what 1 stands for in each; behind the last one, it again."""
    last = code.builder.sub(length, INT(1))
    with code.loop(ROWS) as r:
        source = code.at(q, code.times(code.least(code.plus(first, r), last), row))
        largest = _largest(code, source, INT(0), INT(1), width)
        factor = code.builder.fdiv(code.floats(MOST), largest)
        code.store(_pairs(code, source, factor, width), queries, code.times(r, width // 2))
        # Exponentials are computed as powers of 2.
        one = code.builder.fmul(largest, code.floats(LOG2_E / MOST))
        code.store(one, ones, code.times(r, LANES))


def _score(code: Code, queries: Any, keys: Any, panels: Any, scores: Any, width: int) -> list[Any]:
    """Scores of the queries, whole numbers; for each query a vector of the largest ones."""
    none = code.spread(INT32(0))
    most = code.variables([code.spread(INT32(-(2**31)))] * ROWS)
    with code.loop(panels) as panel:
        products = [code.variables([none] * 2) for _ in range(ROWS)]
        here = code.at(keys, code.times(panel, width // 2 * PANEL))
        with code.loop(width // 2) as d:
            place = code.at(here, code.times(d, PANEL))
            pair = [code.load(place, part, WHOLES) for part in (0, LANES)]
            for r in range(ROWS):
                one = code.spread(code.load(code.at(queries, d), r * width // 2, INT32))
                for product, key in zip(products[r], pair, strict=True):
                    code.put(product, code.add_products(code.get(product, WHOLES), one, key))
        into = code.at(scores, code.times(panel, ROWS * PANEL))
        for r in range(ROWS):
            for part, product in zip((0, LANES), products[r], strict=True):
                found = code.get(product, WHOLES)
                code.store(found, into, r * PANEL + part)
                largest = code.call("llvm.smax.v16i32", code.get(most[r], WHOLES), found)
                code.put(most[r], largest)
    return most


def _weigh(
    code: Code, scores: Any, panels: Any, inside: Any, most: Any, ones: Any, one_key: Any
) -> Any:
    """Exponentials in the scores' place, in pairs of keys i and i + 16; the sums of each query."""
    b = code.builder
    sums, factors, largest = (code.array(ROWS * LANES) for _ in range(3))
    for r, place in enumerate(most):
        code.store(code.get(place, WHOLES), largest, r * LANES)
    with code.loop(ROWS * LANES, LANES) as at_r:
        found = largest_whole(code, code.load(largest, at_r, WHOLES))
        code.store(code.spread(found), largest, at_r)
        code.store(b.fmul(code.load(ones, at_r), one_key), factors, at_r)
        code.store(code.spread(INT32(0)), sums, at_r)
    with code.loop(panels) as panel:
        here = code.at(scores, code.times(panel, ROWS * PANEL))
        counted = code.at(inside, code.times(panel, PANEL))
        with code.loop(ROWS, ROWS_WEIGHED) as first:
            rows = [code.plus(first, i) for i in range(ROWS_WEIGHED)]
            places = [code.at(here, code.times(r, PANEL)) for r in rows]
            scaled = []
            for r, place in zip(rows, places, strict=True):
                at_r = code.times(r, LANES)
                factor, off = code.load(factors, at_r), code.load(largest, at_r, WHOLES)
                for part in (0, LANES):
                    score = b.sitofp(b.sub(code.load(place, part, WHOLES), off), VECTOR)
                    scaled.append(code.fma(score, factor, code.floats(log2(MOST_POWER))))
            found = [code.rounded(power) for power in exp2(code, scaled)]
            masks = [code.load(counted, part, WHOLES) for part in (0, LANES)]
            for i, (r, place) in enumerate(zip(rows, places, strict=True)):
                pair = [b.and_(*both) for both in zip(found[2 * i : 2 * i + 2], masks, strict=True)]
                at_r = code.times(r, LANES)
                code.store(b.add(code.load(sums, at_r, WHOLES), b.add(*pair)), sums, at_r)
                code.store(code.paired_positive(*pair), place)
    return sums


def _sum_values(code: Code, scores: Any, values: Any, panels: Any, length: Any, width: int) -> Any:
    """For each query, the values times their exponentials: (ROWS, width) float32."""
    parts = range(0, width, LANES)
    seen = code.array(ROWS * width)
    for place in range(0, ROWS * width, LANES):
        code.store(code.floats(0.0), seen, place)
    with code.loop(panels) as panel:
        here = code.times(panel, PANEL)
        count = code.least(LANES, code.builder.sub(length, here))
        powers = code.at(scores, code.times(here, ROWS))
        found = code.at(values, code.times(panel, LANES * width))
        sums = code.variables([code.spread(INT32(0))] * (ROWS * len(parts)))
        with code.loop(count) as i:
            value = code.at(found, code.times(i, width))
            pairs = [code.load(value, part, WHOLES) for part in parts]
            for r in range(ROWS):
                one = code.spread(code.load(code.at(powers, i), r * PANEL, INT32))
                for place, pair in zip(sums[r * len(parts) :], pairs, strict=False):
                    code.put(place, code.add_products(code.get(place, WHOLES), one, pair))
        for i, place in enumerate(sums):
            more = code.builder.sitofp(code.get(place, WHOLES), VECTOR)
            code.store(code.builder.fadd(code.load(seen, i * LANES), more), seen, i * LANES)
    return seen


def _put(
    code: Code, seen: Any, sums: Any, one_value: Any, count: Any, into: Any, dim: Any, width: int
) -> None:
    """Divide what the queries see by the sums of their exponentials, and store it as bytes."""
    b = code.builder
    with code.loop(count) as r:
        powers = b.sitofp(code.load(sums, code.times(r, LANES), WHOLES), VECTOR)
        factor = b.fdiv(one_value, code.spread(sum_of(code, [powers])))
        row = code.at(into, code.times(r, dim), BYTE)
        for part in range(0, width, LANES):
            one = code.load(seen, code.plus(code.times(r, width), part))
            code.store(code.as_bytes(b.fmul(one, factor)), row, part)
