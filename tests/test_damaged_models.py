"""Folders of models whose files make no sense: one message on one line, and what to do."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from encoder.errors import EncoderNotAvailable, EncoderRefused, RagError
from encoder.load import load_encoder
from encoder.local import LocalEncoder
from encoder.numpy_encoder import NumpyEncoder
from encoder.selftest import self_test
from encoder.transformer import TransformerEncoder
from tests.tiny_models import FLOAT32, TINY_BERT, save_tiny

Damage = Callable[[Path], None]

WEIGHTS, CONFIG = "model.safetensors", "config.json"
WORDS = "embeddings.word_embeddings.weight"
PLACES = "embeddings.position_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"
QUERY = "encoder.layer.0.attention.self.query.weight"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(TINY_BERT, tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return copytree(whole, tmp_path / "model")


def says(name: str, **values: Any) -> Damage:
    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text("utf-8"))
        (folder / name).write_text(json.dumps(content | values))

    return damage


def config(**values: Any) -> Damage:
    return says(CONFIG, **values)


def holds(name: str, content: bytes | Any) -> Damage:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()

    def damage(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return damage


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file({name: w.contiguous() for name, w in weights.items()}, folder / WEIGHTS)

    return damage


def tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Damage:
    return tensors(lambda weights: weights.update({name: change(weights[name])}))


def all_layers_but_the_first(weights: dict[str, torch.Tensor]) -> None:
    for name in [name for name in weights if ".layer.1." in name]:
        del weights[name]


def cut_short(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:-100])


# Of what our own forward passes read, with what the message says.
DAMAGES: Mapping[str, tuple[Damage, str]] = {
    "no heads": (config(num_attention_heads=0), "num_attention_heads: 0"),
    "fewer heads than none": (config(num_attention_heads=-4), "num_attention_heads: -4"),
    "heads that cannot share": (config(num_attention_heads=3), "which 3 heads cannot share"),
    "more heads than numbers": (config(num_attention_heads=128), "128 heads cannot share"),
    "a huge number of heads": (config(num_attention_heads=10**30), r"num_attention_heads: 10+\."),
    "no layers": (config(num_hidden_layers=0), "num_hidden_layers: 0"),
    "a huge number of layers": (config(num_hidden_layers=10**9), "num_hidden_layers: 1000000000"),
    "a layer too many": (config(num_hidden_layers=3), "lacks weights"),
    "a layer too few": (config(num_hidden_layers=1), "more layers than the 1 of its config.json"),
    "no numbers in a state": (config(hidden_size=0), "hidden_size: 0"),
    "a size that heads cannot share": (config(hidden_size=63), "which 4 heads cannot share"),
    "a huge state": (config(hidden_size=10**12), "hidden_size: 1000000000000"),
    "a negative size": (config(intermediate_size=-96), "intermediate_size: -96"),
    "sizes that would fill a memory": (
        config(num_hidden_layers=1000, intermediate_size=1_048_576), "lacks weights"
    ),
    "states that would fill a memory": (
        config(hidden_size=65_536, num_attention_heads=2048), "lacks weights"
    ),
    "another size": (config(intermediate_size=95), "lacks weights"),
    "a negative epsilon": (config(layer_norm_eps=-1.0), r"layer_norm_eps: -1\.0"),
    "an endless epsilon": (config(layer_norm_eps=float("inf")), "layer_norm_eps: Infinity"),
    "a list for a config": (holds(CONFIG, []), "config.json is not an object"),
    "an empty config": (holds(CONFIG, b""), "Expecting value"),
    "a config that is no text": (holds(CONFIG, b"\xff\xfe{\0"), "can't decode"),
    "a deep config": (holds(CONFIG, b"[" * 100_000), "nested too deeply"),
    "too few places": (tensor(PLACES, lambda w: w[:20]), "for texts of 20 tokens"),
    "no places": (tensor(PLACES, lambda w: w[:0]), PLACES),
    "places in one line": (tensor(PLACES, torch.flatten), PLACES),
    "too few words": (tensor(WORDS, lambda w: w[:100]), "know 100"),
    "no words": (tensor(WORDS, lambda w: w[:0]), WORDS),
    "words in one line": (tensor(WORDS, torch.flatten), WORDS),
    "no types": (tensor(TYPES, lambda w: w[:0]), TYPES),
    "one number for a bias": (
        tensor("embeddings.LayerNorm.bias", lambda w: w[0].clone()),
        "embeddings.LayerNorm.bias",
    ),
    "a missing tensor": (tensors(lambda weights: weights.pop(QUERY)), QUERY),
    "a missing layer": (tensors(all_layers_but_the_first), "encoder.layer.1"),
    "weights that are no numbers": (
        tensor("encoder.layer.0.output.dense.weight", lambda w: w * float("nan")),
        "what it computes is not a number",
    ),
    "huge weights": (
        tensor("encoder.layer.0.output.dense.weight", lambda w: w.fill_(3e38)),
        "what it computes is not a number",
    ),
    "weights of zeros": (
        tensors(lambda weights: [w.zero_() for w in weights.values()]),
        "what it computes is not a number",
    ),
    "an empty file": (holds(WEIGHTS, b""), "header too small"),
    "a file that is cut short": (cut_short, "not fully covered"),
    "a huge header": (holds(WEIGHTS, b"\xff" * 64), "header too large"),
    "no tokeniser in its file": (holds("tokenizer.json", {}), "The tokeniser of "),
    "a tokeniser without a word": (
        holds("tokenizer.json", {"model": {"type": "WordLevel", "vocab": {}, "unk_token": "?"}}),
        "The tokeniser of ",
    ),
}  # fmt: skip

# Of what only torch and transformers read.
OTHERS: Mapping[str, tuple[Damage, str]] = {
    "whole numbers for words": (tensor(WORDS, lambda w: w.int()), WORDS),
    "heads in a string": (config(num_attention_heads="4"), 'num_attention_heads: "4"'),
    "an activation that is none": (config(hidden_act="gel\0u"), r"gel"),
    "padding that is no word": (config(hidden_act="relu", pad_token_id=10**9), "Padding_idx"),
    "a list of activations": (config(hidden_act=["gelu"]), "hidden_act"),
    "a negative size beside another activation": (
        config(hidden_act="relu", num_attention_heads=-4),
        "num_attention_heads: -4",
    ),
    "a layer too few beside another activation": (
        config(hidden_act="relu", num_hidden_layers=1),
        "more layers than the 1",
    ),
    "too few places beside another activation": (
        lambda folder: (
            config(hidden_act="relu", max_position_embeddings=20)(folder),
            tensor(PLACES, lambda w: w[:20])(folder),
        )[0],
        "for texts of 20 tokens",
    ),
}

# Of a folder that says itself what it is.
TOLD: Mapping[str, tuple[Damage, str]] = {
    "modules that are no list": (holds("modules.json", {}), "its steps are"),
    "a module that is a number": (holds("modules.json", [1]), "modules.json is damaged"),
    "prompts in a list": (
        holds("config_sentence_transformers.json", {"prompts": [1]}), "its prompts are"
    ),
    "prompts in a string": (
        holds("config_sentence_transformers.json", {"prompts": "query"}), "its prompts are"
    ),
    "vectors without numbers": (
        says("1_Pooling/config.json", word_embedding_dimension=0), "pools in a way"
    ),
    "huge vectors": (
        says("1_Pooling/config.json", word_embedding_dimension=10**13), "pools in a way"
    ),
    "true for a length": (
        says("1_Pooling/config.json", word_embedding_dimension=True), "pools in a way"
    ),
    "no pooling": (lambda folder: rmtree(folder / "1_Pooling"), "is missing"),
    "texts of one token": (
        holds("sentence_bert_config.json", {"max_seq_length": 1}), "may have 1 tokens at most"
    ),
    "a deep list of steps": (holds("modules.json", b"[" * 100_000), "modules.json is damaged"),
}  # fmt: skip


def elsewhere(path: object) -> Damage:
    def damage(folder: Path) -> None:
        steps = json.loads((folder / "modules.json").read_text("utf-8"))
        steps[1]["path"] = path
        (folder / "modules.json").write_text(json.dumps(steps))

    return damage


def of(damages: Mapping[str, tuple[Damage, str]]) -> pytest.MarkDecorator:
    cases = [pytest.param(damage, message, id=name) for name, (damage, message) in damages.items()]
    return pytest.mark.parametrize(("damage", "message"), cases)


def assert_told(error: RagError, next_step: str) -> None:
    assert error.next_step.startswith(next_step)
    assert "\n" not in error.what
    assert len(error.what) < 600


DOWNLOADED = "Delete that folder and try again"
COPIED = "Copy the model's files there anew"


def without_torch(folder: Path) -> NumpyEncoder:
    encoder = NumpyEncoder.open_numpy(TINY_BERT, folder, "a test")
    assert encoder is not None
    return encoder


@of(DAMAGES)
def test_without_torch_a_damaged_folder_is_one_message(
    folder: Path, damage: Damage, message: str
) -> None:
    damage(folder)
    with pytest.raises((EncoderNotAvailable, EncoderRefused), match=message) as refused:
        self_test(without_torch(folder))
    assert_told(refused.value, DOWNLOADED)


@of({**DAMAGES, **OTHERS})
def test_with_torch_a_damaged_folder_is_one_message(
    folder: Path, damage: Damage, message: str
) -> None:
    damage(folder)
    with pytest.raises((EncoderNotAvailable, EncoderRefused), match=message) as refused:
        self_test(TransformerEncoder.open(TINY_BERT, folder, FLOAT32))
    assert_told(refused.value, DOWNLOADED)


def test_a_folder_of_ones_own_is_not_to_be_deleted(folder: Path) -> None:
    config(num_attention_heads=0)(folder)
    with pytest.raises(EncoderNotAvailable, match="num_attention_heads: 0") as refused:
        load_encoder(str(folder), offline=True)
    assert_told(refused.value, COPIED)


@of(TOLD)
def test_a_damaged_folder_that_says_itself_what_it_is_is_one_message(
    folder: Path, damage: Damage, message: str
) -> None:
    damage(folder)
    with pytest.raises(EncoderRefused, match=message) as refused:
        load_encoder(str(folder), offline=True)
    assert "\n" not in refused.value.what


@pytest.mark.parametrize("path", ["../../elsewhere", "/etc", "a\0b", "..", [7]])
def test_no_step_is_read_from_another_folder(folder: Path, path: object) -> None:
    elsewhere(path)(folder)
    with pytest.raises(EncoderRefused, match=r"modules\.json names the folder"):
        load_encoder(str(folder), offline=True)


def test_a_whole_folder_is_not_refused(folder: Path) -> None:
    assert load_encoder(str(folder), offline=True).spec.dim == 64
    assert without_torch(folder).spec.dim == 64


def test_a_model_of_another_width_is_refused_with_torch_and_without(folder: Path) -> None:
    other = replace(TINY_BERT, dim=96)
    told = "holds a model of 64 dimensions; tiny-bert has 96"
    with pytest.raises(EncoderRefused, match=told):
        NumpyEncoder.open_numpy(other, folder, "a test")
    with pytest.raises(EncoderRefused, match=told):
        TransformerEncoder.open(other, folder, FLOAT32)


@pytest.mark.parametrize("torchs", [True, False])
def test_a_word_that_is_no_numbers_is_refused_when_a_text_holds_it(
    folder: Path, torchs: bool
) -> None:
    """The self-test meets few words; passages of another one would have no place in a ranking."""
    zebra = without_torch(folder).tokens.ids(["z"])[0][1]

    def change(weights: dict[str, torch.Tensor]) -> None:
        weights[WORDS][zebra] = float("nan")

    tensors(change)(folder)
    encoder: LocalEncoder = without_torch(folder)
    if torchs:
        encoder = TransformerEncoder.open(TINY_BERT, folder, FLOAT32)
    self_test(encoder)
    assert np.isfinite(encoder.encode_passages(["water"])).all()
    for encode in (encoder.encode_passages, encoder.encode_queries):
        with pytest.raises(EncoderRefused, match="weights of tiny-bert are damaged"):
            encode(["water", "a zebra"])
