"""Everything that only a GPU can show, in one go and within a time limit.

    python -m benchmarks.gpu_all [--minutes 9] [--out gpu-figures]

Runs the tests marked `gpu`, then benchmarks/gpu_encoder.py (the 8B shape: tokens/s at 128, 512 and
2,048 tokens and mixed, for the best packed kernel, packed SDPA and padded; the share of the rate of
plain matrix products; memory), once more with 8-bit weights, then benchmarks/gpu_search.py
(1,000,000 x 384 in float32, and 100,000 x 4096 in float16), then benchmarks/gpu_build.py (the
sample documents from a checkpoint of the 8B's size to hits; 15 GB of disk). Each step writes a file
as soon as it is done, so that a run that is cut off keeps what it has; what no time is left for is
said at the end. Needs no network.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).parent.parent
GPU_TESTS = ("tests/test_gpu.py", "tests/test_gpu_search.py")  # collecting all takes minutes
STEPS: dict[str, list[str]] = {
    "tests": ["-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", *GPU_TESTS],
    "encoder": ["-m", "benchmarks.gpu_encoder"],
    "encoder-int8": [
        *("-m", "benchmarks.gpu_encoder"),
        *("--encoder", "nemotron-8b@weights=int8", "--tokens", "512", "--best-only"),
    ],
    "search-384": ["-m", "benchmarks.gpu_search"],
    "search-4096": [
        "-m", "benchmarks.gpu_search", "--rows", "100000", "--dim", "4096", "--dtype", "float16",
    ],
    "build": ["-m", "benchmarks.gpu_build", "sample_docs"],
}  # fmt: skip


def run_step(command: list[str], seconds: float) -> tuple[str, str]:
    """Run one step; returns its output and how it ended."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            ended = f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended = "cut off"
    return output, f"{ended} after {time.monotonic() - started:.0f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--out", type=Path, default=Path("gpu-figures"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + arguments.minutes * 60
    complete = True
    for name, command in STEPS.items():
        left = until - time.monotonic()
        output, ended = run_step(command, left) if left > 1 else ("", "not started: no time left")
        (arguments.out / f"{name}.txt").write_text(f"{output}\n{ended}\n", encoding="utf-8")
        print(f"== {name}: {ended}\n{output}", flush=True)
        complete &= ended.startswith("exit code 0")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
