"""The encoder without torch: the same numbers, chosen only where it is the quicker way."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from encoder.bert import open_bert
from encoder.bundled import unpacked_folder
from encoder.engine import EngineFacts
from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.kernels.layer import obstacle
from encoder.local import LocalEncoder
from encoder.numpy_bert import NumpyBert, gelu
from encoder.numpy_encoder import NumpyEncoder
from encoder.registry import E5_SMALL
from encoder.selftest import self_test
from encoder.spec import EncoderSpec
from encoder.transformer import TransformerEncoder
from indexer.build import build_index
from retriever.retriever import Retriever
from retriever.why import explain_hits
from tests.tiny_models import FLOAT32, TINY_BERT, save_tiny

ROOT = Path(__file__).parent.parent
TEXTS = ("Ein Satz, 二年です, и конец.", "a", "", "The cat is on the mat. " * 30, "שלום עולם")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny(TINY_BERT, tmp_path / "model")


def without_torch(spec: EncoderSpec, folder: Path) -> NumpyEncoder:
    encoder = NumpyEncoder.open_numpy(spec, folder, "a test")
    assert encoder is not None
    return encoder


def test_the_states_are_those_of_torch(folder: Path) -> None:
    lengths = [9, 9, 5, 40, 1]
    rows = [torch.randint(0, 300, (length,)).tolist() for length in lengths]
    bert, ours = open_bert(TINY_BERT, folder, FLOAT32), NumpyBert.open(TINY_BERT, folder)
    assert bert is not None
    assert ours is not None
    with torch.inference_mode():
        expected = bert.states(rows).numpy()
    assert ours.states(rows) == pytest.approx(expected, abs=3e-6)


def test_gelu_is_the_exact_one() -> None:
    x = np.linspace(-12, 12, 4001, dtype=np.float32).reshape(-1, 1)
    expected = torch.nn.functional.gelu(torch.from_numpy(x.copy())).numpy()
    assert gelu(x) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last_token"])
def test_every_pooling_passes_the_self_test_and_gives_torchs_vectors(
    pooling: str, folder: Path
) -> None:
    spec = replace(TINY_BERT, pooling=pooling)  # type: ignore[arg-type]
    ours, torchs = without_torch(spec, folder), TransformerEncoder.open(spec, folder, FLOAT32)
    assert [finding.held for finding in self_test(ours)] == [True] * 7
    assert ours.encode_passages(TEXTS) == pytest.approx(torchs.encode_passages(TEXTS), abs=1e-5)
    assert ours.encode_queries(TEXTS) == pytest.approx(torchs.encode_queries(TEXTS), abs=1e-5)


def test_the_real_weights_give_the_vectors_states_hits_and_reasons_of_torch_in_float32(
    tmp_path: Path,
) -> None:
    folder = unpacked_folder()
    ours, torchs = (
        without_torch(E5_SMALL, folder),
        TransformerEncoder.open(E5_SMALL, folder, replace(FLOAT32, products="float")),
    )
    assert [finding.held for finding in self_test(ours)] == [True] * 7
    for one, other in zip(ours.passage_states(TEXTS), torchs.passage_states(TEXTS), strict=True):
        assert one.states == pytest.approx(other.states, abs=2e-5)
        assert one.spans.tolist() == other.spans.tolist()
    cosines = (ours.encode_passages(TEXTS) * torchs.encode_passages(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.99999
    docs = tmp_path / "docs"
    docs.mkdir()
    for i, text in enumerate(
        ("Die Garantie gilt zwei Jahre.", "猫は水が好きです。", "El tren sale a las ocho.")
    ):
        (docs / f"{i}.txt").write_text(text, encoding="utf-8")
    build_index(docs, tmp_path / "index", torchs)
    question = "How long is the warranty?"
    found = [Retriever.open(tmp_path / "index", e).search(question) for e in (ours, torchs)]
    assert [hit.passage for hit in found[0]] == [hit.passage for hit in found[1]]
    assert [h.score for h in found[0]] == pytest.approx([h.score for h in found[1]], abs=1e-5)
    whys = [explain_hits(question, found[1], encoder) for encoder in (ours, torchs)]
    for one, other in zip(*whys, strict=True):
        assert [(p.start, p.end) for p in (*one.sentences, *one.words)] == [
            (p.start, p.end) for p in (*other.sentences, *other.words)
        ]


def test_a_bert_that_is_not_plain_or_not_in_float32_needs_torch(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({name: w.bfloat16() for name, w in weights.items()}, folder / "model.safetensors")
    assert NumpyEncoder.open_numpy(TINY_BERT, folder, "a test") is None
    save_file(weights, folder / "model.safetensors")
    assert NumpyEncoder.open_numpy(TINY_BERT, folder, "a test") is not None
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    assert NumpyEncoder.open_numpy(TINY_BERT, folder, "a test") is None


@pytest.mark.parametrize(
    "name",
    [
        "embeddings.word_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.1.attention.self.key.weight",
        "encoder.layer.1.output.dense.bias",
    ],
)
def test_weights_that_are_missing_or_of_another_shape_are_refused(name: str, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    given = weights.pop(name)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(EncoderRefused, match=name):
        NumpyEncoder.open_numpy(TINY_BERT, folder, "a test")
    save_file(weights | {name: given[..., 1:].contiguous()}, folder / "model.safetensors")
    with pytest.raises(EncoderRefused, match=name):
        NumpyEncoder.open_numpy(TINY_BERT, folder, "a test")


def test_a_damaged_file_is_one_sentence(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(EncoderNotAvailable, match="The weights of tiny-bert cannot be read"):
        NumpyEncoder.open_numpy(TINY_BERT, folder, "a test")


@pytest.mark.parametrize("compiled", [True, False])
def test_a_search_from_the_shell_imports_no_torch_and_says_what_encoded_the_question(
    tmp_path: Path, e5: LocalEncoder, compiled: bool
) -> None:
    if compiled and (obstacle() is not None or EngineFacts.here(gpu=False).amx):
        pytest.skip("no layers are compiled here")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("Die Garantie gilt zwei Jahre.", encoding="utf-8")
    build_index(docs, tmp_path / "index", e5)
    code = (
        "import sys; "
        + ("" if compiled else "sys.modules['llvmlite'] = None; ")
        + "from retriever.cli import main; "
        "code = main(['search', 'How long is the warranty?', '--explain', '--index', sys.argv[1]])"
        "\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules))); sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "index")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    printed = result.stdout.splitlines()
    if e5.choice.device == "cpu":
        assert printed[-1] == "[]"
        how = (
            "matrix products in 8-bit integers, everything else in float32 (no CUDA GPU; 8-bit "
            "products in layers compiled for this processor)"
            if compiled
            else "everything in float32 (for one question NumPy is done before torch is imported)"
        )
        assert f"Encoder: e5-small on the processor, {how}." in result.stderr
    assert "a.txt" in result.stdout
