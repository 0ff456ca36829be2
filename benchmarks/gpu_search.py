"""One exact search of rows in memory: a GPU beside the processor, over the same structure.

    python -m benchmarks.gpu_search [--rows 1000000] [--dim 384] [--dtype float32] [--searches 100]

Prints one JSON object: milliseconds of a search for 10 hits (median and 95th percentile), without a
filter and with one that leaves a tenth of the rows; where there is a GPU the same there, and the
share of searches whose hits are the same rows in the same order (1.0 is promised).
Rows are random unit vectors: a scan costs the same whatever they hold. Without a GPU, or without
faiss-gpu, it says so and measures the processor alone.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from encoder.spec import Vectors
from indexer.card import Card, CardChoice, Mask
from indexer.vector_index import VectorIndex, open_card

HITS = 10
BLOCK_ROWS = 65_536


def unit_rows(draw: np.random.Generator, rows: int, dim: int) -> Vectors:
    vectors = draw.standard_normal((rows, dim), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


class Switch:
    """Opens no card until `on` is set."""

    on = False

    def __call__(self, structure: Any) -> tuple[CardChoice, Card | None]:
        return open_card(structure) if self.on else (CardChoice((), "as asked"), None)


def measure(index: VectorIndex, queries: Vectors, allowed: Mask) -> tuple[dict[str, Any], Any]:
    """Times, and the rows found for each query with and without the filter."""
    figures: dict[str, Any] = {}
    found = []
    # A search always says which rows live; without that FAISS takes another path.
    everything = np.ones(len(index), np.bool_)
    for name, mask in (("all rows", everything), ("a tenth of the rows", allowed)):
        index.search(queries[0], HITS, mask)
        seconds = []
        for query in queries:
            started = time.perf_counter()
            found.append(index.search(query, HITS, mask)[0])
            seconds.append(time.perf_counter() - started)
        p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
        figures[name] = {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}
    return figures, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    parser.add_argument("--searches", type=int, default=100)
    arguments = parser.parse_args()
    draw = np.random.default_rng(0)
    switch = Switch()
    index = VectorIndex(arguments.dim, arguments.dtype, switch)
    for first in range(0, arguments.rows, BLOCK_ROWS):
        index.add(unit_rows(draw, min(BLOCK_ROWS, arguments.rows - first), arguments.dim))
    queries = unit_rows(draw, arguments.searches, arguments.dim)
    allowed = draw.random(arguments.rows) < 0.1
    figures: dict[str, Any] = {
        "rows": arguments.rows,
        "dim": arguments.dim,
        "dtype": arguments.dtype,
    }
    figures["processor"], expected = measure(index, queries, allowed)
    switch.on = True
    index.add(np.empty((0, arguments.dim), np.float32))  # whatever is added, it decides anew
    started = time.perf_counter()
    choice = index.choice
    figures["GPU"] = {"where": choice.reason, "copied in s": time.perf_counter() - started}
    if choice.cards:
        times, found = measure(index, queries, allowed)
        same = [np.array_equal(a, b) for a, b in zip(found, expected, strict=True)]
        figures["GPU"] |= times | {"the same hits": float(np.mean(same))}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
