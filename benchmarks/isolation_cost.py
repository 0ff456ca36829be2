"""What reading in processes of their own costs healthy files, and what reading ahead gains.

    python benchmarks/isolation_cost.py FOLDER

Everything a build does but encoding: read and cut in this process, one file after another; the same
with one reading process; and with as many as a build would take. Processor time counts children.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from encoder.load import load_encoder
from encoder.spec import Encoder, EncoderSpec, TokenEnds, Vectors
from indexer.build import build_index
from indexer.chunk import Chunking, chunk_document
from indexer.document import Document
from indexer.errors import UnreadableDocument
from indexer.isolation.ahead import choose_workers, read_ahead
from indexer.options import BuildOptions
from indexer.read import read_document
from indexer.scan import SourceFile, scan


class NoEncoding:
    """The real tokeniser, and vectors that cost nothing."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def spec(self) -> EncoderSpec:
        return self._encoder.spec

    @property
    def passage_room(self) -> int:
        return self._encoder.passage_room

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        rows = np.zeros((len(texts), self.spec.dim), np.float32)
        rows[:, 0] = 1
        return rows

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        return self.encode_passages(texts)

    def token_ends(self, text: str, /) -> TokenEnds:
        return self._encoder.token_ends(text)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        return 0


def in_process(files: Sequence[SourceFile], encoder: Encoder) -> int:
    characters = 0
    for file in files:
        try:
            document = read_document(file.path, file.source)
        except UnreadableDocument:
            continue
        characters += len(document.text)
        chunk_document(document, encoder, Chunking())
    return characters


def isolated(files: Sequence[SourceFile], encoder: Encoder, workers: int) -> int:
    def cut(document: Document) -> tuple[object, ...]:
        return chunk_document(document, encoder, Chunking())

    with read_ahead(files, cut, workers) as prepared:  # type: ignore[arg-type]
        return sum(len(done.document.text) for done in prepared if done.document)


def build(corpus: Path, encoder: Encoder, workers: int) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        options = BuildOptions(workers=workers)
        return build_index(corpus, Path(temporary) / "index", encoder, options).passages


def timed(work: Callable[[], int]) -> dict[str, float]:
    cpu, wall = sum(os.times()[:4]), time.perf_counter()
    result = work()
    taken = time.perf_counter() - wall, sum(os.times()[:4]) - cpu
    return {"result": result, "wall_s": round(taken[0], 2), "cpu_s": round(taken[1], 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    encoder = NoEncoding(load_encoder("e5-small", offline=True))
    files = scan(arguments.folder, Path("no-index")).files
    workers = max(2, choose_workers(None, files).number)
    ways: dict[str, Callable[[], int]] = {
        "in_process": partial(in_process, files, encoder),
        "isolated_1": partial(isolated, files, encoder, 1),
        f"isolated_{workers}": partial(isolated, files, encoder, workers),
        "build_1": partial(build, arguments.folder, encoder, 1),
        f"build_{workers}": partial(build, arguments.folder, encoder, workers),
    }
    in_process(files, encoder)  # imports, caches and the language model
    rounds = [{name: timed(way) for name, way in ways.items()} for _ in range(arguments.rounds)]
    best = {
        name: {unit: min(round_[name][unit] for round_ in rounds) for unit in ("wall_s", "cpu_s")}
        for name in ways
    }
    cost = {
        unit: round(
            (best["isolated_1"][unit] - best["in_process"][unit]) / best["build_1"][unit], 3
        )
        for unit in ("wall_s", "cpu_s")
    }
    print(json.dumps({"files": len(files), "best_of": best, "isolation_share": cost}, indent=2))


if __name__ == "__main__":
    main()
