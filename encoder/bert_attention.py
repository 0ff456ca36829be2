"""Attention over texts laid end to end: each token sees all tokens of its own text, no other."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

# From this length on, one text at a time and without the running maximum of a stable softmax is
# faster than torch's fused kernel; below it, neighbours of one length share a call.
LONG_TEXT_TOKENS = 48
# Scores of one operation: they are written, read three times, and should stay in a core's cache.
SCORES_BYTES = 1_100_000
# Sums of exponentials outside of this range mean that scores were too large or too small for
# float32 without subtracting their maximum.
LEAST_SUM, MOST_SUM = 1e-20, 1e30


class Run(NamedTuple):
    """Neighbouring texts of one length."""

    start: int
    texts: int
    length: int


def runs_of(lengths: Sequence[int]) -> list[Run]:
    """Group neighbours of one length; the texts lie end to end from token 0 on."""
    runs: list[Run] = []
    start = 0
    for length in lengths:
        if runs and runs[-1].length == length:
            runs[-1] = runs[-1]._replace(texts=runs[-1].texts + 1)
        else:
            runs.append(Run(start, 1, length))
        start += length
    return runs


def attend(qkv: torch.Tensor, runs: Sequence[Run], heads: int) -> torch.Tensor:
    """Let each token see all tokens of its own text.

    Args:
        qkv: Shape (tokens, 3 * dim): queries, which are scaled already, keys and values. Tokens
            behind the last run belong to no text.
        runs: Where the texts lie.
        heads: Number of heads that share dim.

    Returns:
        Shape (tokens, dim); zero for tokens of no text.
    """
    tokens, dim = len(qkv), qkv.shape[1] // 3
    seen = torch.empty(tokens, dim, dtype=qkv.dtype)
    end = runs[-1].start + runs[-1].texts * runs[-1].length
    seen[end:] = 0
    single = qkv.dtype == torch.float32
    for run in runs:
        part = slice(run.start, run.start + run.texts * run.length)
        if not (single and run.length >= LONG_TEXT_TOKENS and _one_by_one(qkv, run, heads, seen)):
            shape = (run.texts, run.length, heads, dim // heads)
            q, k, v = (p.view(shape).transpose(1, 2) for p in qkv[part].chunk(3, dim=1))
            out = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
            seen[part].view(shape).copy_(out.transpose(1, 2))  # out: (texts, heads, length, -1)
    return seen


def heads_at_once(length: int, heads: int) -> int:
    """How many heads of a text of this length share an operation: as their scores fit a cache."""
    fitting = max(1, SCORES_BYTES // (4 * length * length))
    return max(n for n in range(1, heads + 1) if heads % n == 0 and n <= max(1, fitting))


def _one_by_one(qkv: torch.Tensor, run: Run, heads: int, seen: torch.Tensor) -> bool:
    """Attend within each text of a run; False if the scores are too large for this way."""
    length, width = run.length, seen.shape[1] // heads
    group = heads_at_once(length, heads)
    scores = torch.empty(group, length, length)
    out = torch.empty(heads, length, width)
    sums = torch.empty(run.texts, heads, length, 1)
    for i in range(run.texts):
        part = slice(run.start + i * length, run.start + (i + 1) * length)
        q, k, v = qkv[part].view(length, 3, heads, width).permute(1, 2, 0, 3)  # (heads, length, -1)
        k = k.transpose(1, 2)
        for first in range(0, heads, group):
            some = slice(first, first + group)
            torch.bmm(q[some], k[some], out=scores).exp_()
            torch.sum(scores, dim=2, keepdim=True, out=sums[i, some])
            torch.bmm(scores, v[some], out=out[some])
        torch.div(out, sums[i], out=seen[part].view(length, heads, width).transpose(0, 1))
    least, most = torch.aminmax(sums)
    return bool(least > LEAST_SUM and most < MOST_SUM)
