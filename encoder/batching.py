"""texts -> token batches: which texts share one forward pass, and how many tokens fit into it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

# Tokens of one forward pass. Small on a CPU, so that the activations stay in its cache (measured:
# benchmarks/encoder_throughput.py); on a GPU as its memory allows, up to where matrix products
# gain nothing more.
CPU_BUDGET_TOKENS = 2048
# Of our own forward pass on a processor: a share for each thread's cache, and a bound for memory.
TOKENS_PER_THREAD, MOST_CPU_TOKENS = 1024, 16_384
GPU_BUDGET_TOKENS = (1024, 65_536)
# Of the memory that is free; the rest is for fragmentation and the kernels' own workspace.
GPU_MEMORY_SHARE = 0.6


def cpu_budget(threads: int) -> int:
    """Tokens of one forward pass of our own on a processor with so many threads."""
    return min(MOST_CPU_TOKENS, max(1, threads) * TOKENS_PER_THREAD)


def longest_first(lengths: Sequence[int]) -> list[int]:
    """Positions of texts, the longest first, equal ones in their order."""
    return sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))


def plan_batches(
    lengths: Sequence[int], budget_tokens: int, *, packed: bool = False
) -> list[list[int]]:
    """Group texts of similar length so that each batch stays within the token budget.

    Texts are sorted by length, so that little of a batch is padding. A text longer than the budget
    gets a batch of its own.

    Args:
        lengths: Tokens of each text.
        budget_tokens: Most tokens of a batch, padding included.
        packed: Batches are packed and have no padding.

    Returns:
        Batches of positions in `lengths`; each position is in exactly one. Longest texts first, so
        that a batch that does not fit into memory fails at once and not at the end.
    """
    batches: list[list[int]] = []
    width = tokens = 0
    for position in longest_first(lengths):
        length = max(1, lengths[position])
        filled = tokens + length if packed else width * (len(batches[-1]) + 1 if batches else 1)
        if batches and filled <= budget_tokens:
            batches[-1].append(position)
            tokens += length
        else:
            batches.append([position])
            width = tokens = length
    return batches


def fit_budget(free_bytes: int, hidden: int, intermediate: int, bytes_per_number: int) -> int:
    """Most tokens of one forward pass on a GPU with this much free memory.

    Args:
        free_bytes: Free memory after the weights were loaded.
        hidden: Length of a token's state.
        intermediate: Width of the feed-forward layers.
        bytes_per_number: 2 in half precision.
    """
    # At the widest point a layer holds: the residual, its norm, queries, keys, values and the
    # attention's output, or both halves of the gated feed-forward layer and their product.
    bytes_per_token = bytes_per_number * (6 * hidden + 3 * intermediate)
    least, most = GPU_BUDGET_TOKENS
    return max(least, min(most, int(free_bytes * GPU_MEMORY_SHARE) // bytes_per_token))


@dataclass(slots=True)
class TokenBudget:
    """How many tokens share a forward pass; halved whenever the device runs out of memory."""

    tokens: int
    packed: bool = False


def run_batches(
    lengths: Sequence[int],
    budget: TokenBudget,
    step: Callable[[list[int]], None],
    out_of_memory: type[Exception],
) -> None:
    """Run a step over all texts, batch by batch, with smaller batches where memory runs out.

    Args:
        lengths: Tokens of each text.
        budget: Stays halved for what comes later.
        step: Encodes the texts at these positions; it may be called again for some of them after
            it has raised.
        out_of_memory: What it raises when a batch is too large.

    Raises:
        Exception: Of the type `out_of_memory`, where a single text does not fit.
    """
    left = plan_batches(lengths, budget.tokens, packed=budget.packed)
    while left:
        if _fits(step, left[0], out_of_memory):
            left.pop(0)
            continue
        tokens = sum(lengths[i] for i in left[0])
        budget.tokens = max(1, min(budget.tokens, tokens) // 2)
        log.warning("out of memory: batches have at most %d tokens from now on", budget.tokens)
        rest = sorted(i for batch in left for i in batch)
        again = plan_batches([lengths[i] for i in rest], budget.tokens, packed=budget.packed)
        left = [[rest[i] for i in batch] for batch in again]


def _fits(
    step: Callable[[list[int]], None], batch: list[int], out_of_memory: type[Exception]
) -> bool:
    """Tell whether the batch could be run; when this returns, nothing of it is in memory."""
    try:
        step(batch)
    except out_of_memory:
        if len(batch) == 1:
            raise
        return False
    return True
