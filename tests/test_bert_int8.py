"""Matrix products on 8-bit integers: near float32, the same in every batch, chosen by rule."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from encoder import bert_attention, settle_products
from encoder.activation_ranges import LayerRanges, find_ranges
from encoder.batching import cpu_budget
from encoder.bert_attention import attend, heads_at_once, runs_of
from encoder.bert_int8 import BLOCK_TOKENS, Int8Layer, Product, TensorRounding, filled, rounded
from encoder.bert_weights import Linear
from encoder.bundled import bundled_file, unpacked_folder
from encoder.errors import UsageError
from encoder.forward import Forward
from encoder.hardware import (
    DeviceChoice,
    ProductsChoice,
    choose_device,
    choose_products,
    cpu_has_bf16,
    cpu_has_vnni,
)
from encoder.int8_weights import MIDDLE, round_linear, smoothed
from encoder.kernels.layer import obstacle
from encoder.load import load_local
from encoder.local import LocalEncoder
from encoder.numpy_encoder import NumpyEncoder
from encoder.registry import E5_SMALL
from encoder.settle_products import kernel_fault
from encoder.spec import ProductsName
from encoder.transformer import TransformerEncoder
from indexer.manifest import SAME_ENCODER_COSINE, make_probes
from tests.tiny_models import FLOAT32, TINY_BERT, TINY_NEMOTRON, save_tiny

needs_vnni = pytest.mark.skipif(
    not cpu_has_vnni() or torch.cuda.is_available() or bundled_file() is None,
    reason="needs e5-small on a processor with VNNI instructions",
)
TEXTS = (
    "The warranty of the washing machine lasts two years from the day of purchase.",
    "تُغلق المكتبة أبوابها يوم الجمعة، وتفتح بقية الأيام من التاسعة صباحاً حتى السابعة مساءً.",
    "Die Fähre legt bei Sturm nicht ab; Fahrkarten bleiben dann sieben Tage gültig.",
    "Το καταφύγιο δέχεται μόνο μετρητά και κλείνει από τον Νοέμβριο έως τον Μάιο.",
    "पहाड़ी झोपड़ी में केवल नकद भुगतान स्वीकार किया जाता है।",
    "地震のときは、まず机の下に入り、揺れが収まるまで待ってください。",
    "รถไฟขบวนสุดท้ายออกจากสถานีเวลาห้าทุ่มครึ่งทุกวัน ยกเว้นวันหยุดราชการ",
    "Xe đạp có thể mang lên tàu miễn phí sau chín giờ sáng.",
    "Перед чисткой кофемашины отключите её от сети и дайте ей остыть не менее часа. " * 6,
    "The garden's compost must be turned every two weeks; meat and bread do not belong in it. " * 9,
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            "compiled", marks=pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))
        ),
        "torch",
    ],
)
def int8(request: pytest.FixtureRequest) -> LocalEncoder:
    """The encoder on 8-bit integers, in compiled layers and in those of torch."""
    if request.param == "compiled":
        encoder = load_local("e5-small@products=int8")
        assert isinstance(encoder, NumpyEncoder)
        return encoder
    torchs = TransformerEncoder.open(E5_SMALL, unpacked_folder(), choose_device(None, "int8"))
    assert all(isinstance(layer, Int8Layer) for layer in torchs.forward.model.layers)  # type: ignore[attr-defined]
    return torchs


@pytest.fixture(scope="module")
def single() -> LocalEncoder:
    return load_local("e5-small@dtype=float32")


@needs_vnni
def test_vectors_are_those_of_float32_but_for_rounding(
    int8: LocalEncoder, single: LocalEncoder
) -> None:
    for found, exact in (
        (int8.encode_passages(TEXTS), single.encode_passages(TEXTS)),
        (int8.encode_queries(TEXTS), single.encode_queries(TEXTS)),
    ):
        cosines = (found * exact).sum(axis=1)
        assert cosines.min() > 0.999
        assert cosines.max() < 0.99999  # else nothing was rounded


@needs_vnni
@pytest.mark.parametrize(
    "text",
    ["x " * 600, "." * 400, "的" * 300, "ا " * 200, "| 1 | 2 | 3 |\n" * 60, "😀🎉🚀" * 60, "-"],
)
def test_texts_that_say_nothing_stay_near_too(
    text: str, int8: LocalEncoder, single: LocalEncoder
) -> None:
    # Their numbers reach further than those of other texts, and would be cut there.
    assert float(int8.encode_passages([text])[0] @ single.encode_passages([text])[0]) > 0.9985


@needs_vnni
def test_a_text_has_one_vector_whatever_shares_its_batch(int8: LocalEncoder) -> None:
    together = int8.encode_passages([*TEXTS, TEXTS[0]])
    alone = np.concatenate([int8.encode_passages([text]) for text in TEXTS])
    assert (together[:-1] * alone).sum(axis=1).min() > 0.99999
    assert together[0] @ together[-1] > 0.99999


@needs_vnni
def test_an_index_made_with_one_kind_of_products_opens_with_the_other(
    int8: LocalEncoder, single: LocalEncoder
) -> None:
    """On the very texts that every index carries; what is asked of them is 0.999."""
    for made, opened in zip(make_probes(int8), make_probes(single), strict=True):
        assert float(np.dot(made.vector, opened.vector)) > SAME_ENCODER_COSINE + 2e-4


@needs_vnni
def test_the_default_encoder_uses_integers_and_says_why() -> None:
    encoder = load_local("e5-small")
    if encoder.choice.dtype == "bfloat16":
        pytest.skip("bfloat16 is native here")
    assert encoder.choice.products == "int8"
    assert encoder.choice.reason.startswith("no CUDA GPU; ")
    assert "8-bit products" in encoder.choice.reason


@needs_vnni
def test_the_kernels_multiply_the_largest_numbers_without_loss() -> None:
    assert kernel_fault() is None


def test_kernels_that_do_not_keep_the_lowest_bits_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def saturating(x: torch.Tensor) -> torch.Tensor:
        return x.clamp_(0, 255).clamp(max=127).to(torch.uint8)

    monkeypatch.setattr(settle_products, "as_bytes", saturating)
    assert kernel_fault() == "a conversion to 8 bits does not keep the lowest ones"


FIELDS = tuple(field.name for field in fields(LayerRanges))
CPU, CPU_BF16 = DeviceChoice("cpu", "float32", ""), DeviceChoice("cpu", "bfloat16", "")
FACTS = {"name": "e5-small", "ranges": True, "vnni": True, "fault": None}


@pytest.mark.parametrize(
    ("choice", "facts", "chosen"),
    [
        (CPU, {}, ("int8", "8-bit products, as the processor has VNNI instructions")),
        (CPU, {"vnni": False}, ("float", "8-bit products need a processor with VNNI instructions")),
        (CPU, {"ranges": False, "name": "x"},
         ("float", "8-bit products need inner ranges, and none were measured for x")),
        (CPU, {"fault": "no kernel"},
         ("float", "8-bit products do not work with this torch: no kernel")),
        (CPU_BF16, {}, ("float", "8-bit products were not measured beside bfloat16")),
        (replace(CPU, products="int8"), {}, ("int8", "8-bit products were asked for")),
        (replace(CPU, products="float"), {}, ("float", "matrix products in float32")),
    ],
)  # fmt: skip
def test_products_are_chosen_by_rule(
    choice: DeviceChoice, facts: dict[str, object], chosen: tuple[ProductsName, str]
) -> None:
    found = choose_products(choice, **(FACTS | facts))  # type: ignore[arg-type]
    assert found == ProductsChoice(*chosen)


@pytest.mark.parametrize(
    ("facts", "bf16", "vnni"),
    [
        ({"avx2": True}, False, False),
        ({"avx512_f": True}, False, False),  # Skylake: integers would lose carries
        ({"avx512_f": True, "avx512_vnni": True}, False, True),  # Cascade Lake
        ({"avx2": True, "avx_vnni": True}, False, True),  # Alder Lake
        ({"avx512_vnni": True, "avx512_bf16": True}, True, True),  # Zen 4
        ({"avx512_vnni": True, "amx_bf16": True, "amx_int8": True}, True, True),  # Sapphire Rapids
        ({"neon": True, "bf16": True}, True, False),  # ARM
        ({}, False, False),
    ],
)
def test_what_a_processor_has_is_read_from_its_facts(
    facts: dict[str, object], bf16: bool, vnni: bool
) -> None:
    assert (cpu_has_bf16(facts), cpu_has_vnni(facts)) == (bf16, vnni)


def test_products_that_are_impossible_are_refused_where_they_were_asked_for() -> None:
    asked = replace(CPU, products="int8")
    with pytest.raises(UsageError) as error:
        choose_products(asked, name="e5-small", ranges=True, vnni=False, fault=None)
    assert error.value.what == "8-bit products need a processor with VNNI instructions."
    assert error.value.next_step == "Leave products=int8 out of the encoder's name."


def test_a_model_of_another_kind_refuses_integers(tmp_path: Path) -> None:
    folder = save_tiny(TINY_NEMOTRON, tmp_path)
    with pytest.raises(UsageError, match="8-bit products are not possible for tiny-nemotron"):
        TransformerEncoder.open(TINY_NEMOTRON, folder, replace(FLOAT32, products="int8"))


def test_a_number_format_that_was_asked_for_holds_for_products_too() -> None:
    assert choose_device("float32", cuda=False).products == "float"
    assert choose_device(None, cuda=False, cpu_bf16=False).products is None


def test_8_bit_products_have_float32_around_them() -> None:
    """Whatever the processor has: layers of both kinds compute the rest in it."""
    for bf16 in (False, True):
        found = choose_device(None, "int8", cuda=False, cpu_bf16=bf16)
        assert found == DeviceChoice("cpu", "float32", "no CUDA GPU", "int8")
    assert choose_device("float32", "int8", cuda=False).products == "int8"
    with pytest.raises(UsageError, match="everything else in float32, and bfloat16 was asked for"):
        choose_device("bfloat16", "int8", cuda=False)


def test_each_thread_gets_its_share_of_a_batch() -> None:
    assert [cpu_budget(threads) for threads in (0, 1, 2, 64)] == [1024, 1024, 2048, 16_384]


def test_ranges_belong_to_the_weights_whatever_options_the_name_has() -> None:
    ranges = find_ranges("e5-small@tokens=128")
    assert len(ranges) == 12
    assert {field: tuple(getattr(ranges[0], field).shape) for field in FIELDS} == {
        "into_qkv": (2, 384), "attended": (2, 384), "into_widen": (2, 384), "behind_gelu": (1536,)
    }  # fmt: skip
    assert all((layer.into_qkv[0] <= layer.into_qkv[1]).all() for layer in ranges)
    assert find_ranges("BAAI/bge-m3") == ()


@pytest.mark.parametrize("size", [1.0, 40.0])
@pytest.mark.parametrize("scores_bytes", [1, 4 * 40_000, bert_attention.SCORES_BYTES])
def test_texts_attend_as_torch_computes_it(
    size: float, scores_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `size` 40 exponentials overflow, and the stable way must be taken.

    With few bytes for scores, heads and texts are taken one at a time, or some.
    """

    def not_needed(*_: object) -> None:
        raise AssertionError("sums that were not computed led to the stable way")

    monkeypatch.setattr(bert_attention, "SCORES_BYTES", scores_bytes)
    if size == 1.0:
        monkeypatch.setattr(bert_attention, "stable", not_needed)
    torch.manual_seed(0)
    lengths = [130, 130, 96, 7, 7, 7, 1]
    qkv = torch.randn(sum(lengths) + 3, 3 * 64) * size
    found = attend(qkv, runs_of(lengths), heads=2)
    start = 0
    for length in lengths:
        q, k, v = qkv[start : start + length].view(length, 3, 2, 32).permute(1, 2, 0, 3)
        wanted = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        assert torch.allclose(
            found[start : start + length], wanted.transpose(0, 1).flatten(1), atol=3e-6 * size
        )
        start += length
    assert found[start:].abs().max() == 0


def test_a_text_attends_bit_by_bit_as_it_does_beside_others() -> None:
    """Else it would round differently in another batch, and that grows from layer to layer."""
    torch.manual_seed(0)
    lengths = [130, 96, 20, 20, 20, 20, 7, 1]
    qkv = torch.randn(sum(lengths), 3 * 384) * 0.3
    together = attend(qkv, runs_of(lengths), heads=12)
    start = 0
    for length in lengths:
        part = slice(start, start + length)
        assert torch.equal(attend(qkv[part], runs_of([length]), heads=12), together[part])
        start += length


@pytest.mark.parametrize(
    ("length", "heads", "at_once"),
    [(100, 12, 12), (200, 12, 6), (300, 12, 3), (512, 12, 1), (4000, 12, 1), (200, 7, 1)],
)
def test_heads_of_long_texts_are_taken_in_groups_that_fit_a_cache(
    length: int, heads: int, at_once: int
) -> None:
    assert heads_at_once(length, heads) == at_once


def test_short_texts_are_filled_with_few_tokens_and_long_ones_to_few_sizes() -> None:
    assert [filled(tokens) for tokens in (1, 8, 9, 64, 65, 96, 97)] == [8, 8, 16, 64, 96, 96, 128]


@pytest.mark.parametrize("tokens", [1, 7, BLOCK_TOKENS, BLOCK_TOKENS + 1, 3 * BLOCK_TOKENS - 5])
def test_numbers_are_rounded_channel_by_channel_and_cut(tokens: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(tokens, 5) * 40
    by = TensorRounding(torch.tensor([1.0, 2, 3, 4, 0.5]), 128.5 - torch.arange(5.0))
    wanted = (x * by.per_step + by.middle).floor().clamp(0, 255).to(torch.uint8)
    assert torch.equal(rounded(x, by), wanted)


@needs_vnni
def test_a_range_that_lies_aside_of_zero_is_rounded_as_finely_as_one_around_it() -> None:
    """What a channel's middle adds to a product is taken back by the bias."""
    random = np.random.default_rng(0)
    x = random.random((64, 16), np.float32) * 2 - 1
    linear = Linear(random.standard_normal((32, 16), np.float32), np.ones(32, np.float32))
    errors = []
    for aside in (np.float32(0), np.float32(50)):
        reached = np.repeat([[aside - 1], [aside + 1]], 16, axis=1)
        by, weights = smoothed(linear, reached, 0.6)
        product = Product.of(round_linear(weights, 1.0, MIDDLE))
        found = product(rounded(torch.from_numpy(x + aside), TensorRounding.of(by))).numpy()
        wanted = (x + aside) @ linear.weight.T + linear.bias
        errors.append(float(np.abs(found - wanted).mean()))
    assert errors[0] < 0.03
    assert errors[1] < 4 * errors[0]  # with steps for 51 it would be 40 times


def test_the_int8_layers_are_only_for_known_weights(tmp_path: Path) -> None:
    encoder = TransformerEncoder.open(
        TINY_BERT, save_tiny(TINY_BERT, tmp_path), replace(FLOAT32, products=None)
    )
    assert isinstance(encoder.forward, Forward)
    assert encoder.choice.products == "float"
    assert "none were measured for tiny-bert" in encoder.choice.reason
