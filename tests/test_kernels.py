"""Layers in compiled code: what torch computes, text by text."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch

from encoder import bert_fused
from encoder.activation_ranges import find_ranges
from encoder.bert import Layer, Linear, Norm, PackedBert
from encoder.bert_attention import Run, stable
from encoder.bert_fused import FusedLayers, Panels, Steps, compile_steps, fuse_layers
from encoder.bert_int8 import (
    MIDDLE,
    Int8Layer,
    Rounding,
    as_bytes,
    filled,
    int8_layer,
    product_of,
    rounded,
)
from encoder.bundled import bundled_file
from encoder.kernels import layer as compiled_layer
from encoder.kernels.layer import begin, layer_functions
from encoder.load import load_transformer
from tests.test_bert_int8 import TEXTS

AVX512 = bool(torch.cpu.get_capabilities().get("avx512_vnni"))
pytestmark = pytest.mark.skipif(
    not AVX512 or find_spec("llvmlite") is None,
    reason="needs llvmlite, and a processor with AVX-512 VNNI",
)
HEADS, DIM = 3, 96
LENGTHS = (1, 2, 11, 12, 13, 31, 32, 33, 48, 49, 130, 512)


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps(HEADS, DIM)


def numbers(lengths: Sequence[int], size: float = 0.5) -> torch.Tensor:
    """Queries, keys and values, of random size, values around the middle of a byte."""
    generator = torch.Generator().manual_seed(1)
    qkv = torch.randn(sum(lengths), 3 * DIM, generator=generator) * size
    qkv[:, 2 * DIM :] = qkv[:, 2 * DIM :] / size * 50 + MIDDLE
    return qkv


def by_torch(qkv: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    seen, start = torch.empty(len(qkv), DIM), 0
    for length in lengths:
        stable(qkv, Run(start, 1, length), HEADS, seen)
        start += length
    return seen


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_of_any_length_attends_as_torch_computes_it(steps: Steps, length: int) -> None:
    qkv = numbers([length])
    off = steps.attended(qkv, torch.tensor([length])).int() - as_bytes(by_torch(qkv, [length]))
    assert off.abs().max() <= 1
    assert (off != 0).float().mean() < 0.01


@pytest.mark.parametrize("size", [0.0, 1e-20, 4.0, 40.0, 1e4])
def test_scores_of_any_size_are_weighed(steps: Steps, size: float) -> None:
    """Sums of exponentials of scores as they are would be infinite, or 0."""
    lengths = [40, 7]
    qkv = numbers(lengths, 1.0)
    qkv[:, : 2 * DIM] *= size
    off = steps.attended(qkv, torch.tensor(lengths)).int() - as_bytes(by_torch(qkv, lengths)).int()
    # With large scores one key has all the weight, but where two are nearly the same.
    assert off.abs().float().mean() < (0.1 if size < 10 else 3)


def test_a_text_attends_bit_by_bit_as_it_does_beside_others(steps: Steps) -> None:
    together = steps.attended(numbers(LENGTHS), torch.tensor(LENGTHS))
    start = 0
    for length in LENGTHS:
        part = slice(start, start + length)
        alone = steps.attended(numbers(LENGTHS)[part].contiguous(), torch.tensor([length]))
        assert torch.equal(alone, together[part])
        start += length


def test_tokens_of_no_text_see_nothing(steps: Steps) -> None:
    seen = steps.attended(numbers([5, 3]), torch.tensor([5]))
    assert seen[5:].eq(MIDDLE).all()


def test_threads_attend_at_the_same_time(steps: Steps) -> None:
    qkv = numbers(LENGTHS)
    wanted = steps.attended(qkv, torch.tensor(LENGTHS))
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: steps.attended(qkv, torch.tensor(LENGTHS)), range(40)):
            assert torch.equal(found, wanted)


def layer_of(generator: torch.Generator) -> Int8Layer:
    """Only what norms look at."""
    units = (
        torch.randn(DIM, 16, generator=generator) * 0.2,
        torch.randn(16, generator=generator),
        torch.randn(16, DIM, generator=generator),
    )
    names = zip(("exact_widen", "exact_bias", "exact_narrow"), units, strict=True)
    return Int8Layer(*[None] * len(Int8Layer._fields))._replace(**dict(names))  # type: ignore[arg-type]


@pytest.mark.parametrize("tokens", [8, 24])
@pytest.mark.parametrize("exact", [False, True])
def test_norms_round_and_add_exact_units_as_torch_does(
    steps: Steps, tokens: int, exact: bool
) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(tokens, DIM, generator=generator) * 3 + 5
    norm = Norm(
        torch.rand(DIM, generator=generator) + 0.5, torch.rand(DIM, generator=generator), 1e-12
    )
    by = Rounding(
        torch.rand(DIM, generator=generator) * 60, MIDDLE + torch.rand(DIM, generator=generator) * 9
    )
    layer = layer_of(generator) if exact else None
    wanted = norm(x)
    off = steps.normed(x, norm, by, layer).int() - rounded(wanted, by)
    assert off.abs().max() <= 1
    assert (off != 0).float().mean() < 0.001
    assert {0, 255} <= set(rounded(wanted, by).flatten().tolist())  # some are cut
    wanted = layer.with_exact_units(wanted) if layer else wanted
    assert torch.allclose(x, wanted, atol=2e-5)


def test_the_eps_of_a_norm_keeps_equal_numbers_finite(steps: Steps) -> None:
    x = torch.full((8, DIM), 7.0)
    norm, by = (
        Norm(torch.ones(DIM), torch.zeros(DIM), 1e-12),
        Rounding(torch.ones(DIM), x[0].clone()),
    )
    assert steps.normed(x, norm, by).eq(7).all()
    assert x.eq(0).all()


@pytest.mark.parametrize(("tokens", "inputs", "outputs"), [(24, 64, 32), (216, 384, 104)])
def test_products_are_those_of_the_kernels_of_torch(
    steps: Steps, tokens: int, inputs: int, outputs: int
) -> None:
    """With rows enough for a second block, and outputs that do not fill their last panel."""
    generator = torch.Generator().manual_seed(3)
    linear = Linear(
        torch.randn(outputs, inputs, generator=generator) / 20,
        torch.randn(outputs, generator=generator),
    )
    product = product_of(linear, 0.02, MIDDLE)
    by, by_torch = Panels.of(product), product.packed()
    x = torch.randint(0, 256, (tokens, inputs), generator=generator, dtype=torch.uint8)
    before = torch.randn(tokens, len(by.bias), generator=generator)
    stored = steps.product(x, by, "store", torch.empty(tokens, len(by.bias)))
    assert torch.allclose(stored[:, :outputs], by_torch(x), atol=1e-5)
    added = steps.product(x, by, "add", before.clone())
    assert torch.allclose(added, before + stored, atol=1e-5)
    small = torch.empty(tokens, len(by.bias), dtype=torch.uint8)
    steps.product(x, by, "gelu", small, 50, 9.5)
    off = small[:, :outputs].int() - by_torch.gelu(x, 0.02, 9)
    assert off.abs().max() <= 1
    assert (off != 0).float().mean() < 0.01
    assert by_torch.packed() is by_torch
    with pytest.raises(ValueError, match="laid out for other kernels"):
        Panels.of(by_torch)


needs_weights = pytest.mark.skipif(bundled_file() is None, reason="needs e5-small")


@needs_weights
def test_vectors_are_those_of_the_layers_by_torch() -> None:
    encoder = load_transformer("e5-small@products=int8")
    bert = encoder.forward.model
    assert isinstance(bert, PackedBert)
    assert "in layers that were compiled for it" in encoder.choice.reason
    compiled = encoder.encode_passages(TEXTS)
    bert.replace_layers(
        [layer.packed() for layer in bert.layers if isinstance(layer, Int8Layer)], filled
    )
    by_torch = encoder.encode_passages(TEXTS)
    cosines = (compiled * by_torch).sum(axis=1)
    assert cosines.min() > 0.9995  # both are rounded, here and there to the other side
    assert not np.array_equal(compiled, by_torch)


def wide_layer(heads: int, dtype: torch.dtype = torch.float32) -> Layer:
    """A layer of which only its heads, its width and its number format matter."""
    ones = torch.ones(DIM, dtype=dtype)
    norm, linear = Norm(ones, ones, 1e-12), Linear(ones, ones)
    return Layer(heads, linear, linear, norm, linear, linear, norm)


def test_where_steps_cannot_be_compiled_torch_takes_them_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers: list[Int8Layer] = []
    assert isinstance(compile_steps(wide_layer(HEADS)), Steps)
    assert compile_steps(wide_layer(2)) == "heads are 48 wide"
    assert compile_steps(wide_layer(HEADS, torch.bfloat16)) == "norms are in torch.bfloat16"
    with monkeypatch.context() as patch:
        patch.setattr("encoder.kernels.code.binding.check_jit_execution", forbidden)
        found = compile_steps(wide_layer(HEADS))
        assert found == "this system forbids code that is made in memory (Permission denied)"
    with monkeypatch.context() as patch:
        patch.setattr(bert_fused, "find_spec", lambda _: None)
        found = compile_steps(wide_layer(HEADS))
        assert found == "llvmlite is not installed (extra [cpu])"
        reason = "in torch's layers, as llvmlite is not installed (extra [cpu])"
        assert fuse_layers(layers, found) == (None, reason)
    with monkeypatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {"avx_vnni": True})
        assert compile_steps(wide_layer(HEADS)) == "compiled ones were only made for AVX-512"


def no_such_type(*_: object) -> None:
    raise RuntimeError("LLVM IR parsing error\n<string>:5:26: error: expected type")


def without_binding() -> ModuleType:
    """What is left of a package whose library cannot be loaded."""
    package = ModuleType("llvmlite")
    package.__spec__ = ModuleSpec("llvmlite", None)
    return package


def test_with_a_llvmlite_of_another_version_torch_takes_them_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cannot = "the llvmlite that is installed cannot compile them"
    monkeypatch.setattr("encoder.kernels.layer._futures", {})
    with monkeypatch.context() as patch:
        patch.setattr("encoder.kernels.code.binding.parse_assembly", no_such_type)
        begin(DIM)
        found = compile_steps(wide_layer(HEADS))
    assert found == f"{cannot} (LLVM IR parsing error <string>:5:26: error: expected type)"
    monkeypatch.setitem(sys.modules, "llvmlite", without_binding())
    for name in ("llvmlite.binding", "encoder.kernels.code"):
        monkeypatch.delitem(sys.modules, name)
    begin(DIM)
    found = compile_steps(wide_layer(HEADS))
    assert isinstance(found, str)
    assert found.startswith(f"{cannot} (cannot import name 'binding'")


def forbidden() -> None:
    raise PermissionError(13, "Permission denied")


@needs_weights
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("attended", "compiled attention does not give what torch gives"),
        ("normed", "compiled norms do not round as torch does"),
        ("product", "compiled products do not give what torch gives"),
    ],
)
def test_steps_that_compute_something_else_are_not_used(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert, ranges = (
        load_transformer("e5-small@products=float").forward.model,
        find_ranges("e5-small"),
    )
    assert isinstance(bert, PackedBert)
    floats = [layer for layer in bert.layers if isinstance(layer, Layer)]
    layers = [int8_layer(layer, by) for layer, by in zip(floats, ranges, strict=True)]
    steps = compile_steps(floats[0])
    assert isinstance(steps, Steps)
    right = getattr(steps, name)
    assert FusedLayers(layers, steps).fault() is None
    monkeypatch.setattr(steps, name, lambda *given: right(*given).add_(2))
    assert FusedLayers(layers, steps).fault() == fault
    assert fuse_layers(layers, steps)[0] is None


def test_functions_are_compiled_once_for_a_width() -> None:
    begin(DIM)
    assert layer_functions(DIM) is layer_functions(DIM)
    assert layer_functions(2 * DIM) is not layer_functions(DIM)


def test_nothing_is_begun_where_it_could_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from llvmlite import binding

    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"avx2": True})
    begin(3 * DIM)
    assert 3 * DIM not in compiled_layer._futures
    monkeypatch.undo()
    monkeypatch.setattr(compiled_layer, "find_spec", lambda name: None)
    begin(3 * DIM)
    assert 3 * DIM not in compiled_layer._futures
    monkeypatch.undo()
    monkeypatch.setattr("encoder.kernels.code.execution_fault", lambda: "this system forbids it")
    begin(3 * DIM)
    assert 3 * DIM not in compiled_layer._futures
    monkeypatch.undo()
    begin(3 * DIM)
    assert 3 * DIM in compiled_layer._futures


@needs_weights
def test_compiling_has_begun_before_torch_is_imported() -> None:
    """LLVM then works while torch is imported, which takes one thread a second or more."""
    script = """
import sys
from encoder.kernels import layer
from encoder.load import load_transformer

begun = []
right = layer._compiled
layer._compiled = lambda dim: (begun.append("torch" in sys.modules), right(dim))[1]
encoder = load_transformer("e5-small", offline=True)
assert "in layers that were compiled for it" in encoder.choice.reason, encoder.choice
assert begun == [False], begun
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_weights
def test_nothing_is_compiled_for_an_encoder_that_shall_compute_in_floats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[int] = []
    monkeypatch.setattr(compiled_layer, "begin", begun.append)
    load_transformer("e5-small@products=float", offline=True)
    assert begun == []
    load_transformer("e5-small", offline=True)
    assert begun == [384]
