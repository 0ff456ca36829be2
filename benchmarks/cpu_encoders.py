"""Encoders on a processor side by side: passages a second, one query's time, nearness, limit.

    python -m benchmarks.cpu_encoders [--texts corpus.jsonl.gz] [--queries queries.jsonl.gz]
        [--passages 480] [--rounds 3] [--threads N] [--only ours,st,ort,...]

All run on the same unpacked weights, each with its best sensible settings (contenders.py), and take
turns, so that a machine whose speed drifts favours none; what is not installed is left out with a
message. Without --texts the passages of sample_docs are used. Seconds of processor time are
given beside those on the clock: with one thread on a busy machine they say more.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.encoder_throughput import read_texts
from encoder.bert_int8 import multiply_alone
from encoder.hardware import cpu_has_vnni
from encoder.load import load_transformer

# Multiply-accumulates of one layer for each token: (in, out) of its products.
SHAPES = ((384, 1152), (384, 384), (384, 1536), (1536, 384))
LAYERS = 12


def clocks(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    started, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - used


def products_alone(tokens: int, budget: int, *, int8: bool) -> tuple[float, float]:
    """Seconds that the model's matrix products take for so many tokens, and nothing else."""
    runs = [multiply_alone(budget, *shape, int8=int8) for shape in SHAPES]
    for run in runs:
        run()
    passes = [clocks(lambda: [run() for run in runs]) for _ in range(5)]
    times = LAYERS * tokens / budget
    return tuple(statistics.median(one[i] for one in passes) * times for i in (0, 1))  # type: ignore[return-value]


def chosen(only: str) -> list[Contender]:
    found = []
    for name in only.split(","):
        try:
            found.append(CONTENDERS[name]())
        except ImportError as error:
            print(f"{name} is left out: {error}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--passages", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    texts = [f"passage: {text}" for text in read_texts(arguments.texts, arguments.passages)]
    queries = [
        f"query: {text[:80]}" if arguments.queries is None else f"query: {text}"
        for text in read_texts(arguments.queries or arguments.texts, arguments.passages)
    ]
    counter = load_transformer("e5-small@dtype=float32")
    tokens = sum(min(512, len(ids)) for ids in counter.tokens.ids(texts))
    exact = counter.encode_passages([text.removeprefix("passage: ") for text in texts[:96]])
    contenders = chosen(arguments.only)
    measured: dict[str, list[tuple[float, float]]] = {}
    waits: dict[str, list[float]] = {}
    for contender in contenders:
        contender.encode(texts[:16])
        contender.encode(queries[:1])
    for _ in range(arguments.rounds):
        for kind in ("float", *(("int8",) if cpu_has_vnni() else ())):
            alone = products_alone(tokens, 1024, int8=kind == "int8")
            measured.setdefault(f"matrix products alone, {kind}", []).append(alone)
        for contender in contenders:
            run = clocks(lambda c=contender: c.encode(texts))  # type: ignore[misc]
            measured.setdefault(contender.name, []).append(run)
            part = queries[:: arguments.rounds]
            for query in part:
                wait = clocks(lambda c=contender, q=query: c.encode([q]))[0]  # type: ignore[misc]
                waits.setdefault(contender.name, []).append(wait)
    figures: dict[str, Any] = {
        "passages": len(texts),
        "tokens": tokens,
        "queries": len(queries),
        "machine": f"{torch.cpu.get_capabilities().get('cpu_name')}, {arguments.threads} threads",
        "torch": torch.__version__,
    }
    for name, times in measured.items():
        clock, used = (statistics.median(one[i] for one in times) for i in (0, 1))
        figures[name] = {
            "passages_per_s": round(len(texts) / clock, 2),
            "tokens_per_s": round(tokens / clock),
            "seconds": [round(one[0], 2) for one in times],
            "processor_s": [round(one[1], 2) for one in times],
            "tokens_per_processor_s": round(tokens / used),
        }
        if name in waits:
            figures[name]["query_ms_p50"], figures[name]["query_ms_p95"] = (
                round(1000 * float(np.quantile(waits[name], q)), 1) for q in (0.5, 0.95)
            )
    for contender in contenders:
        cosines = (np.asarray(contender.encode(texts[:96]), np.float32) * exact).sum(axis=1)
        figures[contender.name]["cosine_to_float32"] = {
            "least": round(float(cosines.min()), 5),
            "median": round(float(np.median(cosines)), 5),
        }
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
