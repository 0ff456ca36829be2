"""Where the time of a batch goes: each part of e5-small's forward pass timed alone.

    python -m benchmarks.encoder_parts [--texts corpus.jsonl.gz] [--tokens 2048] [--rounds 5]
        [--torch]

As many threads as the encoder uses run the same part at the same time, each with a batch of its
own, as in a build. Parts take turns with the whole forward pass. Prints one JSON object: for each
part, microseconds a token (of the clock, over all threads) and its share of the whole. What the
parts do not explain is Python's and the caches': alone, a part finds its input where it left it.
With --torch the layers are torch's, also where they could be compiled.
Without --texts the passages of sample_docs are used.
"""

import argparse
import json
import logging
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.encoder_throughput import read_texts
from encoder.activation_ranges import find_ranges
from encoder.bert import PackedBert
from encoder.bert_attention import attend, heads_at_once, runs_of
from encoder.bert_int8 import Int8Layer, as_bytes, rounded
from encoder.bert_weights import open_weights
from encoder.bundled import unpacked_folder
from encoder.hardware import choose_device, cpu_has_vnni
from encoder.int8_weights import round_layer
from encoder.load import load_local
from encoder.local import LocalEncoder
from encoder.numpy_encoder import NumpyEncoder
from encoder.pooling import pool, to_unit
from encoder.registry import E5_SMALL
from encoder.transformer import TransformerEncoder

Part = Callable[[], object]
LAYERS = 12  # of e5-small
# For comparison; where layers are compiled, their products are our own.
ONE_DNN = "linear products by oneDNN"


def side_by_side(part: Part, threads: int, times: int = 1) -> float:
    """Seconds until each of so many threads has run a part so many times."""
    barrier = threading.Barrier(threads + 1)

    def work() -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            part()
            barrier.wait()
            for _ in range(times):
                part()
            barrier.wait()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    before = torch.get_num_threads()
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    taken = time.perf_counter() - started
    for worker in workers:
        worker.join()
    torch.set_num_threads(before)
    return taken


def attention_products(qkv: torch.Tensor, lengths: Sequence[int], heads: int) -> None:
    """Queries by keys, and weights by values, of each text on its own: nothing else."""
    width = qkv.shape[1] // 3 // heads
    start = 0
    for length in lengths:
        q, k, v = qkv[start : start + length].view(length, 3, heads, width).permute(1, 2, 0, 3)
        start += length
        group = heads_at_once(length, heads)
        scores = torch.empty(group, length, length)
        for head in range(0, heads, group):
            part = slice(head, head + group)
            torch.bmm(q[part], k[part].transpose(1, 2), out=scores)
            torch.bmm(scores, v[part])


def linear_products(layer: Int8Layer, tokens: int) -> Part:
    """The four products of a layer's linear layers, with what oneDNN does in the same pass."""
    dim, inner = len(layer.norm.weight), len(layer.widen.bias)
    small, wide = (torch.full((tokens, width), 3, dtype=torch.uint8) for width in (dim, inner))
    local = threading.local()

    def run() -> None:
        if not hasattr(local, "into"):
            local.into = torch.zeros(tokens, dim)
        layer.qkv(small)
        layer.attended.add_to(small, local.into)
        layer.widen.gelu(small, layer.step, layer.zero)
        layer.narrow.add_to(wide, local.into)

    return run


def int8_layer() -> Int8Layer | None:
    """A layer of e5-small for oneDNN's products; None where a processor does not have them."""
    weights = open_weights(E5_SMALL, unpacked_folder())
    if weights is None or not cpu_has_vnni():
        return None
    return Int8Layer.of(round_layer(weights.layers[3], find_ranges(E5_SMALL.name)[3]))


def parts_of(encoder: LocalEncoder, rows: Sequence[Sequence[int]]) -> dict[str, Part]:
    """Each part of a forward pass over a batch, for one layer; and all of it."""
    layer = int8_layer()
    if layer is None:
        raise SystemExit("e5-small does not multiply 8-bit integers here")
    if isinstance(encoder, NumpyEncoder):
        from benchmarks.compiled_parts import compiled_parts  # needs llvmlite

        parts = compiled_parts(encoder, rows)
    elif isinstance(encoder, TransformerEncoder) and isinstance(encoder.forward.model, PackedBert):
        parts = torch_parts(encoder.forward.model, layer, rows)
    else:
        raise SystemExit("e5-small runs on another engine here; run this where there is no GPU")
    return {ONE_DNN: linear_products(layer, sum(map(len, rows)))} | parts


def torch_parts(
    bert: PackedBert, layer: Int8Layer, rows: Sequence[Sequence[int]]
) -> dict[str, Part]:
    """The same by torch's operations."""
    lengths = [len(row) for row in rows]
    tokens, heads, runs = sum(lengths), layer.heads, runs_of(lengths)

    def embedded() -> torch.Tensor:
        return bert.embedded(torch.tensor([token for row in rows for token in row]), lengths)

    with torch.inference_mode():
        x = embedded()
        qkv = layer.qkv(rounded(x, layer.into_qkv))

    def rounding() -> None:
        rounded(x, layer.into_qkv)
        rounded(x, layer.into_widen)
        as_bytes(x.clone())

    def norms() -> None:
        layer.attended_norm(x)
        layer.norm(x)

    return {
        "linear products": linear_products(layer, len(x)),
        "attention, products": lambda: attention_products(qkv, lengths, heads),
        "attention, all": lambda: attend(qkv, runs, heads),
        "exact units": lambda: layer.with_exact_units(x.clone()),
        "rounding": rounding,
        "norms": norms,
        "embeddings": embedded,
        "pooling": lambda: to_unit(pool(x[:tokens], lengths, "mean"), x.shape[1]),
        "all": lambda: bert.states(rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--torch", action="store_true", help="layers by torch")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # passages that are cut
    encoder: LocalEncoder = (
        TransformerEncoder.open(E5_SMALL, unpacked_folder(), choose_device(None, "int8"))
        if arguments.torch
        else load_local("e5-small@products=int8")
    )
    texts = [f"passage: {text}" for text in read_texts(arguments.texts, 96)]
    found = sorted((encoder.tokens.cut(ids) for ids in encoder.tokens.ids(texts)), key=len)
    rows: list[list[int]] = []
    for row in found[len(found) // 3 :]:
        if sum(map(len, rows)) + len(row) <= arguments.tokens:
            rows.append(row)
    tokens = sum(map(len, rows))
    once = {"embeddings", "pooling", "all"}
    seconds: dict[str, list[float]] = {}
    parts = parts_of(encoder, rows)
    for _ in range(arguments.rounds):
        for name, part in parts.items():
            times = 1 if name == "all" else 4
            seconds.setdefault(name, []).append(
                side_by_side(part, arguments.threads, times)
                * (1 if name in once else LAYERS)
                / (times * arguments.threads)
            )
    micros = {name: statistics.median(s) / tokens * 1e6 for name, s in seconds.items()}
    if "attention, products" in micros:
        micros["attention, exponentials and sums"] = (
            micros.pop("attention, all") - micros["attention, products"]
        )
    whole, other = micros.pop("all"), micros.pop(ONE_DNN)
    micros["Python, caches"] = whole - sum(micros.values())
    figures: dict[str, Any] = {
        "tokens": tokens,
        "texts": [len(row) for row in rows],
        "threads": arguments.threads,
        "torch": torch.__version__,
        "all, us a token": round(whole, 1),
        ONE_DNN: round(other, 1),
        "tokens_per_s": round(1e6 / whole),
        "parts: us a token, share": {
            name: [round(micro, 1), round(micro / whole, 3)] for name, micro in micros.items()
        },
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
