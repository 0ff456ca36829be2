"""Batches on threads of their own: the same vectors, and torch left as it was."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from encoder.bundled import unpacked_folder
from encoder.hardware import choose_device, cpu_has_vnni
from encoder.naming import parse_name
from encoder.registry import E5_SMALL
from encoder.side_by_side import (
    LEAST_TOKENS_PER_BATCH,
    SideBySide,
    plan_shrinking,
    threads_here,
)
from encoder.torch_alone import compute_alone
from encoder.transformer import TransformerEncoder

TEXTS = [("a word " * (1 + 7 * i % 90)).strip() for i in range(40)]


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    """So many as torch uses by itself: at least two, or nothing could go wrong."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, before))
    yield torch.get_num_threads()
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("number", "lengths", "suits"),
    [
        (2, [1000] * 2, True),
        (2, [20], True),  # a question
        (2, [2 * LEAST_TOKENS_PER_BATCH], False),  # a thread would have nothing to do
        (2, [2 * LEAST_TOKENS_PER_BATCH - 1], True),
        (3, [1000] * 2, False),
    ],
)
def test_few_long_texts_get_all_threads(number: int, lengths: list[int], suits: bool) -> None:
    assert SideBySide(number).suits(lengths) is suits


@pytest.mark.parametrize("begin", [None, compute_alone])
def test_short_texts_are_not_shared_out(begin: Callable[[], None] | None) -> None:
    batches: list[list[int]] = []
    names: list[str] = []

    def step(batch: list[int]) -> None:
        batches.append(batch)
        names.append(threading.current_thread().name)

    SideBySide(4, begin).run([20] * 10, step)
    assert batches == [list(range(10))]
    # A thread that must begin with something is one of its own; else handing over only costs.
    assert (names == [threading.current_thread().name]) == (begin is None)


def test_batches_shrink_towards_the_end() -> None:
    lengths = [100] * 200
    batches = plan_shrinking(lengths, 2)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    tokens = [100 * len(batch) for batch in batches]
    assert tokens == [2000] * 9 + [1000, 500, 500]
    assert [len(batch) for batch in plan_shrinking([100] * 30, 2)] == [15, 15]
    assert plan_shrinking([700, 3000, 20], 2) == [[1], [0, 2]]  # the longest first, too long alone
    tokens = [100 * len(batch) for batch in plan_shrinking(lengths, 2, most_tokens=512)]
    assert tokens == [500] * 39 + [200, 200, 100]


@pytest.mark.parametrize(
    ("threads", "batches"),
    [(1, 10), (2, 12), (64, 67)],  # 20,000 tokens: 2,048 at a time, or a share for each thread
)
def test_one_core_and_many_have_their_own_batches(threads: int, batches: int) -> None:
    plan = plan_shrinking([100] * 200, threads)
    assert sorted(i for batch in plan for i in batch) == list(range(200))
    assert len(plan) == batches


@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        ("", None),
        ("1", 1),
        ("3,2", 3),
        (" 12 ", 12),
        ("0", None),
        ("-2", None),
        ("many", None),
        ("9" * 5000, None),
    ],
)
def test_so_many_threads_compute_as_were_asked_for_or_as_there_are_cores(
    asked: str, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 5, 6, 7}, raising=False)
    assert threads_here() == (threads or 5)


@pytest.mark.parametrize(("cores", "threads"), [(6, 6), (None, 1)])
def test_where_a_process_cannot_ask_for_its_cores_those_of_the_machine_count(
    cores: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS and Windows."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert threads_here() == threads


def test_each_text_is_in_one_batch_and_each_batch_has_one_thread_of_torch(threads: int) -> None:
    side_by_side = SideBySide(3, compute_alone)
    lengths = [1 + 37 * i % 500 for i in range(100)]
    for _ in range(2):  # the threads of the pool outlive a run, and torch's number comes back
        seen: list[int] = []
        used: set[tuple[str, int]] = set()

        def step(
            batch: list[int], seen: list[int] = seen, used: set[tuple[str, int]] = used
        ) -> None:
            seen.extend(batch)
            used.add((threading.current_thread().name, torch.get_num_threads()))
            time.sleep(0.01)  # or the first thread would be done before the second begins

        side_by_side.run(lengths, step)
        assert sorted(seen) == list(range(100))
        assert {number for _, number in used} == {1}
        assert len(used) == 3
        assert torch.get_num_threads() == threads


def test_a_failure_ends_the_run_when_no_step_runs_any_more(threads: int) -> None:
    running = []

    def step(batch: list[int]) -> None:
        running.append(batch)
        if 0 in batch:
            raise ValueError("no")
        time.sleep(0.1)
        running.remove(batch)

    with pytest.raises(ValueError, match="no"):
        SideBySide(2, compute_alone).run([2000, *[1500] * 20], step)
    assert len(running) == 1  # the one that raised
    assert torch.get_num_threads() == threads


def test_other_threads_keep_what_torch_gives_them_while_batches_run(threads: int) -> None:
    begun, go_on = threading.Barrier(5, timeout=60), threading.Event()
    found: dict[str, int] = {}

    def step(_: list[int]) -> None:
        begun.wait()
        go_on.wait()

    def run() -> None:
        SideBySide(2, compute_alone).run([1000] * 2, step)
        found["that ran batches"] = torch.get_num_threads()

    def look() -> None:
        found["new"] = torch.get_num_threads()

    runs = [threading.Thread(target=run) for _ in range(2)]  # two searches of one page
    for thread in runs:
        thread.start()
    begun.wait()
    new = threading.Thread(target=look)
    new.start()
    new.join()
    go_on.set()
    for thread in runs:
        thread.join()
    assert found == {"new": threads, "that ran batches": threads}
    assert torch.get_num_threads() == threads


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU would be used")
@pytest.mark.parametrize(
    "options",
    [
        "dtype=float32,products=float",
        pytest.param(
            "products=int8",
            marks=pytest.mark.skipif(not cpu_has_vnni(), reason="this processor has no VNNI"),
        ),
    ],
)
def test_the_vectors_are_those_of_all_threads_on_one_batch(options: str) -> None:
    asked = parse_name(f"e5-small@{options}")
    encoder = TransformerEncoder.open(
        E5_SMALL, unpacked_folder(), choose_device(asked.dtype, asked.products)
    )
    side_by_side = encoder._side_by_side
    assert side_by_side
    lengths = [len(ids) for ids in encoder.tokens.ids(TEXTS)]
    assert side_by_side.suits(lengths)
    rows = encoder.encode_passages(TEXTS)
    encoder._side_by_side = None
    expected = encoder.encode_passages(TEXTS)
    assert np.abs(rows - expected).max() < 2e-6
