"""How many 8-bit products this processor can add up a second, and which share e5-small reaches.

    python -m benchmarks.multiply_limit [--texts corpus.jsonl.gz] [--passages 96] [--rounds 5]

The limit is a compiled loop that multiplies numbers which stay in registers: nothing is read,
nothing is written (VPDPBUSD on AVX-512). It takes turns with encoding passages from end to end,
tokenising included; both run on as many threads as the encoder uses. A product of attention is of
16-bit numbers, of which the processor adds up half as many, so it counts twice. Prints one JSON
object. Without --texts the passages of sample_docs are used.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.encoder_parts import LAYERS, side_by_side
from benchmarks.encoder_throughput import read_texts
from encoder.kernels.layer import obstacle
from encoder.load import load_local
from encoder.registry import E5_SMALL
from encoder.side_by_side import threads_here

# Sums that are added to in turn: one must be waited for before it can be added to again.
SUMS = 24
TIMES = 2_000_000
# Sums in a register, each of four products.
LANES = 16
INNER = 1536


def write_loop() -> Callable[[int, int], None]:
    """Compile a loop that adds products to sums in registers; its arguments: room, how often."""
    from encoder.kernels.code import INT, INT32, POINTER, Code  # needs llvmlite

    code = Code("multiply", [POINTER, INT])
    out, times = code.arguments
    sums = code.variables([code.spread(INT32(0))] * SUMS)
    (factor,) = code.variables([code.spread(INT32(0x01010101))])
    with code.loop(times):
        one = code.get(factor, code.spread(INT32(0)).type)
        for total in sums:
            code.put(total, code.add_fours(total, one, one))
    for i, total in enumerate(sums):
        code.store(code.get(total, code.spread(INT32(0)).type), out, i * LANES)
    return code.compiled()


def products_of(lengths: list[int]) -> int:
    """Products of 8-bit numbers in e5-small's layers, attention's counted twice, for such texts."""
    dim = E5_SMALL.dim
    linear = 4 * dim * dim + 2 * dim * INNER
    return LAYERS * sum(length * linear + 2 * 2 * length * length * dim for length in lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--passages", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if found := obstacle():
        raise SystemExit(f"There is no such loop here: {found}.")
    logging.disable(logging.WARNING)  # passages that are cut
    from encoder.compiled_layers import Placed

    texts = read_texts(arguments.texts, arguments.passages)
    encoder, loop, threads = load_local("e5-small@products=int8"), write_loop(), threads_here()
    rows = encoder.tokens.ids([f"passage: {text}" for text in texts])
    products = products_of([min(512, len(row)) for row in rows])

    def multiply() -> None:
        sums = Placed.room((SUMS * LANES,))  # its memory is freed with it
        loop(sums.at, TIMES)

    limit, reached = [], []
    encoder.encode_passages(texts[:16])
    for _ in range(arguments.rounds):
        limit.append(threads * SUMS * TIMES * 4 * LANES / side_by_side(multiply, threads))
        started = time.perf_counter()
        encoder.encode_passages(texts)
        reached.append(products / (time.perf_counter() - started))
    shares = [one / most for one, most in zip(reached, limit, strict=True)]
    figures = {
        "passages": len(texts),
        "threads": threads,
        "billion products/s, in registers alone": round(statistics.median(limit) / 1e9, 1),
        "billion products/s, of e5-small": round(statistics.median(reached) / 1e9, 1),
        "share": round(statistics.median(shares), 3),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
