"""The bench measures what it says: sizes, lengths, and the share of plain matrix products."""

import json
import re
from typing import Any

import pytest
import torch

import encoder.cli
from encoder.architectures import config_class_of
from encoder.attention import AttentionChoice, choose_attention
from encoder.bench import Bench, _flops, batch_lengths, parameters, random_model, run_bench
from encoder.hardware import DeviceChoice
from encoder.registry import NEMOTRON_8B, find_spec
from encoder.shapes import SHAPES

META = DeviceChoice("meta", "bfloat16", "it holds no numbers")
PADDED = AttentionChoice("padded", "a test")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("nemotron-8b", 7_504_924_672),  # its model card
        ("nvidia/llama-3.2-nv-embedqa-1b-v2", 1_235_814_400),  # Llama 3.2 1B without its head
        ("e5-small", 117_505_920),  # 118 million on its card, which counts the pooling layer
    ],
)
def test_the_known_shapes_have_the_parameters_of_their_models(name: str, count: int) -> None:
    model = random_model(find_spec(name), META, PADDED).model
    assert parameters(model) == count
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_the_operations_counted_are_those_of_the_8b_model() -> None:
    config = config_class_of("LlamaModel")(**SHAPES["nemotron-8b"])
    # Twice the weights of the layers for each token, and attention over 512 tokens.
    weights = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
    attention = 32 * 2 * 512 * 4096
    assert _flops(config, 512) == 2 * 512 * (weights + attention)
    assert NEMOTRON_8B.model_class == "LlamaModel"


def test_mixed_lengths_fill_the_batch_and_the_others_are_equal() -> None:
    assert batch_lengths(128, 512) == [128] * 4
    mixed = batch_lengths(0, 4096)
    assert mixed == sorted(mixed, reverse=True)
    assert 4096 <= sum(mixed) < 4096 + 512


def test_the_bench_reports_speed_for_each_length_and_attention(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("encoder.bench.SECONDS", 0.05)
    bench = Bench((16, 0), 64, ("padded", "packed"), random_weights=True, layers=1)
    facts, speeds = run_bench("e5-small@dtype=float32", bench, offline=True)
    assert facts["parameters"] == (250037 + 512 + 2 + 2) * 384 + 1_774_464
    assert [(speed.tokens, speed.attention) for speed in speeds] == [
        (16, "padded"), (0, "padded"), (16, "packed"), (0, "packed"),
    ]  # fmt: skip
    for speed in speeds:
        assert speed.tokens_per_s > 0
        assert 0 < speed.gemm_share < 2


def test_the_bench_rounds_random_weights_where_it_is_asked_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("encoder.bench.SECONDS", 0.05)
    bench = Bench((16,), 64, ("padded",), random_weights=True, layers=1)
    reasons = [
        run_bench(f"e5-small@{options}", bench, offline=True)[0]["why so"]
        for options in ("dtype=float32", "dtype=float32,weights=int8")
    ]
    assert "8 bits" not in reasons[0]
    assert re.search(r"weights in 8 bits, cosine to float32 [01]\.\d{4}$", reasons[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tokens", "many"], "'many' is not a number of tokens."),
        (["--attention", "magic"], "'magic' is no way to compute attention."),
        (
            ["--encoder", "Qwen/Qwen3-Embedding-4B", "--random-weights"],
            "The sizes of Qwen/Qwen3-Embedding-4B are not known.",
        ),
    ],
)
def test_the_bench_says_what_it_cannot_measure(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert encoder.cli.main(["bench", *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_bench_prints_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encoder.bench.SECONDS", 0.05)
    arguments = ["--encoder", "e5-small@dtype=float32", "--random-weights", "--layers", "1"]
    sizes = ["--tokens", "16", "--batch-tokens", "64", "--json"]
    assert encoder.cli.main(["bench", *arguments, *sizes]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [speed["tokens"] for speed in found["speeds"]] == [16]


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"flash_attn": "", "capability": (9, 0), "varlen": True}, "flash-attn"),
        ({"flash_attn": "it is not there", "capability": (9, 0), "varlen": True}, "varlen"),
        ({"flash_attn": "", "capability": (7, 5), "varlen": True}, "packed"),
        ({"flash_attn": "it is not there", "capability": (8, 0), "varlen": False}, "packed"),
    ],
)
def test_attention_is_chosen_by_what_the_gpu_and_the_packages_can_do(
    facts: dict[str, Any], name: str
) -> None:
    assert choose_attention("cuda:0", "bfloat16", **facts).name == name
    assert choose_attention("cuda:0", "float32", **facts).name == "packed"
    assert choose_attention("cpu", "bfloat16", **facts).name == "padded"
