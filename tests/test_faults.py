"""Whatever operation on the disk fails or is the last, nothing is lost, doubled or half there.

Some operations of each kind of work are tried; CROSSTONGUE_TEST_FAULTS says how many, and with
--slow it is all of them.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from indexer.backup import back_up
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.compact import compact_index
from indexer.errors import IndexNotFound, StorageError
from indexer.options import BuildOptions
from indexer.verify import verify_index
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.faults import strike
from tests.test_build import texts_and_vectors
from tests.warm import fork

OPTIONS = BuildOptions(chunking=Chunking(60, 12))
QUESTIONS = ("cat", "water and bread", "Гарантия", "train")
TRIED = int(os.environ.get("CROSSTONGUE_TEST_FAULTS", "3"))
Ranking = list[tuple[float, float, str, int]]


def make_corpus(folder: Path, seed: int) -> Path:
    """Documents of which some differ from seed to seed, and one comes and goes."""
    words = ["Katze", "water", "保証。", "поезд", "bread", "nichts"]
    folder.mkdir(exist_ok=True)
    for number in range(8):
        pick = random.Random(number if number % 2 else f"{number} {seed}")
        lines = [f"{pick.choice(words)} steht in Satz {i}." for i in range(pick.randint(3, 30))]
        (folder / f"{number:02}.txt").write_text(" ".join(lines), encoding="utf-8")
    (folder / f"only-{seed}.txt").write_text("Das Brot.", encoding="utf-8")
    (folder / f"only-{1 - seed}.txt").unlink(missing_ok=True)
    return folder


def rankings(index_dir: Path) -> list[Ranking]:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    return [
        [
            (hit.score, hit.cosine, hit.passage.source, hit.passage.start)
            for hit in retriever.search(question, k=50, balance="off", fold=False)
        ]
        for question in QUESTIONS
    ]


class Case:
    """One kind of work: the index before it, and what everything must come to after it."""

    def __init__(self, what: str, tmp_path: Path) -> None:
        self.what = what
        self.tmp_path = tmp_path
        self.before = tmp_path / "before"
        self.index_dir = tmp_path / "index"
        if what != "first":
            self.corpus = make_corpus(tmp_path / "docs", 0)
            build_index(self.corpus, self.before, ConceptEncoder(), OPTIONS)
        self.corpus = make_corpus(tmp_path / "docs", 1)
        if what == "compact":
            build_index(self.corpus, self.before, ConceptEncoder(), OPTIONS)
        self.old = texts_and_vectors(self.before) if what != "first" else {}
        build_index(self.corpus, tmp_path / "clean", ConceptEncoder(), OPTIONS)
        self.new = texts_and_vectors(tmp_path / "clean")
        self.rankings = rankings(tmp_path / "clean")

    def work(self, at: int, mode: str) -> subprocess.CompletedProcess[str]:
        """Do the work anew, with a fault at this operation."""
        shutil.rmtree(self.index_dir, ignore_errors=True)
        if self.before.exists():
            shutil.copytree(self.before, self.index_dir)
        return self.work_here(at, mode)

    def work_here(self, at: int, mode: str) -> subprocess.CompletedProcess[str]:
        """Do the work on the index that is there."""
        what = {"first": "build", "update": "build"}.get(self.what, self.what)
        arguments = (what, str(at), mode, str(self.corpus), str(self.index_dir))
        return fork(self.tmp_path, strike, *arguments).wait()

    def check(self) -> None:
        """What is there is sound and one of the two states; building again ends as if nothing had
        happened."""
        with suppress(IndexNotFound):  # before the first manifest
            assert verify_index(self.index_dir)["verdict"] == "sound"
            found = texts_and_vectors(self.index_dir)
            for key, value in found.items():
                assert value in (self.old.get(key), self.new.get(key))
            if self.what in ("fresh", "compact"):
                assert found in (self.old, self.new)
        build_index(self.corpus, self.index_dir, ConceptEncoder(), OPTIONS)
        compact_index(self.index_dir)
        assert verify_index(self.index_dir)["checked"] == "every byte"
        assert texts_and_vectors(self.index_dir) == self.new
        assert rankings(self.index_dir) == self.rankings
        build_index(self.corpus, self.index_dir, ConceptEncoder(), OPTIONS)
        # Nothing is left lying about.
        assert len(list(self.index_dir.glob("g*"))) == 1
        assert [path.name for path in self.index_dir.iterdir() if path.name.startswith(".")] == []


def chosen(count: int, config: pytest.Config) -> list[int]:
    """Which operations to try: all with --slow, else some, the first and last among them."""
    if config.getoption("--slow") or count <= TRIED:
        return list(range(1, count + 1))
    return sorted({1, count, *random.Random(7).sample(range(2, count), TRIED - 2)})


@pytest.mark.parametrize("mode", ["kill", "full"])
@pytest.mark.parametrize("what", ["first", "update", "fresh", "compact"])
def test_a_fault_at_any_operation_loses_nothing(
    what: str, mode: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    case = Case(what, tmp_path)
    whole = case.work(0, mode)
    assert whole.returncode == 0, whole.stderr
    count = int(whole.stdout.splitlines()[-1])
    assert count > 10
    for at in chosen(count, pytestconfig):
        done = case.work(at, mode)
        if mode == "kill":
            assert done.returncode == -9, (at, done.stderr)
        elif done.returncode:
            assert done.returncode == 1, (at, done.stderr)
            assert "cannot be used" in done.stdout, (at, done.stdout)
        case.check()


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_a_fault_at_any_operation_of_a_backup_leaves_a_whole_copy_or_none(
    mode: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    case = Case("backup", tmp_path)
    copy, others = (
        tmp_path / "copy",
        {"before", "clean", "docs", "index", "printed.out", "printed.err"},
    )
    whole = case.work(0, mode)
    count = int(whole.stdout.splitlines()[-1])
    assert count > 10
    for at in chosen(count, pytestconfig):
        shutil.rmtree(copy, ignore_errors=True)
        done = case.work(at, mode)
        if mode == "kill":
            assert done.returncode == -9, (at, done.stderr)
        elif done.returncode:
            assert "cannot be used" in done.stdout, (at, done.stdout)
        if copy.exists():
            assert verify_index(copy)["checked"] == "every byte"
            assert texts_and_vectors(copy) == case.old
        assert texts_and_vectors(case.index_dir) == case.old
        # The next backup removes what a killed one left.
        back_up(case.index_dir, tmp_path / "another")
        assert verify_index(tmp_path / "another")["checked"] == "every byte"
        shutil.rmtree(tmp_path / "another")
        assert {path.name for path in tmp_path.iterdir()} <= others | {"copy"}


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of that size; skips the test where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.getuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small disk needs root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [8, 40, 70])
def test_a_disk_that_is_too_small_for_a_backup_is_named(kilobytes: int, tmp_path: Path) -> None:
    case = Case("backup", tmp_path)
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        with pytest.raises(StorageError) as error:
            back_up(case.before, disk / "copy")
        assert f"The index at {disk / 'copy'} cannot be used" in str(error.value)
        assert list(disk.iterdir()) == []


def test_words_that_do_not_fit_on_the_disk_are_one_sentence(tmp_path: Path) -> None:
    case = Case("update", tmp_path)
    lexical = case.before / "g0001" / "lexical"
    shutil.rmtree(lexical)  # so that the next build makes them anew, and on a disk of their own
    with small_disk(lexical, 24), pytest.raises(StorageError) as error:
        build_index(case.corpus, case.before, ConceptEncoder(), OPTIONS)
    assert "cannot be used: its words could not be written" in str(error.value)
    shutil.rmtree(lexical)
    build_index(case.corpus, case.before, ConceptEncoder(), OPTIONS)
    assert verify_index(case.before)["checked"] == "every byte"
    assert rankings(case.before) == case.rankings


@pytest.mark.slow
@pytest.mark.parametrize("spare_kb", range(4, 144, 20))
@pytest.mark.parametrize("what", ["first", "update", "compact"])
def test_a_disk_that_is_full_indeed_loses_nothing(what: str, spare_kb: int, tmp_path: Path) -> None:
    case = Case(what, tmp_path)
    files = [path for path in case.before.rglob("*") if path.is_file()]
    used_kb = sum(-(-path.stat().st_size // 4096) * 4 for path in files)
    with small_disk(tmp_path / "disk", used_kb + spare_kb) as disk:
        case.index_dir = disk / "index"
        if files:
            shutil.copytree(case.before, case.index_dir)
        done = case.work_here(0, "kill")
        print(f"{what}, {spare_kb} KB to spare: exit {done.returncode}")  # noqa: T201 - see -rP
        assert done.returncode in (0, 1), done.stderr
        assert done.returncode == 0 or "cannot be used" in done.stdout
        assert done.returncode == 1 or spare_kb > 4
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        case.check()
