"""What reading in processes of their own costs healthy files, and what reading ahead gains.

    python benchmarks/isolation_cost.py FOLDER --rounds 3

Everything a build does but encoding: read, cut and examine in this process, one file after another;
the same with one reading process; and with as many as a build would take. Each is timed in an
interpreter of its own with the encoder loaded, as a build begins: what the formats import is paid
there in either case, once. One line of JSON a round, with what isolation adds as a share of a
build; the last line has the medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
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
from indexer.health import examine
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
    def words_stand_alone(self) -> bool:
        return self._encoder.words_stand_alone

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
        examine(document, chunk_document(document, encoder, Chunking()))
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
    """Seconds on the clock, and of processors: this process's and its children's."""
    before, wall = os.times(), time.perf_counter()
    work()
    taken, after = time.perf_counter() - wall, os.times()
    own, children = (sum(after[i : i + 2]) - sum(before[i : i + 2]) for i in (0, 2))
    return {"wall_s": taken, "cpu_s": own + children, "children_cpu_s": children}


def here(folder: Path, way: str, workers: int) -> None:
    """Do one of the ways in this interpreter, and print what it took."""
    encoder = NoEncoding(load_encoder("e5-small", offline=True))
    files = scan(folder, Path("no-index")).files
    encoder.token_ends("The tokeniser is loaded.")
    work: Callable[[], int] = {
        "in_process": partial(in_process, files, encoder),
        "isolated": partial(isolated, files, encoder, workers),
        "build": partial(build, folder, encoder, workers),
    }[way]
    print(json.dumps(timed(work)))


def elsewhere(folder: Path, way: str, workers: int) -> dict[str, float]:
    """Do one of the ways in an interpreter of its own."""
    command = [sys.executable, __file__, str(folder), "--way", way, "--workers", str(workers)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    took: dict[str, float] = json.loads(done.stdout)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=("in_process", "isolated", "build"), help="Time one.")
    parser.add_argument("--workers", type=int, default=1, help="With --way.")
    arguments = parser.parse_args()
    if arguments.way:
        return here(arguments.folder, arguments.way, arguments.workers)
    files = scan(arguments.folder, Path("no-index")).files
    many = max(2, choose_workers(None, files).number)
    ways = {
        "in_process": ("in_process", 1),
        "isolated_1": ("isolated", 1),
        f"isolated_{many}": ("isolated", many),
        "build_1": ("build", 1),
    }
    rounds: list[dict[str, float]] = []
    for number in range(arguments.rounds):
        # In turns, and every other round backwards, so that a drift of the machine is in all alike.
        order = list(ways) if number % 2 == 0 else list(ways)[::-1]
        took = {name: elsewhere(arguments.folder, *ways[name]) for name in order}
        # Workers beyond the first save time and cost processor time; each unit by what it is for.
        share = {
            f"{name}_{unit}": (took[name][unit] - took["in_process"][unit]) / took["build_1"][unit]
            for name in (f"isolated_{many}", "isolated_1")
            for unit in ("wall_s", "cpu_s")
        }
        rounds.append(share)
        shown = {name: {u: round(v, 2) for u, v in t.items()} for name, t in took.items()}
        shares = {name: round(value, 4) for name, value in share.items()}
        line = {"files": len(files), "took": shown, "share_of_build": shares}
        print(json.dumps(line), flush=True)
    medians = {name: statistics.median(share[name] for share in rounds) for name in rounds[0]}
    print(json.dumps({"medians": {name: round(value, 4) for name, value in medians.items()}}))
    return None


if __name__ == "__main__":
    main()
