"""What computes an encoder's vectors is chosen by rule, with its reason."""

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from encoder.engine import EngineFacts, choose_engine
from encoder.load import _computed
from encoder.naming import parse_name
from encoder.registry import E5_SMALL, NEMOTRON_8B
from encoder.spec import EncoderSpec
from tests.tiny_models import TINY_BERT, save_tiny

LAPTOP = EngineFacts(gpu=False, obstacle=None, amx=False, torch_loaded=False)
NO_VNNI = replace(LAPTOP, obstacle="compiled layers need a processor with AVX-512 VNNI")
COMPILED = ("compiled", "no CUDA GPU; 8-bit products in layers compiled for this processor")
FORMAT = ("torch", "a number format was asked for")
NUMPY = ("numpy", "for one question NumPy is done before torch is imported")
OWN_UNMEASURED = ("torch", "8-bit products need inner ranges, and none were measured for own")
AMX = "compiled layers were not measured beside AMX's products of bfloat16"


@pytest.mark.parametrize(
    ("name", "spec", "facts", "many", "one"),
    [
        ("e5-small", E5_SMALL, LAPTOP, COMPILED, COMPILED),
        ("e5-small", E5_SMALL, replace(LAPTOP, torch_loaded=True), COMPILED, COMPILED),
        ("e5-small", E5_SMALL, NO_VNNI, ("torch", NO_VNNI.obstacle), NUMPY),
        ("e5-small", E5_SMALL, replace(NO_VNNI, torch_loaded=True),
         ("torch", NO_VNNI.obstacle), ("torch", "torch is in memory already")),
        ("e5-small", E5_SMALL, replace(LAPTOP, amx=True), ("torch", AMX), NUMPY),
        ("e5-small@products=int8", E5_SMALL, replace(LAPTOP, amx=True), COMPILED, COMPILED),
        ("e5-small@products=int8", E5_SMALL, NO_VNNI,
         ("torch", NO_VNNI.obstacle), ("torch", NO_VNNI.obstacle)),
        ("e5-small", E5_SMALL, replace(LAPTOP, gpu=True),
         *[("torch", "there is a GPU")] * 2),
        ("e5-small@products=float", E5_SMALL, LAPTOP, FORMAT, FORMAT),
        ("e5-small@dtype=float32", E5_SMALL, LAPTOP, FORMAT, FORMAT),
        ("e5-small@dtype=bfloat16,products=int8", E5_SMALL, LAPTOP, FORMAT, FORMAT),
        ("e5-small@dtype=float32,products=int8", E5_SMALL, LAPTOP, COMPILED, COMPILED),
        ("e5-small@weights=int8", replace(E5_SMALL, int8_weights=True), LAPTOP, FORMAT, FORMAT),
        ("own", replace(E5_SMALL, name="own"), LAPTOP, OWN_UNMEASURED, NUMPY),
        ("own", replace(E5_SMALL, add_bos=None), LAPTOP,
         *[("torch", "its tokeniser is read by transformers, which needs torch")] * 2),
        ("nemotron-8b", NEMOTRON_8B, LAPTOP,
         *[("torch", "only a plain BERT runs without torch")] * 2),
    ],
)  # fmt: skip
def test_what_computes_is_chosen_by_rule(
    name: str, spec: EncoderSpec, facts: EngineFacts, many: tuple[str, str], one: tuple[str, str]
) -> None:
    asked = parse_name(name)
    found = [
        choose_engine(spec, asked, facts, one_question=one_question)
        for one_question in (False, True)
    ]
    assert [(choice.name, choice.reason) for choice in found] == [many, one]


def test_weights_that_numpy_cannot_take_are_no_question_of_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are computed by torch, which is told with the reason that holds."""
    folder = save_tiny(TINY_BERT, tmp_path)
    file = folder / "model.safetensors"
    save_file({name: weight.half() for name, weight in load_file(file).items()}, file)
    monkeypatch.setattr(EngineFacts, "here", lambda gpu: replace(LAPTOP, gpu=gpu))
    encoder = _computed(TINY_BERT, folder, parse_name("tiny-bert"), one_question=True)
    told = encoder.choice.reason
    assert "NumPy is done" not in told
    assert encoder.choice.device != "cpu" or "; in torch, as it is no plain BERT in float32" in told


def test_facts_of_this_machine_are_looked_up() -> None:
    import torch

    facts, found = EngineFacts.here(gpu=False), torch.cpu.get_capabilities()
    assert facts.torch_loaded
    assert facts.amx == bool(found.get("amx_bf16"))
    if facts.obstacle is None:
        assert found["avx512_vnni"]
