"""Encoding while other programs run: batches side by side, beside all threads on one batch.

    python -m benchmarks.busy_machine [--texts corpus.jsonl.gz] [--passages 160] [--rounds 3]

Prints one JSON object: seconds of both ways, alternating, on the machine as it is and with one and
two processes that do nothing but count; medians over the rounds. Without --texts the passages of
sample_docs are encoded.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.encoder_throughput import read_texts
from encoder.bundled import unpacked_folder
from encoder.registry import E5_SMALL
from encoder.side_by_side import SideBySide
from encoder.transformer import TransformerEncoder

COUNT = "while True: pass"


def seconds(
    encoder: TransformerEncoder, texts: list[str], side_by_side: SideBySide | None
) -> float:
    encoder._side_by_side = side_by_side
    started = time.perf_counter()
    encoder.encode_passages(texts)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--passages", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # passages that are cut
    texts = read_texts(arguments.texts, arguments.passages)
    encoder = TransformerEncoder.open(E5_SMALL, unpacked_folder())  # compiled layers know one way
    ways = {"side by side": encoder._side_by_side, "all threads on one batch": None}
    for way in ways.values():  # warm up
        seconds(encoder, texts[:32], way)
    figures: dict[str, dict[str, float]] = {}
    for busy in (0, 1, 2):
        others = [subprocess.Popen([sys.executable, "-c", COUNT]) for _ in range(busy)]
        try:
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(arguments.rounds):
                for name, way in ways.items():
                    taken[name].append(seconds(encoder, texts, way))
        finally:
            for other in others:
                other.kill()
        figures[f"{busy} other processes"] = {
            f"{name}, s": round(statistics.median(times), 2) for name, times in taken.items()
        }
    print(json.dumps({"passages": len(texts)} | figures, indent=2))


if __name__ == "__main__":
    main()
