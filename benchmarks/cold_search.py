"""How long a search from the shell takes, from Enter to the last hit, in a fresh process each time.

    python benchmarks/cold_search.py [--index index] [--runs 5]

The files are in memory after the first, uncounted run, so this is a second search, not the first
after the machine has started. Processor seconds tell how far a busy machine has spoilt the others.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
QUESTION = "Is damage caused by limescale covered by the warranty?"


def seconds(command: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor, that a command takes."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after, wall = os.times(), time.perf_counter() - started
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    index = str(arguments.index.absolute())
    commands = {
        "search": ["-m", "retriever", "search", QUESTION, "--index", index],
        "of which importing torch": ["-c", "import torch"],
    }
    figures: dict[str, object] = {"load": round(os.getloadavg()[0], 1), "runs": arguments.runs}
    for name, command in commands.items():
        seconds([sys.executable, *command])
        times = np.array([seconds([sys.executable, *command]) for _ in range(arguments.runs)])
        median = np.median(times, axis=0).round(2).tolist()
        figures[name] = dict(zip(("clock_s", "processor_s"), median, strict=True))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
