"""One encoder in a process of its own: seconds until its first vector, and memory.

    python -m benchmarks.encoder_alone NAME < passages.jsonl

NAME is one of benchmarks/contenders.py; each line of the input is a passage, as a JSON string.
Prints one line of JSON. What was imported, opened or
converted before by another process is in the machine's file cache: this is a warm start.
"""

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.contenders import CONTENDERS

MARK = "alone: "


def told(output: str) -> dict[str, float]:
    """Read what such a process has printed, whatever its libraries have printed as well."""
    line = next(line for line in output.split("\n") if line.startswith(MARK))
    found: dict[str, float] = json.loads(line.removeprefix(MARK))
    return found


def seconds_alive() -> float:
    """Seconds since this process was started, by Linux's own count of clock ticks."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_mb() -> int:
    """Most memory of this process; getrusage would count that of its parent before the exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    contender = CONTENDERS[sys.argv[1]]()
    contender.encode(["query: How long is the warranty?"])
    figures = {"startup_s": round(seconds_alive(), 2), "mb_after_query": peak_mb()}
    contender.encode([f"passage: {json.loads(line)}" for line in sys.stdin])
    print(MARK + json.dumps(figures | {"mb": peak_mb()}))


if __name__ == "__main__":
    main()
