"""What one GPU reaches as an encoder: the 8B shape with random weights.

    python -m benchmarks.gpu_encoder [--encoder nemotron-8b] [--tokens 128,512,2048,0]
                                     [--batch-tokens 32768] [--best-only]

Prints one JSON object. No download and no licence: speed does not depend on what the weights are.
`gemm_share` is the share of the rate that plain matrix products of the model's own size reach in
the same run; the aim is 0.6 at 512 tokens. "mixed" (tokens 0) are lengths from 16 to 512.
`--encoder nemotron-8b@weights=int8` rounds the weights, for cards of 24 GB.
Without a GPU it says so and measures nothing.
"""

import argparse
import json
import sys
from typing import Any

import torch

from encoder.attention import AttentionName, choose_attention
from encoder.bench import Bench, as_data, run_bench


def encoder_figures(arguments: argparse.Namespace) -> dict[str, Any]:
    best = choose_attention("cuda", "bfloat16").name
    others: tuple[AttentionName, ...] = () if arguments.best_only else ("packed", "padded")
    attentions = tuple(dict.fromkeys((best, *others)))
    lengths = tuple(int(part) for part in arguments.tokens.split(","))
    bench = Bench(lengths, arguments.batch_tokens, attentions, random_weights=True)
    facts, speeds = run_bench(arguments.encoder, bench, offline=True)
    return facts | {"speeds": [as_data(speed) for speed in speeds]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--encoder", default="nemotron-8b")
    parser.add_argument("--tokens", default="128,512,2048,0")
    parser.add_argument("--batch-tokens", type=int, default=32_768)
    parser.add_argument("--best-only", action="store_true", help="leave the other kernels out")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA GPU here: nothing is measured.", file=sys.stderr)
        return 1
    print(json.dumps(encoder_figures(arguments), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
