"""torch's packed kernel runs on GPUs only: here a plain one in its place shows what it is told."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.attention import AttentionChoice
from encoder.spec import EncoderSpec
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_SPECS, save_tiny

TEXTS = ("short", "x", "a text of middling length, here", "a longer text that has many more words")


def plain_kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> torch.Tensor:
    """As its documentation says: (tokens, heads, head_dim), windows (left, right), -1 unlimited."""
    bounds = cu_seq_q.tolist()
    lengths = [b - a for a, b in pairwise(bounds)]
    assert (cu_seq_q.dtype, max_q, max_k) == (torch.int32, max(lengths), max(lengths))
    assert torch.equal(cu_seq_q, cu_seq_k)
    assert enable_gqa == (query.shape[1] != key.shape[1])
    group = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
    whole = torch.arange(len(query))
    text = torch.bucketize(whole, cu_seq_q[1:], right=True)
    distance = whole[:, None] - whole[None, :]
    left, right = (len(query) if side < 0 else side for side in window_size)
    seen = (text[:, None] == text[None, :]) & (distance <= left) & (distance >= -right)
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    shares = scores.masked_fill(~seen, float("-inf")).softmax(dim=-1)
    return torch.einsum("hqk,khd->qhd", shares, value)


@pytest.mark.parametrize("spec", TINY_SPECS, ids=lambda spec: spec.name)
def test_the_packed_kernel_is_told_the_right_bounds_windows_and_scale(
    spec: EncoderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", plain_kernel)
    folder = save_tiny(spec, tmp_path)
    rows = {}
    for name in ("varlen", "padded"):
        choice = AttentionChoice(name, "a test")
        encoder = TransformerEncoder.open(spec, folder, FLOAT32, choice)
        rows[name] = encoder.encode_passages(TEXTS)
    assert np.abs(rows["varlen"] - rows["padded"]).max() < 2e-6
