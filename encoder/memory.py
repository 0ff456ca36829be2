"""Does a model fit into the memory of this machine, and what can be done if it does not."""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from encoder.errors import EncoderNotAvailable
from encoder.hardware import DeviceChoice
from encoder.spec import EncoderSpec

# Texts, activations and the program itself.
BESIDE_WEIGHTS_GB = 1.0
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def count_weights(folder: Path) -> int:
    """How many numbers the safetensors of a folder hold; 0 if they cannot be read."""
    numbers = 0
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a dict
                    size = 1
                    for length in file.get_slice(name).get_shape():
                        size *= length
                    numbers += size
        except (OSError, SafetensorError):
            return 0
    return numbers


def check_memory(
    spec: EncoderSpec, numbers: int, choice: DeviceChoice, memory_gb: float | None = None
) -> None:
    """Refuse a model whose weights do not fit, before minutes go into loading it.

    Args:
        spec: The model.
        numbers: How many numbers its weights are.
        choice: Device and number format.
        memory_gb: Memory of the device; looked up if not given.

    Raises:
        EncoderNotAvailable: They do not fit.
    """
    there = _memory_gb(choice.device) if memory_gb is None else memory_gb
    needed = numbers * _BYTES[choice.dtype] / 1e9 + BESIDE_WEIGHTS_GB
    if needed <= there:
        return
    raise EncoderNotAvailable(
        f"{spec.name} needs {needed:.0f} GB in {choice.dtype}; {choice.device} has {there:.0f} GB.",
        _ways_out(spec, numbers, choice),
    )


def _ways_out(spec: EncoderSpec, numbers: int, choice: DeviceChoice) -> str:
    ways = []
    if choice.dtype == "float32":
        half = numbers * 2 / 1e9 + BESIDE_WEIGHTS_GB
        ways.append(f"{half:.0f} GB suffice with --encoder {spec.name}@dtype=bfloat16 (slow here)")
    if choice.device.startswith("cuda"):
        ways.append("hide the GPU (CUDA_VISIBLE_DEVICES=) to use the processor's memory")
    ways.append(f"let a server encode: --encoder http://host:8000#{spec.hf_id}")
    first, *others = ways
    return first[0].upper() + "; or ".join([first[1:], *others]) + "."


def _memory_gb(device: str) -> float:
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0]) / 1e9
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
