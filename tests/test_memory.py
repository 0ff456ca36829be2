"""Large models on small machines: what fits, what is said, and weights of 8 bits."""

import builtins
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from encoder.errors import EncoderNotAvailable
from encoder.hardware import DeviceChoice
from encoder.int8 import round_weights
from encoder.memory import check_memory, count_weights
from encoder.registry import NEMOTRON_8B, find_spec
from encoder.spec import DtypeName, EncoderSpec
from encoder.transformer import TransformerEncoder
from indexer.errors import IndexMismatch
from indexer.manifest import Manifest, check_encoder, make_probes
from tests.tiny_models import FLOAT32, TINY_SPECS, save_tiny

NUMBERS_8B = 7_504_924_672


@pytest.mark.parametrize(
    ("device", "dtype", "memory_gb", "said"),
    [
        ("cpu", "bfloat16", 16.1, ""),
        (
            "cpu", "float32", 16.1,
            "nemotron-8b needs 31 GB in float32; cpu has 16 GB. 16 GB suffice with --encoder "
            "nemotron-8b@dtype=bfloat16 (slow here); or let a server encode: --encoder "
            "http://host:8000#nvidia/llama-embed-nemotron-8b.",
        ),
        (
            "cpu", "bfloat16", 8.0,
            "nemotron-8b needs 16 GB in bfloat16; cpu has 8 GB. Let a server encode: --encoder "
            "http://host:8000#nvidia/llama-embed-nemotron-8b.",
        ),
        (
            "cuda", "bfloat16", 8.0,
            "nemotron-8b needs 16 GB in bfloat16; cuda has 8 GB. Hide the GPU "
            "(CUDA_VISIBLE_DEVICES=) to use the processor's memory; or let a server encode: "
            "--encoder http://host:8000#nvidia/llama-embed-nemotron-8b.",
        ),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_is_refused_with_what_is_possible(
    device: str, dtype: DtypeName, memory_gb: float, said: str
) -> None:
    choice = DeviceChoice(device, dtype, "a test")
    if not said:
        check_memory(NEMOTRON_8B, NUMBERS_8B, choice, memory_gb)
        return
    with pytest.raises(EncoderNotAvailable, match=re.escape(said)):
        check_memory(NEMOTRON_8B, NUMBERS_8B, choice, memory_gb)


def test_the_weights_of_a_folder_are_counted(tmp_path: Path) -> None:
    spec = TINY_SPECS[1]
    folder = save_tiny(spec, tmp_path)
    encoder = TransformerEncoder.open(spec, folder, FLOAT32)
    model: Any = encoder.forward.model
    assert count_weights(folder) == sum(weight.numel() for weight in model.model.parameters())


@pytest.mark.parametrize("spec", TINY_SPECS, ids=lambda spec: spec.name)
def test_weights_of_8_bits_give_nearly_the_same_vectors(spec: EncoderSpec, tmp_path: Path) -> None:
    folder = save_tiny(spec, tmp_path)
    texts = ["short", "a text of middling length, here", "x"]
    exact = TransformerEncoder.open(spec, folder, FLOAT32).encode_passages(texts)
    rounded = TransformerEncoder.open(replace(spec, int8_weights=True), folder, FLOAT32)
    cosines = (rounded.encode_passages(texts) * exact).sum(axis=1)
    assert 0.995 < cosines.min() < 0.9999995  # not the same: something was rounded
    assert re.search(r"weights in 8 bits, cosine to float32 0\.99\d\d", rounded.choice.reason)


def test_an_index_takes_an_encoder_of_8_bits_and_no_other_one(tmp_path: Path) -> None:
    spec = TINY_SPECS[1]
    folder = save_tiny(spec, tmp_path)
    exact = TransformerEncoder.open(spec, folder, FLOAT32)
    manifest = Manifest(
        encoder=spec, chunking=None, probes=make_probes(exact), corpus_root="",  # type: ignore[arg-type]
        generation="g0001", created_at_utc="", libraries={},
    )  # fmt: skip
    rounded = TransformerEncoder.open(replace(spec, int8_weights=True), folder, FLOAT32)
    check_encoder(manifest, rounded)
    other = TransformerEncoder.open(
        replace(spec, pooling="cls", int8_weights=True), folder, FLOAT32
    )
    with pytest.raises(IndexMismatch, match=r"at least 0\.995"):
        check_encoder(manifest, other)


def test_the_name_in_an_index_leaves_8_bits_out() -> None:
    spec = find_spec("nemotron-8b@weights=int8")
    assert (spec.name, spec.int8_weights) == ("nemotron-8b", True)


def test_without_torchao_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("torchao"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EncoderNotAvailable, match="need the package torchao"):
        round_weights(None)
