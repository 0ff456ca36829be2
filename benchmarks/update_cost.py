"""What an update costs beside the first build: nothing changed, and one document edited.

    python benchmarks/update_cost.py [--documents 2000] [--no-encoding]

Documents of some 1,500 characters each are generated from words at random. With --no-encoding the
vectors cost nothing: then the shares are those of everything else.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

from encoder.load import load_encoder
from encoder.spec import Encoder
from indexer.build import build_index
from indexer.report import BuildReport

try:
    from benchmarks.isolation_cost import NoEncoding
except ImportError:  # run as a script: its own folder is on the path
    from isolation_cost import NoEncoding  # type: ignore[import-not-found, no-redef]

SYLLABLES = (
    "ka",
    "to",
    "mi",
    "re",
    "lu",
    "san",
    "der",
    "wo",
    "pe",
    "gri",
    "bal",
    "no",
    "vor",
    "ly",
)


def text(number: int) -> str:
    pick = random.Random(number)
    sentences = []
    for _ in range(24):
        words = ["".join(pick.choices(SYLLABLES, k=pick.randint(1, 4))) for _ in range(10)]
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)


def timed(corpus: Path, index_dir: Path, encoder: Encoder) -> tuple[float, float, BuildReport]:
    """Seconds on the clock and of processors, reading processes included; and the report."""
    before, started = os.times(), time.perf_counter()
    report = build_index(corpus, index_dir, encoder)
    wall_s, after = time.perf_counter() - started, os.times()
    return wall_s, sum(after[:4]) - sum(before[:4]), report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--no-encoding", action="store_true")
    arguments = parser.parse_args()
    encoder: Encoder = load_encoder("e5-small", offline=True)
    if arguments.no_encoding:
        encoder = NoEncoding(encoder)
    took = {}
    with tempfile.TemporaryDirectory() as temporary:
        corpus, index_dir = Path(temporary) / "docs", Path(temporary) / "index"
        corpus.mkdir()
        for number in range(arguments.documents):
            (corpus / f"{number:05}.txt").write_text(text(number), encoding="utf-8")
        took["full"] = timed(corpus, index_dir, encoder)
        took["nothing_changed"] = timed(corpus, index_dir, encoder)
        edited = corpus / f"{arguments.documents // 2:05}.txt"
        edited.write_text(edited.read_text("utf-8").replace(". ", ". Also. ", 1), encoding="utf-8")
        took["one_edit"] = timed(corpus, index_dir, encoder)
    whole_wall_s, whole_cpu_s, _ = took["full"]
    figures = {
        name: {
            "seconds": round(wall_s, 2),
            "share": round(wall_s / whole_wall_s, 4),
            "cpu_seconds": round(cpu_s, 2),
            "cpu_share": round(cpu_s / whole_cpu_s, 4),
            "encoded": report.encoded,
            "stages_s": {stage: round(s, 2) for stage, s in report.seconds.items()},
        }
        for name, (wall_s, cpu_s, report) in took.items()
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
