"""Layers in compiled code: what torch computes, text by text."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from encoder.activation_ranges import find_ranges
from encoder.bert_attention import Run, stable
from encoder.bert_int8 import Product
from encoder.bert_weights import Linear, Norm, open_weights
from encoder.bundled import bundled_file, unpacked_folder
from encoder.doctor import _one_question
from encoder.hardware import DeviceChoice
from encoder.int8_weights import MIDDLE, RoundedLayer, Rounding, round_layer, round_linear
from encoder.kernels import layer as compiled_layer
from encoder.kernels.layer import LayerFunctions, begin, layer_functions, obstacle
from encoder.load import load_local
from encoder.numpy_encoder import NumpyEncoder
from encoder.registry import E5_SMALL
from encoder.spec import Vectors
from encoder.transformer import TransformerEncoder
from tests.test_bert_int8 import TEXTS

pytest.importorskip("llvmlite", reason="llvmlite is not installed (extra [cpu])")

from encoder.compiled_fault import (
    as_bytes,
    fault_of,
    rounded,
    with_exact_units,
)
from encoder.compiled_layers import (
    Array,
    Normed,
    Panels,
    Placed,
    Steps,
    Unsigned,
    scratch_for,
)
from encoder.kernels.product import Follow

pytestmark = pytest.mark.skipif(
    obstacle() is not None, reason="needs llvmlite, and a processor with AVX-512 VNNI"
)
HEADS, DIM = 3, 96
LENGTHS = (1, 2, 11, 12, 13, 31, 32, 33, 48, 49, 130, 512)


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps(HEADS, DIM)


def normal(random: np.random.Generator, *shape: int) -> Vectors:
    return random.standard_normal(shape, np.float32)


def numbers(lengths: Sequence[int], size: float = 0.5) -> Vectors:
    """Queries, keys and values, of random size, values around the middle of a byte."""
    qkv = normal(np.random.default_rng(1), sum(lengths), 3 * DIM)
    qkv[:, : 2 * DIM] *= size
    qkv[:, 2 * DIM :] = qkv[:, 2 * DIM :] * 50 + MIDDLE
    return qkv


def by_torch(qkv: Vectors, lengths: Sequence[int]) -> Unsigned:
    seen, start = torch.empty(len(qkv), DIM), 0
    for length in lengths:
        stable(torch.from_numpy(qkv), Run(start, 1, length), HEADS, seen)
        start += length
    return as_bytes(seen.numpy())


def attended(steps: Steps, qkv: Vectors, lengths: Sequence[int]) -> Unsigned:
    """What the compiled attention gives; tokens of no text as they were: zero."""
    seen = Placed.room((len(qkv), DIM), np.uint8)
    seen.array[:] = 0
    placed = Placed.of(np.array(lengths, np.int64))
    steps.attend(Placed.of(qkv), placed, scratch_for(max(lengths)), seen)
    return seen.array


def normalised(
    steps: Steps, x: Vectors, norm: Norm, by: Rounding, exact: RoundedLayer | None = None
) -> Unsigned:
    """Normalise x in its place, and give it rounded."""
    small = Placed.room(x.shape, np.uint8)
    steps.normalise(Placed.of(x), Normed.of(norm, by, exact), small)
    return small.array


def multiplied(
    steps: Steps, x: Unsigned, by: Panels, follow: Follow, out: Array, *to: float
) -> Array:
    """A product, written to out."""
    steps.product(Placed.of(x), by, follow, Placed.of(out), *to)
    return out


def off(found: Array, wanted: Array) -> Array:
    return np.abs(found.astype(np.int32) - wanted)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_of_any_length_attends_as_torch_computes_it(steps: Steps, length: int) -> None:
    qkv = numbers([length])
    differences = off(attended(steps, qkv, [length]), by_torch(qkv, [length]))
    assert differences.max() <= 1
    assert (differences > 0).sum() <= max(1, 0.01 * differences.size)


@pytest.mark.parametrize("size", [0.0, 1e-20, 4.0, 40.0, 1e4])
def test_scores_of_any_size_are_weighed(steps: Steps, size: float) -> None:
    """Sums of exponentials of scores as they are would be infinite, or 0."""
    lengths = [40, 7]
    qkv = numbers(lengths, size)
    differences = off(attended(steps, qkv, lengths), by_torch(qkv, lengths))
    # With large scores one key has all the weight, but where two are nearly the same.
    assert differences.mean() < (0.1 if size < 10 else 3)


def test_a_text_attends_bit_by_bit_as_it_does_beside_others(steps: Steps) -> None:
    together = attended(steps, numbers(LENGTHS), LENGTHS)
    start = 0
    for length in LENGTHS:
        part = slice(start, start + length)
        alone = attended(steps, numbers(LENGTHS)[part], [length])
        assert np.array_equal(alone, together[part])
        start += length


def test_tokens_of_no_text_are_left_out(steps: Steps) -> None:
    seen = attended(steps, numbers([5, 3]), [5])
    assert seen[:5].all()
    assert not seen[5:].any()


def test_threads_attend_at_the_same_time(steps: Steps) -> None:
    qkv = numbers(LENGTHS)
    wanted = attended(steps, qkv, LENGTHS)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: attended(steps, qkv, LENGTHS), range(40)):
            assert np.array_equal(found, wanted)


def layer_of(random: np.random.Generator) -> RoundedLayer:
    """Only what norms look at."""
    empty = RoundedLayer(*[None] * len(RoundedLayer._fields))  # type: ignore[arg-type]
    return empty._replace(
        exact_widen=normal(random, DIM, 16) * np.float32(0.2),
        exact_bias=normal(random, 16),
        exact_narrow=normal(random, 16, DIM),
    )


def normed_by_torch(x: Vectors, norm: Norm) -> Vectors:
    weight, bias = torch.from_numpy(norm.weight), torch.from_numpy(norm.bias)
    found: Vectors = functional.layer_norm(
        torch.from_numpy(x), (DIM,), weight, bias, norm.eps
    ).numpy()
    return found


def with_units_by_torch(x: Vectors, layer: RoundedLayer) -> Vectors:
    units = torch.from_numpy(layer.exact_bias + x @ layer.exact_widen)
    found: Vectors = (units + units * units.erf()).numpy() @ layer.exact_narrow
    found += x
    return found


@pytest.mark.parametrize("tokens", [8, 24])
@pytest.mark.parametrize("exact", [False, True])
def test_norms_round_and_add_exact_units_as_torch_does(
    steps: Steps, tokens: int, exact: bool
) -> None:
    random = np.random.default_rng(2)
    x = normal(random, tokens, DIM)
    x *= 3
    x += 5
    uniform = [random.random(DIM, np.float32) for _ in range(4)]
    norm = Norm(uniform[0] + np.float32(0.5), uniform[1], 1e-12)
    by = Rounding(uniform[2] * 60, MIDDLE + uniform[3] * 9)
    layer = layer_of(random) if exact else None
    wanted = normed_by_torch(x, norm)
    differences = off(normalised(steps, x, norm, by, layer), rounded(wanted, by))
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.001
    assert {0, 255} <= set(rounded(wanted, by).flatten().tolist())  # some are cut
    if layer:
        assert np.allclose(
            with_exact_units(wanted, layer), with_units_by_torch(wanted, layer), atol=2e-5
        )
        wanted = with_units_by_torch(wanted, layer)
    assert np.allclose(x, wanted, atol=2e-5)


def test_the_eps_of_a_norm_keeps_equal_numbers_finite(steps: Steps) -> None:
    x, ones = np.full((8, DIM), 7.0, np.float32), np.ones(DIM, np.float32)
    small = normalised(steps, x, Norm(ones, 0 * ones, 1e-12), Rounding(ones, 7 * ones))
    assert (small == 7).all()
    assert (x == 0).all()


@pytest.mark.parametrize(("tokens", "inputs", "outputs"), [(6, 64, 64), (216, 384, 104)])
def test_products_are_those_of_the_kernels_of_torch(
    steps: Steps, tokens: int, inputs: int, outputs: int
) -> None:
    """With rows enough for a second block, and outputs that do not fill their last panel."""
    random = np.random.default_rng(3)
    linear = Linear(normal(random, outputs, inputs) * np.float32(0.05), normal(random, outputs))
    rows = round_linear(linear, 0.02, MIDDLE)
    by, torchs = Panels.of(rows), Product.of(rows)
    x = random.integers(0, 256, (tokens, inputs), np.uint8)
    shape = (tokens, len(by.bias.array))
    before = normal(random, *shape)
    stored = multiplied(steps, x, by, "store", np.empty(shape, np.float32))
    wanted = torchs(torch.from_numpy(x)).numpy()
    assert np.allclose(stored[:, :outputs], wanted, atol=1e-5)
    added = multiplied(steps, x, by, "add", before.copy())
    assert np.allclose(added, before + stored, atol=1e-5)
    small = multiplied(steps, x, by, "gelu", np.empty(shape, np.uint8), 50, 9.5)
    differences = off(small[:, :outputs], torchs.gelu(torch.from_numpy(x), 0.02, 9).numpy())
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.01


@pytest.mark.parametrize("shape", [(1,), (3, 7), (24, 384)])
@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.int8])
def test_what_the_compiled_functions_read_begins_with_a_line_of_the_cache(
    shape: tuple[int, ...], kind: type
) -> None:
    rooms = [Placed.room(shape, kind) for _ in range(9)]
    assert {room.at % 64 for room in rooms} == {0}
    assert [room.at for room in rooms] == [room.array.ctypes.data for room in rooms]
    assert {(room.array.shape, room.array.dtype) for room in rooms} == {(shape, np.dtype(kind))}
    for number, room in enumerate(rooms):
        room.array[:] = number
    assert [int(room.array.max()) for room in rooms] == list(range(9))  # none overlap


# Asked for by name: by itself an encoder computes otherwise beside a GPU, AMX or bfloat16.
E5 = "e5-small@products=int8"
needs_weights = pytest.mark.skipif(
    bundled_file() is None or torch.cuda.is_available(), reason="needs e5-small on a processor"
)


@needs_weights
def test_vectors_are_those_of_the_layers_by_torch() -> None:
    encoder = load_local(E5)
    assert isinstance(encoder, NumpyEncoder)
    assert encoder.choice.reason == (
        "no CUDA GPU; 8-bit products in layers compiled for this processor"
    )
    cpu = DeviceChoice("cpu", "float32", "", "int8")
    torchs = TransformerEncoder.open(E5_SMALL, unpacked_folder(), cpu)
    for found, other in (
        (encoder.encode_passages(TEXTS), torchs.encode_passages(TEXTS)),
        (encoder.encode_queries(TEXTS), torchs.encode_queries(TEXTS)),
    ):
        assert (found * other).sum(axis=1).min() > 0.9995  # both are rounded, to different sides
        assert not np.array_equal(found, other)


@needs_weights
def test_a_text_has_one_vector_bit_by_bit_whatever_shares_its_batch() -> None:
    encoder = load_local(E5)
    together = encoder.encode_passages([*TEXTS, TEXTS[0]])
    for text, row in zip([*TEXTS, TEXTS[0]], together, strict=True):
        assert np.array_equal(encoder.encode_passages([text])[0], row)


def forbidden() -> None:
    raise PermissionError(13, "Permission denied")


def test_what_forbids_compiled_layers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert obstacle() is None
    with monkeypatch.context() as patch:
        patch.setattr("encoder.kernels.code.binding.check_jit_execution", forbidden)
        assert obstacle() == "this system forbids code that is made in memory (Permission denied)"
    with monkeypatch.context() as patch:
        patch.setattr(compiled_layer, "find_spec", lambda _: None)
        assert obstacle() == "llvmlite is not installed (extra [cpu])"
    with monkeypatch.context() as patch:
        patch.setattr(compiled_layer, "features", lambda: {"avx512f": True, "avxvnni": True})
        assert obstacle() == "compiled layers need a processor with AVX-512 VNNI"


def no_such_type(*_: object) -> None:
    raise RuntimeError("LLVM IR parsing error\n<string>:5:26: error: expected type")


def without_binding() -> ModuleType:
    """What is left of a package whose library cannot be loaded."""
    package = ModuleType("llvmlite")
    package.__spec__ = ModuleSpec("llvmlite", None)
    return package


@needs_weights
def test_with_a_llvmlite_of_another_version_torch_computes_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cannot = "the llvmlite that is installed cannot compile layers"
    why = f"{cannot} (LLVM IR parsing error <string>:5:26: error: expected type)"
    monkeypatch.setattr("encoder.kernels.layer._futures", {})
    with monkeypatch.context() as patch, caplog.at_level("INFO"):
        patch.setattr("encoder.kernels.code.binding.parse_assembly", no_such_type)
        encoder = load_local(E5)
    assert isinstance(encoder, TransformerEncoder)
    assert encoder.choice.reason.startswith("no CUDA GPU; ")
    assert f"; in torch, as {why}" in encoder.choice.reason
    assert f"no layers are compiled for e5-small: {why}" in caplog.text
    monkeypatch.setitem(sys.modules, "llvmlite", without_binding())
    for name in ("llvmlite.binding", "encoder.kernels.code"):
        monkeypatch.delitem(sys.modules, name)
    found = obstacle()
    assert found is not None
    assert found.startswith(f"{cannot} (cannot import name 'binding'")


@needs_weights
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("attend", "compiled attention does not give what NumPy gives"),
        ("normalise", "compiled norms do not round as NumPy does"),
        ("product", "compiled products do not give what NumPy gives"),
    ],
)
def test_functions_that_compute_something_else_are_not_used(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = open_weights(E5_SMALL, unpacked_folder())
    assert weights is not None
    layer = round_layer(weights.layers[0], find_ranges("e5-small")[0])
    steps = Steps(layer.heads, 384)
    assert fault_of(steps, layer) is None
    right = getattr(Steps, name)

    def wrong(self: Steps, *given: Any) -> None:
        right(self, *given)
        out = given[3 if name in ("attend", "product") else 2]
        out.array[:] += 2

    monkeypatch.setattr(Steps, name, wrong)
    assert fault_of(steps, layer) == fault
    encoder = load_local(E5)
    assert isinstance(encoder, TransformerEncoder)
    reason = f"; in torch, as {fault}; 8-bit products were asked for"
    assert encoder.choice.reason.endswith(reason)
    assert _one_question(encoder, "e5-small") == (
        "by NumPy in float32 (for one question NumPy is done before torch is imported)"
    )
    assert _one_question(encoder, "e5-small@products=int8") == (
        "as everything else (its layers were not compiled)"
    )


def with_wrong_rounding(self: Steps, *given: Any, right: Any = Steps.product) -> None:
    right(self, *given)
    if given[2] == "gelu":
        given[3].array[:] += 2


def with_wrong_units(self: Steps, *given: Any, right: Any = Steps.normalise) -> None:
    right(self, *given)
    if given[1].units:
        given[0].array[:] *= np.float32(1.01)


def with_a_wrong_long_text(self: Steps, *given: Any, right: Any = Steps.attend) -> None:
    right(self, *given)
    given[3].array[40:] += 2


@needs_weights
@pytest.mark.parametrize(
    ("name", "wrong", "fault"),
    [
        ("product", with_wrong_rounding, "compiled products do not round as NumPy does"),
        ("normalise", with_wrong_units, "compiled norms do not give what NumPy gives"),
        ("attend", with_a_wrong_long_text, "compiled attention does not give what NumPy gives"),
    ],
)
def test_every_kind_of_a_function_is_tried(
    name: str, wrong: Callable[..., None], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = open_weights(E5_SMALL, unpacked_folder())
    assert weights is not None
    layer = round_layer(weights.layers[0], find_ranges("e5-small")[0])
    monkeypatch.setattr(Steps, name, wrong)
    assert fault_of(Steps(layer.heads, 384), layer) == fault


@needs_weights
def test_without_llvmlite_torch_computes_and_it_is_said() -> None:
    script = """
import sys
sys.modules["llvmlite"] = None  # as where it is not installed
from encoder.load import load_encoder

encoder = load_encoder("e5-small@products=int8", offline=True)
encoder.encode_queries(["a question"])
assert "in torch, as llvmlite is not installed (extra [cpu]); 8-bit" in encoder.choice.reason, (
    encoder.choice
)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_functions_are_compiled_once_for_a_width() -> None:
    begin(DIM)
    assert layer_functions(DIM) is layer_functions(DIM)
    assert layer_functions(2 * DIM) is not layer_functions(DIM)


@needs_weights
def test_the_default_encoder_needs_no_torch_and_compiles_while_it_reads() -> None:
    """torch takes longer to import than everything else to be loaded."""
    script = """
import sys
from encoder.kernels import layer
from encoder.load import load_encoder

begun = []
right = layer._compiled
layer._compiled = lambda dim: (begun.append("encoder.numpy_encoder" in sys.modules), right(dim))[1]
encoder = load_encoder("e5-small@products=int8", offline=True)
encoder.encode_passages(["a passage"] * 40)
assert "in layers compiled for this processor" in encoder.choice.reason, encoder.choice
assert begun == [False], begun
assert not {"torch", "transformers"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@needs_weights
def test_a_process_that_was_forked_off_encodes_as_well() -> None:
    """A server that loads an encoder before it forks: the threads stay behind."""
    script = """
import os, signal
import numpy as np
from encoder.load import load_encoder

texts = ["a passage " * 200] * 4  # several batches, so several threads
encoder = load_encoder("e5-small@products=int8", offline=True)
found = encoder.encode_passages(texts)
child = os.fork()
if not child:
    signal.alarm(60)  # rather than wait for ever
    os._exit(0 if np.array_equal(encoder.encode_passages(texts), found) else 3)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    two = os.environ | {"OMP_NUM_THREADS": "2"}  # one would take everything as one batch
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=two)
    assert done.returncode == 0, done.stderr


@needs_weights
def test_nothing_is_compiled_for_an_encoder_that_shall_compute_in_floats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[int] = []

    def noted(dim: int) -> "Future[LayerFunctions]":
        begun.append(dim)
        return begin(dim)

    monkeypatch.setattr(compiled_layer, "begin", noted)
    load_local("e5-small@products=float", offline=True)
    assert begun == []
    load_local(E5, offline=True)
    assert begun[0] == 384
