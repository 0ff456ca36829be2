"""What words and filters cost, and that filters keep their recall.

    python -m benchmarks.hybrid_cost --passages 100000 --texts tldr/corpus.jsonl.gz

Passages are texts of the collection, over and over with a number of their own, on random unit
vectors of 384 numbers: neither time nor exactness depends on what they say. Questions are the first
words of texts. Exact means all sums computed and sorted.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from encoder.spec import Vectors
from indexer.card import Mask, Rows
from indexer.lexical_index import LexicalIndex
from indexer.lexical_terms import LexicalText
from indexer.vector_index import VectorIndex
from retriever.fusion import MOST, Legs, Own, best_fused, bonus, mask_of
from retriever.question_words import question_terms
from retriever.sample import sample_rows
from retriever.words import WordLeg

DIM, K = 384, 10
# The share of the passages that are in the language of the questions, and the lift of the best.
OWN_SHARE, LIFT = 0.05, 0.034


def texts(path: Path, wanted: int) -> list[LexicalText]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in islice(file, 2000)]
    return [
        LexicalText(row, f"{line['text'][:300]} no-{row}", "", line["lang"])
        for row, line in zip(range(wanted), cycle(lines), strict=False)
    ]


def milliseconds(work: Callable[[int], object], times: int) -> str:
    taken = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append(1000 * (time.perf_counter() - started))
    return f"median {np.median(taken):.2f} ms, 95th percentile {np.percentile(taken, 95):.2f} ms"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=Path, required=True)
    options.add_argument("--passages", type=int, default=100_000)
    options.add_argument("--questions", type=int, default=100)
    given = options.parse_args()
    rng = np.random.default_rng(0)
    passages = texts(given.texts, given.passages)
    started = time.perf_counter()
    index = LexicalIndex.in_memory(passages)
    print(f"{len(passages)} passages indexed by words in {time.perf_counter() - started:.0f} s")
    words = WordLeg([index])
    rows = rng.normal(size=(len(passages), DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    structure = VectorIndex(DIM, "float32")
    structure.add(rows)
    live = np.ones(len(rows), np.bool_)
    sample = sample_rows(live)
    own = rng.random(len(rows)) < OWN_SHARE
    picked = rng.choice(len(rows), given.questions)
    asked = [" ".join(passages[row].text.split()[:8]) + f" no-{row}" for row in picked]
    queries = rows[rng.choice(len(rows), given.questions)]

    def dense(number: int) -> Callable[[int, Mask], tuple[Rows, Vectors]]:
        return lambda most, among: structure.search(queries[number], most, among)

    def fused(number: int, allowed: Mask) -> Rows:
        wanted = words.weigh(question_terms(asked[number]), "en")
        top = bonus(dense(number)(len(sample), mask_of(sample, len(rows)))[1])
        legs = Legs(dense(number), words, wanted, top, Own(own, LIFT))
        return best_fused(legs, K, allowed).rows

    def exact(number: int, allowed: Mask) -> Rows:
        scores = structure.search(queries[number], len(rows), live)
        near = np.zeros(len(rows), np.float32)
        near[scores[0]] = scores[1]
        wanted = words.weigh(question_terms(asked[number]), "en")
        sums = near + bonus(near[sample]) * np.minimum(MOST, words.sums(wanted, len(rows)))
        sums[~allowed] = -np.inf
        best_own = np.where(own, sums, -np.inf).argmax()
        sums[best_own] += LIFT if sums[best_own] + LIFT > sums.max() else 0
        best: Rows = np.argsort(-sums, kind="stable")[:K]
        return best

    print("dense        ", milliseconds(lambda n: dense(n)(K, live), given.questions))
    bare = [question_terms(question) for question in asked]
    print("bare words   ", milliseconds(lambda n: index.bm25(bare[n], K), given.questions))
    print("hybrid       ", milliseconds(lambda n: fused(n, live), given.questions))
    for share in (0.1, 0.01, 0.001):
        allowed = rng.random(len(rows)) < share
        kept = [
            len(np.intersect1d(fused(n, allowed), exact(n, allowed))) / min(K, allowed.sum())
            for n in range(min(20, given.questions))
        ]
        took = milliseconds(lambda n, allowed=allowed: fused(n, allowed), given.questions)  # type: ignore[misc]
        print(f"filter to {share:.1%}: recall@{K} {np.mean(kept):.3f}, {took}")


if __name__ == "__main__":
    main()
