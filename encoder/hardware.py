"""Which device and which number format, each with the reason for the choice."""

from dataclasses import dataclass
from typing import Literal

import torch

DtypeName = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where the encoder runs and why: device as torch names it, dtype, and a sentence."""

    device: str
    dtype: DtypeName
    reason: str


def cpu_has_bf16() -> bool:
    """Tell whether this processor multiplies bfloat16 matrices natively."""
    facts = torch.cpu.get_capabilities()
    return bool(facts.get("avx512_bf16") or facts.get("amx_bf16") or facts.get("bf16"))


def choose_device(
    *, cuda: bool | None = None, cuda_bf16: bool | None = None, cpu_bf16: bool | None = None
) -> DeviceChoice:
    """Choose the device and dtype; the facts are looked up where they are not given."""
    if torch.cuda.is_available() if cuda is None else cuda:
        if torch.cuda.is_bf16_supported() if cuda_bf16 is None else cuda_bf16:
            return DeviceChoice("cuda", "bfloat16", "a CUDA GPU with bfloat16 is there")
        return DeviceChoice("cuda", "float32", "a CUDA GPU is there, but it has no bfloat16")
    if cpu_has_bf16() if cpu_bf16 is None else cpu_bf16:
        return DeviceChoice("cpu", "bfloat16", "no CUDA GPU; the processor has bfloat16")
    return DeviceChoice("cpu", "float32", "no CUDA GPU; the processor has no native bfloat16")
