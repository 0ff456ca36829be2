"""Attention over texts laid end to end: each token sees all tokens of its own text, no other."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

# From this length on a text is attended to on its own; below it, neighbours of one length share
# operations. Nothing but the length may decide: the two ways round differently.
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
    if end < tokens:
        seen[end:] = 0
    if qkv.dtype != torch.float32:
        for run in runs:
            stable(qkv, run, heads, seen)
        return seen
    sums = torch.empty(heads * end)
    for run in runs:
        way = _one_by_one if run.length >= LONG_TEXT_TOKENS else _together
        way(qkv, run, seen, _sums_of(run, sums, heads))
    if not _sound(sums):
        for run in runs:
            if not _sound(_sums_of(run, sums, heads)):
                stable(qkv, run, heads, seen)
    return seen


def heads_at_once(length: int, heads: int) -> int:
    """How many heads of a text of this length share an operation: as their scores fit a cache."""
    fitting = max(1, SCORES_BYTES // (4 * length * length))
    return max(n for n in range(1, heads + 1) if heads % n == 0 and n <= fitting)


def _sums_of(run: Run, sums: torch.Tensor, heads: int) -> torch.Tensor:
    """The part of all sums that is a run's: shape (texts, heads, length, 1)."""
    tokens = run.texts * run.length
    part = sums[heads * run.start : heads * (run.start + tokens)]
    return part.view(run.texts, heads, run.length, 1)


def _sound(sums: torch.Tensor) -> bool:
    least, most = torch.aminmax(sums)
    return least.item() > LEAST_SUM and most.item() < MOST_SUM


def _one_by_one(qkv: torch.Tensor, run: Run, seen: torch.Tensor, sums: torch.Tensor) -> None:
    """Attend within each text of a run, without the running maximum of a stable softmax."""
    heads, length = sums.shape[1:3]
    width = seen.shape[1] // heads
    group = heads_at_once(length, heads)
    scores = torch.empty(group, length, length)
    out = torch.empty(heads, length, width)
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


def _together(qkv: torch.Tensor, run: Run, seen: torch.Tensor, sums: torch.Tensor) -> None:
    """The same for short texts, many at a time."""
    heads, length = sums.shape[1:3]
    width = seen.shape[1] // heads
    at_once = max(1, SCORES_BYTES // (4 * heads * length * length))
    for first in range(0, run.texts, at_once):
        texts = min(at_once, run.texts - first)
        part = slice(run.start + first * length, run.start + (first + texts) * length)
        places = qkv[part].view(texts, length, 3, heads, width).permute(2, 0, 3, 1, 4)
        q, k, v = places.reshape(3, texts * heads, length, width).unbind()
        scores = torch.bmm(q, k.mT).exp_()
        some = sums[first : first + texts]
        torch.sum(scores, dim=2, keepdim=True, out=some.view(texts * heads, length, 1))
        out = torch.bmm(scores, v).view(texts, heads, length, width)
        torch.div(out, some, out=seen[part].view(texts, length, heads, width).transpose(1, 2))


def stable(qkv: torch.Tensor, run: Run, heads: int, seen: torch.Tensor) -> None:
    """Attend within the texts of a run by torch's fused kernel, whatever the scores."""
    part = slice(run.start, run.start + run.texts * run.length)
    shape = (run.texts, run.length, heads, seen.shape[1] // heads)
    q, k, v = (p.view(shape).transpose(1, 2) for p in qkv[part].chunk(3, dim=1))
    out = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
    seen[part].view(shape).copy_(out.transpose(1, 2))  # out: (texts, heads, length, -1)
