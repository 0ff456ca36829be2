from hypothesis import given
from hypothesis import strategies as st

from encoder.batching import plan_batches

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
