"""What a killed process left of a file that it was making is gone when the next has made it."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from encoder.array_file import read_arrays, write_arrays
from encoder.workplace import workplace
from retriever.evaluation.vector_cache import _save
from tests.warm import fork

MEGABYTES = 64


def write_again_and_again(path: str, how: str) -> None:
    """Write one file over and over, so that a kill falls into it."""
    array = np.zeros(MEGABYTES << 20, np.uint8)
    while True:
        write(Path(path), how, array)


def write(path: Path, how: str, array: np.ndarray) -> None:
    if how == "arrays":
        write_arrays({"array": array}, path)
    else:
        _save(path, array)


@pytest.mark.parametrize(("how", "name"), [("arrays", "a.pieces"), ("vectors", "a.rows.npy")])
def test_the_next_writer_removes_what_a_killed_one_left(
    how: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "cache" / name
    path.parent.mkdir()
    process = fork(tmp_path, write_again_and_again, str(path), how)
    deadline = time.monotonic() + 60
    while not [*path.parent.glob("*/made")]:
        assert time.monotonic() < deadline, "nothing is written"
    process.kill()
    process.wait()
    left = [other for other in path.parent.iterdir() if other != path]
    assert [sorted(inside.name for inside in other.iterdir()) for other in left] == [
        ["lock", "made"]
    ]
    write(path, how, np.arange(3))
    assert [*path.parent.iterdir()] == [path]


def hold(folder: str) -> None:
    """Work in a folder until told to stop."""
    with workplace(Path(folder), "making-") as made:
        made.write_text("half of it")
        sys.stdout.write("at work\n")
        while not (Path(folder) / "stop").exists():
            time.sleep(0.01)
        made.replace(Path(folder) / "whole")


def test_what_another_process_is_making_stays(tmp_path: Path) -> None:
    process = fork(tmp_path, hold, str(tmp_path))
    deadline = time.monotonic() + 60
    while process.printed.with_suffix(".out").read_bytes() != b"at work\n":
        assert time.monotonic() < deadline, "it has not begun"
        time.sleep(0.01)
    with workplace(tmp_path, "making-") as made:
        assert not made.exists()
        assert len([*tmp_path.glob("making-*")]) == 2
    (tmp_path / "stop").touch()
    assert process.wait().returncode == 0
    assert (tmp_path / "whole").read_text("utf-8") == "half of it"
    assert [*tmp_path.glob("making-*")] == []


def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    write_arrays({"array": np.arange(3)}, tmp_path / "a.pieces")
    (tmp_path / "b.pieces").mkdir()
    with pytest.raises(IsADirectoryError):
        write_arrays({"array": np.arange(3)}, tmp_path / "b.pieces")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pieces", "b.pieces"]
    assert read_arrays(tmp_path / "a.pieces")["array"].tolist() == [0, 1, 2]
