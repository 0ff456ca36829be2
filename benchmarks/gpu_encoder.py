"""What one GPU reaches: the 8B shape with random weights, and FAISS on the GPU beside the CPU.

    python benchmarks/gpu_encoder.py [--encoder nemotron-8b] [--tokens 128,512,2048,0]
                                     [--batch-tokens 32768] [--rows 1000000] [--dim 384]

Prints one JSON object. No download and no licence: speed does not depend on what the weights are.
`gemm_share` is the share of the rate that plain matrix products of the model's own size reach in
the same run; the aim is 0.6 at 512 tokens. "mixed" (tokens 0) are lengths from 16 to 512.
Without a GPU it says so and measures nothing.
"""

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
import torch

from encoder.attention import AttentionName, choose_attention
from encoder.bench import Bench, as_data, run_bench
from encoder.spec import Vectors


def encoder_figures(arguments: argparse.Namespace) -> dict[str, Any]:
    best = choose_attention("cuda", "bfloat16").name
    attentions: tuple[AttentionName, ...] = tuple(dict.fromkeys((best, "packed", "padded")))
    lengths = tuple(int(part) for part in arguments.tokens.split(","))
    bench = Bench(lengths, arguments.batch_tokens, attentions, random_weights=True)
    facts, speeds = run_bench(arguments.encoder, bench, offline=True)
    return facts | {"speeds": [as_data(speed) for speed in speeds]}


def faiss_figures(rows: int, dim: int) -> dict[str, Any]:
    """Milliseconds of one exact search of 10 hits, flat fp16 on the GPU and flat on the CPU."""
    import faiss

    if not hasattr(faiss, "StandardGpuResources"):
        return {"missing": "the FAISS that is installed has no GPU code"}
    vectors = np.random.default_rng(0).standard_normal((rows, dim), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cpu = faiss.IndexFlatIP(dim)
    cpu.add(vectors)
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True
    gpu = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, cpu, options)
    queries = vectors[:100]
    found = {name: index.search(queries, 10)[1] for name, index in (("cpu", cpu), ("gpu", gpu))}
    same = np.mean([len({*a} & {*b}) / 10 for a, b in zip(*found.values(), strict=True)])
    return {
        "rows": rows,
        "dim": dim,
        "cpu_ms": _milliseconds(cpu, queries),
        "gpu_ms": _milliseconds(gpu, queries),
        "same hits among the first 10": round(float(same), 4),
    }


def _milliseconds(index: Any, queries: Vectors) -> float:
    started = time.perf_counter()
    for query in queries:
        index.search(query[None], 10)
    return round((time.perf_counter() - started) / len(queries) * 1000, 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--encoder", default="nemotron-8b")
    parser.add_argument("--tokens", default="128,512,2048,0")
    parser.add_argument("--batch-tokens", type=int, default=32_768)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA GPU here: nothing is measured.", file=sys.stderr)
        return 1
    figures = {"encoder": encoder_figures(arguments)}
    torch.cuda.empty_cache()
    figures["faiss"] = faiss_figures(arguments.rows, arguments.dim)
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
