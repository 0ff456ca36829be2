"""What it takes to say why a hit was found, after its search.

    python benchmarks/why_latency.py index [--questions 40]

INDEX is one of sample_docs, and its questions are asked. Printed are milliseconds on the clock for
one hit explained alone and, all hits of a question together, for each of ten.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from encoder.load import load_encoder
from retriever.evaluation.beir import json_objects
from retriever.retriever import Retriever
from retriever.why import explain_hits

QUESTIONS = Path(__file__).parent / "sample_answers.jsonl"
TOGETHER = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("index", type=Path)
    parser.add_argument("--questions", type=int, default=40)
    arguments = parser.parse_args()
    encoder = load_encoder("e5-small")
    retriever = Retriever.open(arguments.index, encoder)
    questions = [str(row["question"]) for _, row in json_objects(QUESTIONS)]
    spread = np.linspace(0, len(questions) - 1, arguments.questions).astype(int).tolist()
    taken: dict[int, list[float]] = {1: [], TOGETHER: []}
    chars = []
    for question in (questions[place] for place in spread):
        hits = retriever.search(question, k=TOGETHER)
        chars += [len(hit.passage.text) for hit in hits]
        for many, times in taken.items():
            started = time.perf_counter()
            explain_hits(question, hits[:many], encoder)
            times.append(1000 * (time.perf_counter() - started) / len(hits[:many]))
    print(f"{len(spread)} questions, passages of {np.median(chars):.0f} characters (median)")
    for many, times in taken.items():
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{many:>3} at once: {p50:.0f} ms a hit, 95th percentile {p95:.0f} ms")


if __name__ == "__main__":
    main()
