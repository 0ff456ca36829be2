"""The packed forward pass: the same numbers as transformers' BertModel, in every layout."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from encoder.bert import PackedBert, open_bert
from encoder.bert_config import is_plain
from encoder.forward import StockModel
from encoder.hardware import DeviceChoice
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_BERT, save_tiny

LENGTHS = [9, 9, 5, 5, 5, 1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny(TINY_BERT, tmp_path)


@pytest.fixture
def stock(folder: Path) -> Callable[..., torch.Tensor]:
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")
    model.train(mode=False)
    return lambda *given: model(*given).last_hidden_state


@torch.inference_mode()
def test_texts_of_a_batch_get_the_states_they_get_alone_from_transformers(
    folder: Path, stock: Callable[..., torch.Tensor]
) -> None:
    bert = open_bert(TINY_BERT, folder, FLOAT32)
    assert bert is not None
    rows = [torch.randint(0, 300, (length,)).tolist() for length in LENGTHS]
    states = torch.split(bert.states(rows), LENGTHS)
    for row, found in zip(rows, states, strict=True):
        assert torch.allclose(found, stock(torch.tensor([row]))[0], atol=2e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"layer_norm_eps": None},
    ],
)
def test_a_bert_that_is_not_plain_is_left_to_transformers(
    change: dict[str, object], folder: Path
) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert is_plain(config)
    changed = {name: value for name, value in (config | change).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(changed))
    assert open_bert(TINY_BERT, folder, FLOAT32) is None


def test_on_a_gpu_transformers_runs_it(folder: Path) -> None:
    assert open_bert(TINY_BERT, folder, DeviceChoice("cuda", "bfloat16", "a test")) is None


def test_a_bert_that_is_not_plain_is_encoded_all_the_same(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    relu = TransformerEncoder.open(TINY_BERT, folder, FLOAT32)
    assert isinstance(relu.forward.model, StockModel)
    (folder / "config.json").write_text(json.dumps(config))
    gelu = TransformerEncoder.open(TINY_BERT, folder, FLOAT32)
    assert isinstance(gelu.forward.model, PackedBert)
    cosine = float(relu.encode_passages(["a text"])[0] @ gelu.encode_passages(["a text"])[0])
    assert 0.1 < cosine < 0.9999  # another activation, other numbers
