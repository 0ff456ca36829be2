"""Encoders on a processor side by side: passages a second, one query's time, nearness, limit.

    python -m benchmarks.cpu_encoders [--texts corpus.jsonl.gz] [--queries queries.jsonl.gz]
        [--passages 480] [--rounds 3] [--only ours,st,ort,...] [--alone] [--json FILE]
    python -m benchmarks.cpu_encoders --join FILE FILE ...

All run on the same unpacked weights, each with its best sensible settings (contenders.py), and take
turns, so that a machine whose speed drifts favours none; what is not installed is left out with a
message. Without --texts the passages of sample_docs are used. Seconds of processor time are given
beside those on the clock. With --alone each contender also runs in a process of its own, which says
how long it takes from the start of Python to its first vector, and how much memory it has needed
after that and after all passages. Converted models are kept in $CROSSTONGUE_CONVERTED.

The limit is the model's own matrix products, timed alone in the same run: those of the linear
layers, and those together with attention's two. Our share of both is given.

Several short runs, each with `ours` among a few others, make one table by --join: what differs
between runs cancels out in the column that compares each contender with ours of its own run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.encoder_alone import told
from benchmarks.encoder_parts import (
    LAYERS,
    attention_products,
    int8_layer,
    linear_products,
    side_by_side,
)
from benchmarks.encoder_throughput import read_texts
from encoder.load import load_local
from encoder.registry import E5_SMALL
from encoder.side_by_side import TOKENS_PER_BATCH, plan_shrinking

LINEAR, ALL_PRODUCTS = "products of the linear layers alone", "all matrix products alone"


def clocks(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds on the clock and of processor time."""
    started, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - used


def limits(lengths: list[int], threads: int) -> dict[str, float]:
    """Seconds that the matrix products of these texts take and nothing else, by what is counted.

    As many threads as encode compute side by side, each with batches of its own.
    """
    layer, times = int8_layer(), LAYERS / threads
    if layer is None:
        return {}
    linear = side_by_side(linear_products(layer, TOKENS_PER_BATCH), threads, 3) / 3
    linear *= times * sum(lengths) / TOKENS_PER_BATCH
    qkv = torch.randn(max(TOKENS_PER_BATCH, *lengths), 3 * E5_SMALL.dim) * 0.3
    batches = [[lengths[i] for i in batch] for batch in plan_shrinking(lengths, threads)]

    def attention() -> None:
        for batch in batches:
            attention_products(qkv, batch, layer.heads)

    return {LINEAR: linear, ALL_PRODUCTS: linear + times * side_by_side(attention, threads)}


def chosen(only: str) -> dict[str, Contender]:
    found = {}
    for name in only.split(","):
        try:
            found[name] = CONTENDERS[name]()
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def alone(name: str, texts: list[str]) -> dict[str, Any]:
    """Run a contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.encoder_alone", name]
    lines = "".join(json.dumps(text.removeprefix("passage: ")) + "\n" for text in texts)
    return told(
        subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, input=lines).stdout
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    texts = [f"passage: {text}" for text in read_texts(arguments.texts, arguments.passages)]
    queries = [
        f"query: {text[:80]}" if arguments.queries is None else f"query: {text}"
        for text in read_texts(arguments.queries or arguments.texts, arguments.passages)
    ]
    counter = load_local("e5-small@dtype=float32")
    lengths = [min(512, len(ids)) for ids in counter.tokens.ids(texts)]
    exact = counter.encode_passages([text.removeprefix("passage: ") for text in texts[:96]])
    contenders = chosen(arguments.only)
    measured: dict[str, list[tuple[float, float]]] = {}
    waits: dict[str, list[float]] = {}
    limit: dict[str, list[float]] = {}
    for contender in contenders.values():
        contender.encode(texts[:16])
        contender.encode(queries[:1])
    for _ in range(arguments.rounds):
        for kind, seconds in limits(lengths, torch.get_num_threads()).items():
            limit.setdefault(kind, []).append(seconds)
        for name, contender in contenders.items():
            run = clocks(lambda c=contender: c.encode(texts))  # type: ignore[misc]
            measured.setdefault(name, []).append(run)
            for query in queries[:: arguments.rounds]:
                wait = clocks(lambda c=contender, q=query: c.encode([q]))[0]  # type: ignore[misc]
                waits.setdefault(name, []).append(wait)
    rows: dict[str, Any] = {}
    for name, times in measured.items():
        clock, used = (statistics.median(one[i] for one in times) for i in (0, 1))
        vectors = np.asarray(contenders[name].encode(texts[:96]), np.float32)
        rows[name] = {
            "contender": contenders[name].name,
            "passages_per_s": round(len(texts) / clock, 2),
            "tokens_per_s": round(sum(lengths) / clock),
            "seconds": [round(one[0], 2) for one in times],
            "tokens_per_processor_s": round(sum(lengths) / used),
            "query_ms": [round(1000 * float(np.quantile(waits[name], q)), 1) for q in (0.5, 0.95)],
            "least_cosine": round(float((vectors * exact).sum(axis=1).min()), 5),
        } | (alone(name, texts[:96]) if arguments.alone else {})
    return {
        "passages": len(texts),
        "tokens": sum(lengths),
        "queries": len(queries),
        "machine": f"{torch.cpu.get_capabilities().get('cpu_name')}, "
        f"{torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "limits": {
            kind: {
                "passages_per_s": round(len(texts) / statistics.median(seconds), 2),
                # of each round on its own: the machine's speed drifts
                "share_of_ours": round(statistics.median(
                    alone / ours for alone, (ours, _) in zip(seconds, measured["ours"], strict=True)
                ), 3) if "ours" in measured else None,
            }
            for kind, seconds in limit.items()
        },
        "contenders": rows,
    }  # fmt: skip


def table(runs: list[dict[str, Any]]) -> str:
    """Results of several runs as one table in Markdown; `ours` stands in each run."""
    lines = [
        "| | passages/s | ours / it | query p50, p95 ms | least cosine | start-up s | MB after a "
        "query, after all |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, run in enumerate(runs):
        ours = run["contenders"]["ours"]["passages_per_s"]
        for row in run["contenders"].values():
            memory = f"{row['mb_after_query']}, {row['mb']}" if "mb" in row else ""
            lines.append(
                f"| {row['contender']} ({number + 1}) | {row['passages_per_s']} | "
                f"{ours / row['passages_per_s']:.2f} | {row['query_ms'][0]}, {row['query_ms'][1]} |"
                f" {row['least_cosine']} | {row.get('startup_s', '')} | {memory} |"
            )
        for kind, limit in run["limits"].items():
            share = limit["share_of_ours"]
            lines.append(f"| {kind} ({number + 1}) | {limit['passages_per_s']} | {share} |||||")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--passages", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(CONTENDERS))
    parser.add_argument("--alone", action="store_true", help="start-up and memory, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--join", type=Path, nargs="+", help="results of earlier runs")
    arguments = parser.parse_args()
    if arguments.join:
        print(table([json.loads(file.read_text("utf-8")) for file in arguments.join]))
        return
    figures = measure(arguments)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
