"""Change one byte of an index at a time, anywhere, and see who notices.

    python benchmarks/corruptions.py [--times 300] [--seed 1]

The index is of generated documents and a small encoder of the tests; every file in it takes part,
small ones too. "open" is opening for search and asking four questions: damage counts as found there
if that ends with an error, or with a warning beside the hits. An answer counts as wrong if it is
not that of the sound index. Any error that is not one of ours ends the benchmark.
"""

import argparse
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from encoder.errors import RagError
from indexer.build import build_index
from indexer.verify import verify_index
from tests.concept_encoder import ConceptEncoder
from tests.test_faults import OPTIONS, make_corpus, rankings


def noticed(work: object, *arguments: object) -> bool:
    """Tell whether it ends with one of our errors; any other error is a mistake and shows."""
    assert callable(work)
    try:
        work(*arguments)
    except RagError:
        return True
    return False


class Warnings(logging.Handler):
    """What a search says beside its hits."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def chosen(files: list[Path], pick: random.Random) -> Path:
    """Half of the times each file is as likely as another, else each byte."""
    if pick.random() < 0.5:
        return pick.choice(files)
    return pick.choices(files, [path.stat().st_size for path in files])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    pick = random.Random(arguments.seed)
    counts: Counter[str] = Counter()
    warnings = Warnings()
    logging.getLogger().addHandler(warnings)
    with tempfile.TemporaryDirectory() as temporary:
        index_dir = Path(temporary) / "index"
        corpus = make_corpus(Path(temporary) / "docs", 0)
        for seed in (0, 1):
            build_index(make_corpus(corpus, seed), index_dir, ConceptEncoder(), OPTIONS)
        files = sorted(p for p in index_dir.rglob("*") if p.is_file() and p.stat().st_size)
        right = rankings(index_dir)
        for _ in range(arguments.times):
            path = chosen(files, pick)
            sound = path.read_bytes()
            at = pick.randrange(len(sound))
            changed = sound[at] ^ pick.randrange(1, 256)
            path.write_bytes(sound[:at] + bytes([changed]) + sound[at + 1 :])
            counts[f"tried: {path.relative_to(index_dir)}"] += 1
            by_verify = noticed(verify_index, index_dir)
            counts["found by verify"] += by_verify
            warnings.said.clear()
            by_search = False
            try:
                wrong = rankings(index_dir) != right
            except RagError:
                wrong, by_search = False, True
            counts["found by open or search, by an error"] += by_search
            counts["found by open or search, by a warning"] += bool(warnings.said)
            unnoticed = wrong and not warnings.said
            counts["answered wrongly, unnoticed by open and search"] += unnoticed
            counts["answered wrongly, unnoticed by verify too"] += wrong and not by_verify
            path.write_bytes(sound)
        assert not noticed(verify_index, index_dir)
    print(json.dumps(dict(sorted(counts.items())), indent=2))


if __name__ == "__main__":
    main()
