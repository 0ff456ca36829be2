"""Compare an encoder on a server with the same one in this process.

    python benchmarks/served_parity.py 'http://localhost:8000#e5?as=e5-small' --encoder e5-small

Takes the passages and questions of sample_docs: the cosine of each text's two vectors, and whether
both rank the passages of each question alike. Prints JSON.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from encoder.load import load_encoder
from encoder.spec import Encoder, Vectors
from indexer.build import build_index
from indexer.store import open_index

ROOT = Path(__file__).parent.parent


def passages(encoder: Encoder) -> list[str]:
    with TemporaryDirectory() as folder:
        build_index(ROOT / "sample_docs", Path(folder) / "index", encoder)
        index = open_index(Path(folder) / "index")
        with index.reading() as database:
            rows = range(len(index.snapshot(database).live))
            return [passage.text for passage in index.passages(database, rows)]


def questions() -> list[str]:
    lines = (ROOT / "sample_docs" / "questions.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line)["question"] for line in lines if line]


def timed(encoder: Encoder, texts: list[str]) -> tuple[Vectors, float]:
    started = time.perf_counter()
    rows = encoder.encode_passages(texts)
    return rows, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("--encoder", default="e5-small")
    arguments = parser.parse_args()
    local, served = load_encoder(arguments.encoder), load_encoder(arguments.server)
    texts, asked = passages(local), questions()
    here, seconds_here = timed(local, texts)
    there, seconds_there = timed(served, texts)
    queries_here, queries_there = local.encode_queries(asked), served.encode_queries(asked)
    order_here = np.argsort(-(queries_here @ here.T), axis=1, kind="stable")
    order_there = np.argsort(-(queries_there @ there.T), axis=1, kind="stable")
    result = {
        "passages": len(texts),
        "questions": len(asked),
        "least cosine, passages": float((here * there).sum(axis=1).min()),
        "least cosine, questions": float((queries_here * queries_there).sum(axis=1).min()),
        "same first passage": float((order_here[:, 0] == order_there[:, 0]).mean()),
        "same first ten, in order": float(
            (order_here[:, :10] == order_there[:, :10]).all(1).mean()
        ),
        "passages a second here": len(texts) / seconds_here,
        "passages a second there": len(texts) / seconds_there,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
