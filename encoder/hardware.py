"""Which device and which number format, each with the reason for the choice."""

from dataclasses import dataclass

import torch

from encoder.spec import DtypeName


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


def _gpu_has_bf16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def choose_device(
    asked: DtypeName | None = None,
    *,
    cuda: bool | None = None,
    cuda_bf16: bool | None = None,
    cpu_bf16: bool | None = None,
) -> DeviceChoice:
    """Choose the device and dtype; the facts are looked up where they are not given.

    Args:
        asked: The number format that the user wants.
        cuda, cuda_bf16, cpu_bf16: Whether there is a GPU, and what has bfloat16.
    """
    gpu = torch.cuda.is_available() if cuda is None else cuda
    device, found = ("cuda", "a CUDA GPU is there") if gpu else ("cpu", "no CUDA GPU")
    if asked is not None:
        return DeviceChoice(device, asked, f"{found}; {asked} was asked for")
    if gpu:
        if _gpu_has_bf16() if cuda_bf16 is None else cuda_bf16:
            return DeviceChoice("cuda", "bfloat16", "a CUDA GPU with bfloat16 is there")
        return DeviceChoice("cuda", "float32", "a CUDA GPU is there, but it has no bfloat16")
    if cpu_has_bf16() if cpu_bf16 is None else cpu_bf16:
        return DeviceChoice("cpu", "bfloat16", "no CUDA GPU; the processor has bfloat16")
    return DeviceChoice("cpu", "float32", "no CUDA GPU; the processor has no native bfloat16")
