"""The packed kernels run on GPUs only: here plain ones in their place show what they are told."""

import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from encoder.attention import AttentionChoice, AttentionName, choose_attention, flash_attn_fault
from encoder.spec import EncoderSpec
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_SPECS, save_tiny

TEXTS = ("short", "x", "a text of middling length, here", "a longer text that has many more words")
STAND_IN = "crosstongue_flash_stand_in"


def varlen_kernel(
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
    enable_gqa: bool = False,
) -> torch.Tensor:
    """torch.nn.attention.varlen.varlen_attn, as its documentation says."""
    assert enable_gqa == (query.shape[1] != key.shape[1])
    lengths = [b - a for a, b in pairwise(cu_seq_q.tolist())]
    assert (cu_seq_q.dtype, max_q, max_k) == (torch.int32, max(lengths), max(lengths))
    assert torch.equal(cu_seq_q, cu_seq_k)
    return packed(query, key, value, cu_seq_q, scale, window_size)


def varlen_kernel_2_11(
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
) -> torch.Tensor:
    """The same in torch 2.11, which wants as many heads of key and value as of the query."""
    assert query.shape[1] == key.shape[1]
    arguments = (query, key, value, cu_seq_q, cu_seq_k, max_q, max_k)
    return varlen_kernel(*arguments, scale=scale, window_size=window_size)


def flash_attn_varlen_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens_q: torch.Tensor,
    cu_seqlens_k: torch.Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    alibi_slopes: torch.Tensor | None = None,
    deterministic: bool = False,
    return_attn_probs: bool = False,
    block_table: torch.Tensor | None = None,
) -> torch.Tensor:
    """flash-attn 2.8: its arguments, and what its documentation says of them."""
    lengths = [b - a for a, b in pairwise(cu_seqlens_q.tolist())]
    assert (cu_seqlens_q.dtype, max_seqlen_q, max_seqlen_k) == (torch.int32, *[max(lengths)] * 2)
    assert torch.equal(cu_seqlens_q, cu_seqlens_k)
    assert (dropout_p, softcap, alibi_slopes, block_table) == (0.0, 0.0, None, None)
    assert not return_attn_probs
    scale = q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
    # "causal" leaves nothing to the right, whatever the window says.
    window = (window_size[0], 0) if causal else window_size
    return packed(q, k, v, cu_seqlens_q, scale, window)


def packed(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: torch.Tensor,
    scale: float,
    window_size: tuple[int, int],
) -> torch.Tensor:
    """Attention within bounds: (tokens, heads, head_dim), windows (left, right), -1 unlimited."""
    group = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
    whole = torch.arange(len(query))
    text = torch.bucketize(whole, bounds[1:], right=True)
    distance = whole[:, None] - whole[None, :]
    left, right = (len(query) if side < 0 else side for side in window_size)
    seen = (text[:, None] == text[None, :]) & (distance <= left) & (distance >= -right)
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    shares = scores.masked_fill(~seen, float("-inf")).softmax(dim=-1)
    return torch.einsum("hqk,khd->qhd", shares, value)


def not_packed(*_: Any, **__: Any) -> torch.Tensor:
    raise AssertionError("flash-attn was called for one text alone: the bounds did not arrive")


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain functions where the kernels would be; all of transformers' own code stays."""
    import transformers.modeling_flash_attention_utils as flash
    from transformers import AttentionInterface
    from transformers.integrations.flash_attention import flash_attention_forward
    from transformers.masking_utils import AttentionMaskInterface, flash_attention_mask

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_kernel)
    # Under its own name transformers would look for the package and for a GPU first.
    monkeypatch.setitem(sys.modules["encoder.attention"]._IMPLEMENTATIONS, "flash-attn", STAND_IN)
    AttentionInterface.register(STAND_IN, flash_attention_forward)
    AttentionMaskInterface.register(STAND_IN, flash_attention_mask)
    functions = (not_packed, flash_attn_varlen_func, None, None, None)
    monkeypatch.setattr(flash, "_lazy_imports", lambda *_, **__: functions)
    monkeypatch.setattr(flash, "_loaded_implementation", None)


@pytest.mark.parametrize("name", ["varlen", "flash-attn"])
@pytest.mark.parametrize("spec", TINY_SPECS, ids=lambda spec: spec.name)
def test_a_packed_kernel_is_told_the_right_bounds_windows_and_scale(
    spec: EncoderSpec, name: AttentionName, tmp_path: Path, kernels: None
) -> None:
    folder = save_tiny(spec, tmp_path)
    rows = [
        TransformerEncoder.open(
            spec, folder, FLOAT32, AttentionChoice(way, "a test")
        ).encode_passages(TEXTS)
        for way in (name, "padded")
    ]
    assert np.abs(rows[0] - rows[1]).max() < 2e-6


@pytest.mark.parametrize("spec", TINY_SPECS, ids=lambda spec: spec.name)
def test_torch_2_11_has_no_groups_of_heads(
    spec: EncoderSpec, tmp_path: Path, kernels: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny(spec, tmp_path)
    choice = AttentionChoice("varlen", "a test")
    expected = TransformerEncoder.open(spec, folder, FLOAT32, choice).encode_passages(TEXTS)
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_kernel_2_11)
    rows = TransformerEncoder.open(spec, folder, FLOAT32, choice).encode_passages(TEXTS)
    assert np.abs(rows - expected).max() < 2e-6


def test_flash_attn_4_alone_is_not_taken_for_flash_attn(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("flash_attn")  # as it looks when only flash_attn.cute is there
    module.__spec__ = type(sys.__spec__)("flash_attn", None)
    monkeypatch.setitem(sys.modules, "flash_attn", module)
    assert flash_attn_fault().startswith(
        "flash-attn is installed but cannot be used (cannot import name 'flash_attn_varlen_func'"
    )
    choice = choose_attention("cuda:0", "bfloat16", capability=(9, 0))
    assert choice.name == "varlen"
    assert choice.reason == f"{flash_attn_fault()}; torch has a packed kernel"
    module.flash_attn_varlen_func = flash_attn_varlen_func  # type: ignore[attr-defined]
    assert choose_attention("cuda:0", "bfloat16", capability=(9, 0)).name == "flash-attn"


def test_a_kernel_of_torch_without_windows_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(query: Any, key: Any, value: Any, *, is_causal: bool = False) -> None: ...

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", old)
    choice = choose_attention("cuda:0", "bfloat16", flash_attn="gone", capability=(9, 0))
    assert (choice.name, choice.reason) == ("packed", "gone, and this torch has no packed kernel")
