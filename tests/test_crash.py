"""A build that is killed at any moment loses one window at most, and nothing else."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.errors import IndexNotFound
from indexer.options import BuildOptions
from indexer.verify import verify_index
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.test_build import texts_and_vectors

KILLS = int(os.environ.get("CROSSTONGUE_TEST_KILLS", "6"))
CHUNKING = Chunking(60, 12)

# A real process; its encoder takes its time, so that kills fall into every stage.
BUILD = """
import sys, time
from pathlib import Path
from indexer import build
from indexer.chunk import Chunking
from indexer.options import BuildOptions
from tests.concept_encoder import ConceptEncoder

class SlowEncoder(ConceptEncoder):
    def encode_passages(self, texts, /):
        time.sleep(0.002 * len(texts))
        return super().encode_passages(texts)

build.FIRST_WINDOW_PASSAGES = build.MAX_WINDOW_PASSAGES = 8
print("ready", flush=True)
options = BuildOptions(chunking=Chunking(60, 12), fresh=sys.argv[3] == "fresh")
build.build_index(Path(sys.argv[1]), Path(sys.argv[2]), SlowEncoder(), options)
"""


def make_corpus(folder: Path) -> Path:
    words = ["Katze", "water", "保証。", "поезд", "bread", "nichts"]
    folder.mkdir()
    pick = random.Random(4)
    for number in range(24):
        sentences = [f"{pick.choice(words)} steht in Satz {i}." for i in range(pick.randint(3, 60))]
        (folder / f"{number:02}.txt").write_text(" ".join(sentences), encoding="utf-8")
    return folder


def start(corpus: Path, index_dir: Path, kind: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(corpus), str(index_dir), kind],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill_at_random(corpus: Path, index_dir: Path, kind: str, pick: random.Random) -> bool:
    """Start a build and kill it within its usual time; tells whether it was still running."""
    process = start(corpus, index_dir, kind)
    time.sleep(pick.uniform(0, 1.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("kind", ["update", "fresh"])
def test_a_build_killed_at_random_moments_ends_as_one_that_was_not(
    kind: str, tmp_path: Path
) -> None:
    corpus = make_corpus(tmp_path / "docs")
    killed, pick = tmp_path / "killed", random.Random(2026)
    done = [kill_at_random(corpus, killed, kind, pick) for _ in range(KILLS)]
    assert any(done)  # else this test tried nothing
    with suppress(IndexNotFound):  # killed before the first manifest
        assert verify_index(killed)["verdict"] == "sound"
    build_index(corpus, killed, ConceptEncoder(), BuildOptions(chunking=CHUNKING))
    assert verify_index(killed)["verdict"] == "sound"
    build_index(corpus, tmp_path / "clean", ConceptEncoder(), BuildOptions(chunking=CHUNKING))
    assert texts_and_vectors(killed) == texts_and_vectors(tmp_path / "clean")
    for question in ("cat", "water and bread", "Гарантия", "train"):
        ours, theirs = (
            Retriever.open(folder, ConceptEncoder()).search(question, k=50, fold=False)
            for folder in (killed, tmp_path / "clean")
        )
        assert [(h.score, h.passage.source, h.passage.start) for h in ours] == [
            (h.score, h.passage.source, h.passage.start) for h in theirs
        ]


def test_a_killed_build_keeps_what_it_committed(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "docs")
    index_dir = tmp_path / "index"
    process = start(corpus, index_dir, "update")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (index_dir / "manifest.json").exists():
        time.sleep(0.01)
    time.sleep(0.4)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    committed = texts_and_vectors(index_dir)
    encoder = ConceptEncoder()
    report = build_index(corpus, index_dir, encoder)
    assert committed.items() <= texts_and_vectors(index_dir).items()
    assert report.encoded <= len(texts_and_vectors(index_dir)) - len(committed)
