import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.batching import TokenBudget, fit_budget, plan_batches, run_batches

LENGTHS = st.lists(st.integers(min_value=0, max_value=600), max_size=60)


@given(LENGTHS, st.integers(min_value=1, max_value=2048))
def test_batches_partition_the_texts(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(min_value=1, max_value=2048))
def test_a_padded_batch_of_several_texts_stays_within_the_budget(
    lengths: list[int], budget: int
) -> None:
    for batch in plan_batches(lengths, budget):
        width = max(max(1, lengths[i]) for i in batch)
        assert len(batch) == 1 or width * len(batch) <= budget


def test_texts_of_similar_length_share_a_batch() -> None:
    assert plan_batches([5, 100, 6, 99], budget_tokens=200) == [[1, 3], [2, 0]]


def test_packed_batches_are_filled_by_the_tokens_that_are_there() -> None:
    assert plan_batches([10, 1, 1, 1], 13) == [[0], [1, 2, 3]]
    assert plan_batches([10, 1, 1, 1], 13, packed=True) == [[0, 1, 2, 3]]


class OutOfMemory(Exception):
    """Stands for a device's own error."""


class Device:
    """Takes batches of so many tokens and no more."""

    def __init__(self, lengths: list[int], capacity: int) -> None:
        self.lengths, self.capacity = lengths, capacity
        self.done: list[list[int]] = []
        self.tried = 0

    def step(self, batch: list[int]) -> None:
        self.tried += 1
        if sum(self.lengths[i] for i in batch) > self.capacity:
            raise OutOfMemory
        self.done.append(batch)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(40, 400), st.integers(1, 2000))
def test_every_text_is_encoded_once_however_often_memory_runs_out(
    lengths: list[int], capacity: int, budget_tokens: int
) -> None:
    device, budget = Device(lengths, capacity), TokenBudget(budget_tokens, packed=True)
    run_batches(lengths, budget, device.step, OutOfMemory)
    assert sorted(i for batch in device.done for i in batch) == list(range(len(lengths)))
    assert budget.tokens <= max(budget_tokens, 1)


def test_batches_are_halved_until_they_fit_and_stay_so(caplog: pytest.LogCaptureFixture) -> None:
    device, budget = Device([10] * 16, 45), TokenBudget(160, packed=True)
    run_batches(device.lengths, budget, device.step, OutOfMemory)
    assert [len(batch) for batch in device.done] == [4, 4, 4, 4]
    assert caplog.messages == [
        "out of memory: batches have at most 80 tokens from now on",
        "out of memory: batches have at most 40 tokens from now on",
    ]
    device.tried = 0
    run_batches(device.lengths, budget, device.step, OutOfMemory)
    assert device.tried == 4


def test_a_single_text_that_does_not_fit_is_an_error() -> None:
    device = Device([10, 50], 45)
    with pytest.raises(OutOfMemory):
        run_batches(device.lengths, TokenBudget(100, packed=True), device.step, OutOfMemory)


@pytest.mark.parametrize(
    ("free_gb", "tokens"),
    [
        (0.01, 1024),  # at least so many, however little is left
        (4, 17_755),  # 60% of it at 135,168 bytes a token
        (60, 65_536),  # more gains nothing
    ],
)
def test_a_batch_is_as_large_as_the_memory_of_the_gpu_allows(free_gb: float, tokens: int) -> None:
    # The sizes of nemotron-8b in half precision.
    assert fit_budget(int(free_gb * 1e9), 4096, 14336, 2) == tokens
