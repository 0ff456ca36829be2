"""A writer that is killed at any moment loses one window at most, and nothing else.

Each kind of work is killed CROSSTONGUE_TEST_KILLS times while it is under way.
"""

import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from encoder.spec import Vectors
from indexer import build
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.compact import compact_index
from indexer.errors import IndexNotFound
from indexer.manifest import read_manifest
from indexer.options import BuildOptions
from indexer.store import DATABASE
from indexer.verify import verify_index
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.test_build import texts_and_vectors
from tests.warm import Forked, fork

KILLS = int(os.environ.get("CROSSTONGUE_TEST_KILLS", "4"))
OPTIONS = BuildOptions(chunking=Chunking(60, 12))
QUESTIONS = ("cat", "water and bread", "Гарантия", "Satz 7", "train")
Contents = dict[tuple[str, int], tuple[str, list[float]]]


class SlowEncoder(ConceptEncoder):
    """Takes its time, so that kills fall into every stage."""

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        time.sleep(0.002 * len(texts))
        return super().encode_passages(texts)


def work(corpus: str, index_dir: str, kind: str) -> None:
    """Do one kind of work in a process of its own."""
    build.FIRST_WINDOW_PASSAGES = build.MAX_WINDOW_PASSAGES = 8
    sys.stdout.write("ready\n")
    if kind == "compact":
        compact_index(Path(index_dir))
    else:
        options = replace(OPTIONS, fresh=kind == "fresh")
        build.build_index(Path(corpus), Path(index_dir), SlowEncoder(), options)


def make_corpus(folder: Path, state: int) -> Path:
    """Documents in one of two states: half of them differ, and one comes where another goes."""
    words = ["Katze", "water", "保証。", "поезд", "bread", "nichts"]
    folder.mkdir(exist_ok=True)
    for number in range(24):
        pick = random.Random(number if number % 2 else f"{number} {state}")
        sentences = [f"{pick.choice(words)} steht in Satz {i}." for i in range(pick.randint(3, 60))]
        (folder / f"{number:02}.txt").write_text(" ".join(sentences), encoding="utf-8")
    (folder / f"only-{state}.txt").write_text("Das Brot.", encoding="utf-8")
    (folder / f"only-{1 - state}.txt").unlink(missing_ok=True)
    return folder


def start(corpus: Path, index_dir: Path, kind: str) -> Forked:
    process = fork(index_dir.parent, work, str(corpus), str(index_dir), kind)
    deadline = time.monotonic() + 60
    while process.printed.with_suffix(".out").read_bytes() != b"ready\n":
        assert time.monotonic() < deadline, "the writer has not begun"
        time.sleep(0.002)
    return process


def kill_after(process: Forked, delay_s: float) -> bool:
    """Kill a writer; tells whether it was still at work."""
    time.sleep(delay_s)
    process.kill()
    done = process.wait()
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == -signal.SIGKILL


class Folder:
    """An index whose documents go from one of two states to the other and back, under kills."""

    def __init__(self, kind: str, tmp_path: Path) -> None:
        self.kind = kind
        self.corpus, self.index_dir, self.clean = (
            tmp_path / name for name in ("docs", "index", "clean")
        )
        self.states: list[Contents] = []
        for state in (1, 0):
            build_index(make_corpus(self.corpus, state), self.clean, ConceptEncoder(), OPTIONS)
            self.states.insert(0, texts_and_vectors(self.clean))
        self.state = 0
        self.kept: Contents = {}

    def prepare(self) -> None:
        """Bring the folder to where the work that is killed begins."""
        if self.kind != "first":
            self.state = 1 - self.state
            make_corpus(self.corpus, self.state)
        elif self.kept == self.states[0]:
            shutil.rmtree(self.index_dir)  # the first build came to its end
            self.kept = {}
        if self.kind == "compact" or (self.kind != "first" and not self.index_dir.exists()):
            build_index(self.corpus, self.index_dir, ConceptEncoder(), OPTIONS)
            self.kept = texts_and_vectors(self.index_dir)

    def usual_s(self) -> float:
        """How long the work takes where nobody kills it."""
        self.prepare()
        process, started = start(self.corpus, self.index_dir, self.kind), time.perf_counter()
        done = process.wait()
        assert (done.returncode, done.stderr) == (0, "")
        taken = time.perf_counter() - started
        self.kept = texts_and_vectors(self.index_dir)
        return taken

    def check(self) -> None:
        """Whatever is there is sound, of one state or the other, and nothing of it is lost."""
        try:
            assert verify_index(self.index_dir)["verdict"] == "sound"
        except IndexNotFound:  # killed before the first manifest
            assert self.kept == {}
            return
        found, (one, other) = texts_and_vectors(self.index_dir), self.states
        assert all(value in (one.get(key), other.get(key)) for key, value in found.items())
        # What no edit has touched stays, whatever was going on; a --fresh build or a compaction
        # that was killed has changed nothing.
        same = {key for key, value in one.items() if other.get(key) == value}
        kept = {key: value for key, value in self.kept.items() if key in same}
        assert kept.items() <= found.items()
        if self.kind == "compact":
            assert found == self.kept
        if self.kind == "fresh":
            assert found in (self.kept, self.states[self.state])
        self.kept = found

    def check_end(self) -> None:
        """Working on undisturbed ends as if nobody had ever been killed."""
        corpus = make_corpus(self.corpus, 0)
        build_index(corpus, self.index_dir, ConceptEncoder(), OPTIONS)
        compact_index(self.index_dir)
        checked = verify_index(self.index_dir)
        assert checked["checked"] == "every byte"
        assert checked["passages"] == checked["rows"] == len(self.states[0])
        assert texts_and_vectors(self.index_dir) == self.states[0]
        assert rankings(self.index_dir) == rankings(self.clean)
        build_index(corpus, self.index_dir, ConceptEncoder(), OPTIONS)  # of one generation again
        assert files(self.index_dir) == files(self.clean)


def files(index_dir: Path) -> list[str]:
    """All in an index, but for SQLite's journals, tantivy's files, and how names count up."""
    words = index_dir / read_manifest(index_dir).generation / "lexical"
    return sorted(
        re.sub(r"^g\d{4}|(?<=lexical/)\d{6}", "N", path.relative_to(index_dir).as_posix())
        for path in index_dir.rglob("*")
        if (words not in path.parents or path.parent == words)
        and not path.name.startswith(f"{DATABASE}-")
    )


def rankings(index_dir: Path) -> list[list[tuple[float, str, int]]]:
    """What a search by meaning and words finds, all of it: ties are not cut through."""
    retriever = Retriever.open(index_dir, ConceptEncoder())
    return [
        [
            (hit.score, hit.passage.source, hit.passage.start)
            for hit in retriever.search(question, k=1000, fold=False)
        ]
        for question in QUESTIONS
    ]


@pytest.mark.parametrize("kind", ["first", "update", "fresh", "compact"])
def test_work_killed_at_random_moments_ends_as_if_it_was_not(kind: str, tmp_path: Path) -> None:
    folder, pick = Folder(kind, tmp_path), random.Random(2026)
    usual_s = folder.usual_s()
    killed = ended = 0
    while killed < KILLS and ended < 4 * KILLS + 8:
        folder.prepare()
        was_killed = kill_after(
            start(folder.corpus, folder.index_dir, kind), pick.uniform(0, usual_s)
        )
        killed, ended = killed + was_killed, ended + (not was_killed)
        folder.check()
    assert killed == KILLS
    folder.check_end()


def test_a_killed_build_keeps_what_it_committed(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "docs", 0)
    index_dir = tmp_path / "index"
    process = start(corpus, index_dir, "update")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (index_dir / "manifest.json").exists():
        time.sleep(0.01)
    time.sleep(0.4)
    process.kill()
    process.wait()
    committed = texts_and_vectors(index_dir)
    encoder = ConceptEncoder()
    report = build_index(corpus, index_dir, encoder)
    assert committed.items() <= texts_and_vectors(index_dir).items()
    assert report.encoded <= len(texts_and_vectors(index_dir)) - len(committed)
