"""Passages a second: this program beside sentence-transformers, in one run on the same weights.

    python benchmarks/encoder_throughput.py [--texts corpus.jsonl.gz] [--passages 480] [--rounds 5]

The contenders take turns, and the ratio is the median over the rounds, so that a machine whose
speed drifts does not favour one of them. Without --texts the passages of sample_docs are used.
sentence-transformers runs as its users call it: default batch size, default precision.
"""

import argparse
import gzip
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from encoder.bundled import unpacked_folder
from encoder.load import load_local
from indexer.chunk import Chunking, chunk_document
from indexer.read import read_document
from indexer.scan import scan

ROOT = Path(__file__).parent.parent


def read_texts(path: Path | None, count: int) -> list[str]:
    if path:
        if not path.is_file():
            raise SystemExit(f"There is no file {path}.")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
    else:
        encoder, docs = load_local("e5-small"), ROOT / "sample_docs"
        texts = [
            passage.text
            for file in scan(docs, ROOT / "index").files
            for passage in chunk_document(
                read_document(file.path, file.source), encoder, Chunking()
            )
        ]
    return random.Random(0).sample(texts, min(count, len(texts)))


def sentence_transformers(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(folder), max_seq_length=512)
    return SentenceTransformer(
        modules=[transformer, Pooling(384, pooling_mode="mean"), Normalize()], device="cpu"
    )


def timed(encode: Callable[[Sequence[str]], Any], texts: list[str]) -> float:
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--passages", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts, arguments.passages)
    ours = load_local("e5-small")
    tokens = sum(min(512, len(ours.token_ends(text)) + 4) for text in texts)
    figures: dict[str, Any] = {
        "passages": len(texts),
        "tokens": tokens,
        "machine": f"{ours.choice.device}, {ours.choice.dtype}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
    }
    contenders: dict[str, Callable[[Sequence[str]], Any]] = {"ours": ours.encode_passages}
    try:
        other = sentence_transformers(unpacked_folder())
    except ImportError:
        print("sentence-transformers is not installed; only our own figure is measured.")
    else:
        contenders["sentence-transformers"] = lambda part: other.encode(
            [f"passage: {text}" for text in part]
        )
    for encode in contenders.values():
        encode(texts[:32])
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, encode in contenders.items():
            seconds[name].append(timed(encode, texts))
    for name, times in seconds.items():
        middle = statistics.median(times)
        figures[name] = {
            "passages_per_s": round(len(texts) / middle, 2),
            "tokens_per_s": round(tokens / middle),
            "seconds": [round(value, 2) for value in times],
        }
    if len(contenders) > 1:
        pairs = zip(seconds["sentence-transformers"], seconds["ours"], strict=True)
        figures["times as fast (median of rounds)"] = round(
            statistics.median(theirs / own for theirs, own in pairs), 2
        )
        theirs = np.asarray(contenders["sentence-transformers"](texts[:64]))
        cosines = (theirs * ours.encode_passages(texts[:64])).sum(axis=1)
        figures["least cosine between the two"] = round(float(cosines.min()), 6)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
