"""What becomes of each file of a folder of odd, damaged and hostile files, and what it costs.

    python benchmarks/hostile_outcomes.py FOLDER [--only PATTERN]

Each file is read by a reading process of its own, under the limits of a build. Beside the outcome
stands what the folder's manifest.tsv says of the file, if it has one. Linux: memory is the
process's peak, about 20 MB of it the interpreter's. Exits with 1 if a file broke its reader.
"""

import argparse
import csv
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import UnreadableDocument
from indexer.isolation.child import ReaderProcess
from indexer.isolation.limits import limits_for

BROKEN = ("It crashed", "Its reader", "Reading it t", "It unfolds")


@dataclass(frozen=True, slots=True)
class Outcome:
    status: str
    what: str
    seconds: float
    peak_mb: float
    over_limits: bool


def outcome(path: Path, source: str) -> Outcome:
    limits = limits_for(path.stat().st_size)
    with ReaderProcess() as reader:
        started = time.perf_counter()
        try:
            document = reader.read(path, source, limits)
            notes = "; ".join(document.notes)
            status = "read"
            what = f"{document.format}, {len(document.text)} characters {notes}".strip()
        except UnreadableDocument as error:
            broken = error.reason.startswith(BROKEN)
            status, what = "broke its reader" if broken else "refused", error.reason
        seconds = time.perf_counter() - started
        peak_mb = peak(reader.pid)
    over = seconds > limits.wall_s or peak_mb * 2**20 > limits.memory_bytes
    return Outcome(status, what, seconds, peak_mb, over)


def peak(pid: int) -> float:
    """Peak memory in MB of a process; of all that have ended, where this one has."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        lines = []
    high = [line for line in lines if line.startswith("VmHWM:")]
    if not high:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return int(high[0].split()[1]) / 1024


def described(folder: Path) -> dict[str, str]:
    manifest = folder / "manifest.tsv"
    if not manifest.exists():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"]: row["what"] for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="**/*", help="Pattern of the files to read.")
    arguments = parser.parse_args()
    folder = arguments.folder
    known = described(folder)
    outcomes = []
    print("file\tstatus\tseconds\tpeak_mb\toutcome\tdescribed as")
    for path in sorted(folder.glob(arguments.only)):
        source = path.relative_to(folder).as_posix()
        if not path.is_file() or (known and source not in known):
            continue
        found = outcome(path, source)
        outcomes.append(found)
        said = ascii(found.what)[1:-1]
        print(
            f"{source}\t{found.status}\t{found.seconds:.2f}\t{found.peak_mb:.0f}\t{said}"
            f"\t{known.get(source, '')}",
            flush=True,
        )
    counts = {
        status: sum(found.status == status for found in outcomes)
        for status in ("read", "refused", "broke its reader")
    }
    print(
        f"# {len(outcomes)} files: {counts}; over limits: {sum(o.over_limits for o in outcomes)}; "
        f"slowest {max(o.seconds for o in outcomes):.2f} s; "
        f"most memory {max(o.peak_mb for o in outcomes):.0f} MB"
    )
    return 1 if counts["broke its reader"] else 0


if __name__ == "__main__":
    sys.exit(main())
