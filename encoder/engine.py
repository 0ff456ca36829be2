"""What computes an encoder's vectors in this process: layers compiled here, NumPy, or torch."""

import sys
from dataclasses import dataclass
from typing import Literal

from encoder.activation_ranges import find_ranges
from encoder.kernels.layer import UNFIT, features, obstacle
from encoder.naming import EncoderName
from encoder.spec import EncoderSpec


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What computes the vectors, and why."""

    name: Literal["compiled", "numpy", "torch"]
    reason: str


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the choice hangs on.

    Attributes:
        gpu: Whether there is one that torch can use.
        obstacle: What forbids layers that are compiled here, if anything does.
        amx: Whether the processor multiplies bfloat16 by tiles (AMX).
        torch_loaded: Whether torch has been imported already.
    """

    gpu: bool
    obstacle: str | None
    amx: bool
    torch_loaded: bool

    @classmethod
    def here(cls, *, gpu: bool) -> "EngineFacts":
        """Look them up."""
        found = obstacle()
        try:
            amx = bool(features().get("amx-bf16"))
        except UNFIT:
            amx = False
        return cls(gpu, found, amx, "torch" in sys.modules)


def choose_engine(
    spec: EncoderSpec, asked: EncoderName, facts: EngineFacts, *, one_question: bool = False
) -> EngineChoice:
    """Choose what computes an encoder's vectors.

    Args:
        spec: The encoder.
        asked: What the user wants of it.
        facts: What the machine has.
        one_question: It is to encode one question, and then goes.
    """
    if facts.gpu:
        return EngineChoice("torch", "there is a GPU")
    if spec.model_class != "BertModel" or spec.dense_head:
        return EngineChoice("torch", "only a plain BERT runs without torch")
    if spec.add_bos is None or spec.add_eos is None:
        return EngineChoice("torch", "its tokeniser is read by transformers, which needs torch")
    around_integers = asked.dtype == "float32" and asked.products == "int8"
    other_format = asked.dtype and not around_integers
    if other_format or asked.products == "float" or spec.int8_weights:
        return EngineChoice("torch", "a number format was asked for")
    forbidden = _no_compiled_layers(spec, asked, facts)
    if forbidden is None:
        return EngineChoice(
            "compiled", "no CUDA GPU; 8-bit products in layers compiled for this processor"
        )
    if not one_question or asked.products:
        return EngineChoice("torch", forbidden)
    if facts.torch_loaded:
        return EngineChoice("torch", "torch is in memory already")
    return EngineChoice("numpy", "for one question NumPy is done before torch is imported")


def _no_compiled_layers(spec: EncoderSpec, asked: EncoderName, facts: EngineFacts) -> str | None:
    """Why compiled layers are not used, if they are not."""
    if not find_ranges(spec.name):
        return f"8-bit products need inner ranges, and none were measured for {spec.name}"
    if facts.amx and not asked.products:
        return "compiled layers were not measured beside AMX's products of bfloat16"
    return facts.obstacle
