"""What a build costs beyond encoding, its peak memory, and what a second build costs.

    python -m benchmarks.build_overhead FOLDER

The same passages are encoded alone, in one process with the build and after it. Linux and macOS.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from encoder.load import load_encoder
from encoder.spec import Encoder
from indexer.build import build_index
from indexer.store import open_index


def peak_gb() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def overhead_figures(folder: Path, index_dir: Path, encoder: Encoder) -> dict[str, Any]:
    """Build an index of the folder, build again, and encode the same passages alone."""
    encoder.encode_passages(["warm up " * 50] * 16)
    started, cpu_started = time.perf_counter(), time.process_time()
    report = build_index(folder, index_dir, encoder)
    build_s, build_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    memory_gb = peak_gb()
    started = time.perf_counter()
    again = build_index(folder, index_dir, encoder)
    again_s = time.perf_counter() - started
    index = open_index(index_dir)
    with index.reading() as database:
        rows = np.flatnonzero(index.snapshot(database).live).tolist()
        texts = list(dict.fromkeys(p.text for p in index.passages(database, rows)))
    started, cpu_started = time.perf_counter(), time.process_time()
    encoder.encode_passages(texts)
    encode_s, encode_cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
    return {
        "documents": report.read,
        "unread": len(report.unread),
        "passages": report.passages,
        "encoded": report.encoded,
        "tokens": report.tokens,
        "build_s": round(build_s, 1),
        "encode_alone_s": round(encode_s, 1),
        "ratio": round(build_s / encode_s, 3),
        # Less disturbed by what else runs on the machine.
        "ratio_of_processor_time": round(build_cpu_s / encode_cpu_s, 3),
        "stages_s": {name: round(seconds, 1) for name, seconds in report.seconds.items()},
        "peak_memory_gb": round(memory_gb, 2),
        "second_build_s": round(again_s, 2),
        "second_build_encoded": again.encoded,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path, help="Keep the index here; it must not exist.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        index_dir = arguments.index or Path(temporary) / "index"
        figures = overhead_figures(arguments.folder, index_dir, load_encoder("e5-small"))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
