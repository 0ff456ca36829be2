"""texts -> token batches: which texts share one forward pass."""

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Group texts of similar length so that each padded batch stays within the token budget.

    Texts are sorted by length, so that little of a batch is padding. A text longer than the budget
    gets a batch of its own.

    Args:
        lengths: Tokens of each text.
        budget_tokens: Most tokens of a batch, padding included.

    Returns:
        Batches of positions in `lengths`; each position is in exactly one. Longest texts first, so
        that a batch that does not fit into memory fails at once and not at the end.
    """
    longest_first = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    width = 0
    for position in longest_first:
        if batches and width * (len(batches[-1]) + 1) <= budget_tokens:
            batches[-1].append(position)
        else:
            batches.append([position])
            width = max(1, lengths[position])
    return batches
