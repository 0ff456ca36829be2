"""What only a CUDA GPU can show: its kernels, its number formats, its memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.attention import AttentionChoice, AttentionName, choose_attention
from encoder.hardware import DeviceChoice, choose_device
from encoder.selftest import self_test
from encoder.spec import EncoderSpec
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_SPECS, save_tiny

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here"),
]
TEXTS = ("short", "x", "a text of middling length, here", "a longer text that has many more words")
# Half precision against float32 on the processor, over two layers.
COSINE = 0.999


def ways() -> list[AttentionName]:
    """The packed kernels that are there, and the ways that always are."""
    if not torch.cuda.is_available():
        return ["varlen", "packed", "padded"]
    best = choose_attention("cuda", "bfloat16").name
    without = choose_attention("cuda", "bfloat16", flash_attn="left out").name
    return list(dict.fromkeys((best, without, "packed", "padded")))


@pytest.mark.parametrize("attention", ways())
@pytest.mark.parametrize("spec", TINY_SPECS, ids=lambda spec: spec.name)
def test_a_gpu_gives_the_vectors_of_a_processor(
    attention: AttentionName, spec: EncoderSpec, tmp_path: Path
) -> None:
    folder = save_tiny(spec, tmp_path)
    expected = TransformerEncoder.open(spec, folder, FLOAT32).encode_passages(TEXTS)
    choice = DeviceChoice("cuda", "bfloat16", "a test")
    encoder = TransformerEncoder.open(spec, folder, choice, AttentionChoice(attention, "a test"))
    assert [finding.held for finding in self_test(encoder)] == [True] * 7
    cosines = (encoder.encode_passages(TEXTS) * expected).sum(axis=1)
    assert cosines.min() >= COSINE


def test_8_bit_weights_on_a_gpu_are_near_the_whole_ones(tmp_path: Path) -> None:
    spec = TINY_SPECS[0]
    folder = save_tiny(spec, tmp_path)
    choice = DeviceChoice("cuda", "bfloat16", "a test")
    whole = TransformerEncoder.open(spec, folder, choice).encode_passages(TEXTS)
    rounded = replace(spec, int8_weights=True)
    encoder = TransformerEncoder.open(rounded, folder, choice)
    assert [finding.held for finding in self_test(encoder)] == [True] * 7
    cosines = (encoder.encode_passages(TEXTS) * whole).sum(axis=1)
    assert COSINE <= cosines.min() < 1 - 1e-6  # else nothing was rounded


def test_a_gpu_is_chosen_where_there_is_one() -> None:
    assert choose_device().device == "cuda"


def test_batches_shrink_when_the_memory_of_the_gpu_runs_out(tmp_path: Path) -> None:
    spec = TINY_SPECS[0]
    choice = DeviceChoice("cuda", "float32", "a test")
    encoder = TransformerEncoder.open(spec, save_tiny(spec, tmp_path), choice)
    texts = ["x" * 60] * 20_000
    expected = encoder.encode_passages(texts[:1])
    used = torch.cuda.memory_allocated() / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(used + 0.002)
    try:
        torch.cuda.empty_cache()
        rows = encoder.encode_passages(texts)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.abs(rows - expected).max() < 1e-5
