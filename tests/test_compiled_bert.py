"""A BERT in compiled layers: of tiny checkpoints as they lie in a folder, damaged ones refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from encoder.activation_ranges import LayerRanges
from encoder.bert_weights import BertWeights, Embeddings, Layer, Linear, Norm
from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.kernels.layer import obstacle
from encoder.numpy_bert import NumpyBert
from encoder.numpy_encoder import NumpyEncoder
from encoder.spec import Vectors
from tests.tiny_models import DIM, TINY_BERT, save_tiny

pytest.importorskip("llvmlite", reason="llvmlite is not installed (extra [cpu])")

from encoder.compiled_bert import CompiledBert

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))
INNER, LAYERS = 96, 2
ROWS = [[5, 9, 11, 12, 200, 7], [5], [*range(40)], [5, 9, 11, 12, 200, 7]]
# As many as rows of no text may follow, for products, norms, both or none.
COUNTS = (1, 5, 6, 7, 8, 9, 12, 13, 16, 17, 23, 24, 25, 31, 32, 33, 48)


def ranges(dim: int = DIM, inner: int = INNER, layers: int = LAYERS) -> tuple[LayerRanges, ...]:
    """Around what the tiny models' numbers reach."""
    sides = np.repeat(np.array([[-4], [4]], np.float32), dim, axis=1)
    return (LayerRanges(sides, sides, sides, np.full(inner, 5, np.float32)),) * layers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model whose heads are as wide as the compiled ones."""
    path = save_tiny(TINY_BERT, tmp_path / "model")
    change_config(path, num_attention_heads=DIM // 32)
    return path


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def opened(folder: Path) -> CompiledBert:
    bert = CompiledBert.open(TINY_BERT, folder, ranges())
    assert isinstance(bert, CompiledBert)
    return bert


def test_states_are_those_of_float32_but_for_rounding(folder: Path) -> None:
    exact = NumpyBert.open(TINY_BERT, folder)
    assert exact is not None
    found, wanted = opened(folder).states(ROWS), exact.states(ROWS)
    assert found.shape == wanted.shape == (sum(map(len, ROWS)), DIM)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    cosines = (found * wanted).sum(axis=1) / norms
    assert cosines.min() > 0.995
    assert cosines.max() < 0.999999


def test_a_text_has_the_same_states_bit_by_bit_whatever_stands_beside_it(folder: Path) -> None:
    bert, start = opened(folder), 0
    together = bert.states(ROWS)
    for row in ROWS:
        assert np.array_equal(bert.states([row]), together[start : start + len(row)])
        start += len(row)


@pytest.mark.parametrize("tokens", COUNTS)
def test_a_text_of_any_length_is_computed_whole(folder: Path, tokens: int) -> None:
    bert, row = opened(folder), [7 + i % 200 for i in range(tokens)]
    beside = bert.states([row, [*range(50)]])[:tokens]
    assert np.array_equal(bert.states([row]), beside)


@pytest.mark.parametrize(
    ("changes", "measured", "told"),
    [
        ({"hidden_act": "relu"}, ranges(), "only a plain BERT in float32 is compiled"),
        ({"num_attention_heads": 4}, ranges(), "heads are 16 wide, and compiled ones 32"),
        *[
            ({}, other, "inner ranges were measured for a model of another size than these files "
             "hold")
            for other in (ranges(layers=3), ranges(dim=96), ranges(inner=128))
        ],
    ],
)  # fmt: skip
def test_what_cannot_be_compiled_is_told(
    folder: Path, changes: dict[str, object], measured: tuple[LayerRanges, ...], told: str
) -> None:
    change_config(folder, **changes)
    assert CompiledBert.open(TINY_BERT, folder, measured) == told


def test_states_that_fill_no_panels_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries, keys and values would not lie where attention looks for them."""
    dim = 96
    ones, linear = np.ones(dim, np.float32), np.ones((INNER, dim), np.float32)
    norm = Norm(ones, ones, 1e-12)
    layer = Layer(
        dim // 32,
        Linear(linear, ones), Linear(linear, ones), norm,
        Linear(linear, np.ones(INNER, np.float32)), Linear(linear.T, ones), norm,
    )  # fmt: skip
    weights = BertWeights(Embeddings(linear, linear, norm), [layer] * LAYERS)
    monkeypatch.setattr("encoder.compiled_bert.open_weights", lambda *_: weights)
    found = CompiledBert.open(TINY_BERT, Path(), ranges(dim=dim))
    assert found == "states are 96 wide, and compiled ones a multiple of 64"


def change_weights(folder: Path, change: Callable[[dict[str, Vectors]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


LAYER = "encoder.layer.1"


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    [
        f"{LAYER}.attention.self.query.weight",
        f"{LAYER}.attention.self.value.bias",
        f"{LAYER}.attention.output.dense.weight",
        f"{LAYER}.attention.output.LayerNorm.weight",
        f"{LAYER}.intermediate.dense.weight",
        f"{LAYER}.output.dense.weight",
        f"{LAYER}.output.LayerNorm.bias",
    ],
)
def test_weights_that_are_no_numbers_are_refused_before_rounding_hides_them(
    folder: Path, name: str, number: float
) -> None:
    def change(weights: dict[str, Vectors]) -> None:
        weights[name][3] = number

    change_weights(folder, change)
    with pytest.raises(EncoderRefused, match="weights of tiny-bert are damaged"):
        CompiledBert.open(TINY_BERT, folder, ranges())


def test_weights_that_are_missing_or_cannot_be_read_are_one_sentence(folder: Path) -> None:
    def forget(weights: dict[str, Vectors]) -> None:
        del weights[f"{LAYER}.output.dense.bias"]

    change_weights(folder, forget)
    with pytest.raises(EncoderRefused, match=rf"lacks weights of tiny-bert: \['{LAYER}.output"):
        CompiledBert.open(TINY_BERT, folder, ranges())
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(EncoderNotAvailable, match="The weights of tiny-bert cannot be read"):
        CompiledBert.open(TINY_BERT, folder, ranges())


@pytest.mark.parametrize("lengths", [[0], [3, 0], [0, 3]])
def test_a_text_without_tokens_is_refused_before_machine_code_sees_it(
    folder: Path, lengths: list[int]
) -> None:
    with pytest.raises(ValueError, match="a text without tokens has no states"):
        opened(folder).states([[5] * length for length in lengths])


def test_huge_weights_are_told_without_a_warning(folder: Path) -> None:
    def grow(weights: dict[str, Vectors]) -> None:
        weights["encoder.layer.0.attention.output.LayerNorm.weight"][:] = 3e38

    change_weights(folder, grow)
    told = "compiled norms do not give what NumPy gives"
    assert CompiledBert.open(TINY_BERT, folder, ranges()) == told


def test_of_the_words_only_those_that_occur_are_read_from_the_file(folder: Path) -> None:
    """They are a view of the file: hundreds of MB in the real model."""
    bert = opened(folder)
    words = bert.embeddings.words
    assert not words.flags.owndata
    assert not words.flags.writeable
    stored = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert np.array_equal(words, stored)


def test_words_behind_a_header_of_an_odd_length_are_copied_once(folder: Path) -> None:
    """The format allows it. NumPy would copy the whole table for each look-up."""
    wanted = opened(folder).states(ROWS)
    path = folder / "model.safetensors"
    stored = path.read_bytes()
    length = int.from_bytes(stored[:8], "little")
    header = stored[8 : 8 + length] + b" "
    path.write_bytes(len(header).to_bytes(8, "little") + header + stored[8 + length :])
    bert = opened(folder)
    assert bert.embeddings.words.flags.aligned
    assert np.array_equal(bert.states(ROWS), wanted)


def test_a_tokeniser_with_tokens_that_the_weights_do_not_know_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is too large would be taken for the last one that is known."""

    def forget(weights: dict[str, Vectors]) -> None:
        name = "embeddings.word_embeddings.weight"
        weights[name] = weights[name][:100].copy()

    monkeypatch.setattr("encoder.numpy_encoder.find_ranges", lambda _: ranges())
    assert isinstance(NumpyEncoder.open_compiled(TINY_BERT, folder, "a test"), NumpyEncoder)
    change_weights(folder, forget)
    with pytest.raises(EncoderRefused, match="know 100"):
        NumpyEncoder.open_compiled(TINY_BERT, folder, "a test")
