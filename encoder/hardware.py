"""Which device and which number format, each with the reason for the choice."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from encoder.errors import UsageError
from encoder.spec import DtypeName, ProductsName

# What the drivers of NVIDIA, of Windows' own Linux and of AMD put there.
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where the encoder runs and why.

    Attributes:
        device: As torch names it.
        dtype: The number format.
        reason: A sentence.
        products: What the user wants matrix products on a processor to run on; None leaves it to
            the rule.
    """

    device: str
    dtype: DtypeName
    reason: str
    products: ProductsName | None = None


@runtime_checkable
class OnThisMachine(Protocol):
    """An encoder that runs here, and not on a server."""

    @property
    def choice(self) -> DeviceChoice:
        """Where it runs, in which number format, and why."""
        ...


@dataclass(frozen=True, slots=True)
class ProductsChoice:
    """What matrix products on a processor run on, and why."""

    name: ProductsName
    reason: str


def may_have_gpu() -> bool:
    """Tell whether torch may find a GPU, without importing it: False is certain, True is not."""
    if sys.platform == "darwin":
        return False
    return sys.platform != "linux" or any(Path(device).exists() for device in _GPU_DEVICES)


def has_gpu() -> bool:
    """Tell whether torch finds a GPU; it is only imported where there may be one."""
    if not may_have_gpu():
        return False
    import torch

    return bool(torch.cuda.is_available())


def runs_on(choice: DeviceChoice) -> str:
    """The device, the numbers it computes with, and why."""
    device = "the processor" if choice.device == "cpu" else choice.device
    if choice.products == "int8":
        numbers = f"matrix products in 8-bit integers, everything else in {choice.dtype}"
    else:
        numbers = f"everything in {choice.dtype}"
    return f"{device}, {numbers} ({choice.reason})"


def cpu_has_bf16(facts: Mapping[str, object] | None = None) -> bool:
    """Tell whether this processor multiplies bfloat16 matrices natively, by torch's facts of it."""
    facts = _capabilities() if facts is None else facts
    return bool(facts.get("avx512_bf16") or facts.get("amx_bf16") or facts.get("bf16"))


def _capabilities() -> Mapping[str, Any]:
    import torch  # takes seconds: only for whoever asks

    return torch.cpu.get_capabilities()


def _gpu_has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def cpu_has_vnni(facts: Mapping[str, object] | None = None) -> bool:
    """Tell whether this processor multiplies 8-bit integers without losing carries.

    Older ones add pairs of products in 16 bits, which overflow.

    Args:
        facts: As `torch.cpu.get_capabilities` gives them; looked up where they are not given.
    """
    facts = _capabilities() if facts is None else facts
    return bool(facts.get("avx512_vnni") or facts.get("avx_vnni"))


def choose_products(
    choice: DeviceChoice, *, name: str, ranges: bool, vnni: bool, fault: str | None
) -> ProductsChoice:
    """Choose between products of 8-bit integers and of the dtype's numbers, on a processor.

    Args:
        choice: The processor's dtype, and what the user asked for.
        name: The encoder.
        ranges: Whether the ranges of its inner numbers are known (encoder/activation_ranges.py).
        vnni: Whether the processor has VNNI instructions.
        fault: What is wrong with torch's 8-bit kernels here, if anything is.

    Raises:
        UsageError: The user asked for 8-bit products, and they are not possible.
    """
    if choice.products == "float":
        return ProductsChoice("float", f"matrix products in {choice.dtype}")
    obstacle = None
    if not ranges:
        obstacle = f"8-bit products need inner ranges, and none were measured for {name}"
    elif not vnni:
        obstacle = "8-bit products need a processor with VNNI instructions"
    elif fault:
        obstacle = f"8-bit products do not work with this torch: {fault}"
    if choice.products == "int8":
        if obstacle:
            raise UsageError(f"{obstacle}.", "Leave products=int8 out of the encoder's name.")
        return ProductsChoice("int8", "8-bit products were asked for")
    if obstacle:
        return ProductsChoice("float", obstacle)
    if choice.dtype == "bfloat16":
        # 8-bit products have at best twice the rate, and what surrounds them costs more.
        return ProductsChoice("float", "8-bit products were not measured beside bfloat16")
    return ProductsChoice("int8", "8-bit products, as the processor has VNNI instructions")


def choose_device(
    asked: DtypeName | None = None,
    products: ProductsName | None = None,
    *,
    cuda: bool | None = None,
    cuda_bf16: bool | None = None,
    cpu_bf16: bool | None = None,
) -> DeviceChoice:
    """Choose the device and dtype; the facts are looked up where they are not given.

    Args:
        asked: The number format that the user wants.
        products: What matrix products on a processor shall run on.
        cuda, cuda_bf16, cpu_bf16: Whether there is a GPU, and what has bfloat16.

    Raises:
        UsageError: The user asked for 8-bit products beside another number format than float32.
    """
    gpu = has_gpu() if cuda is None else cuda
    device, found = ("cuda", "a CUDA GPU is there") if gpu else ("cpu", "no CUDA GPU")
    if products == "int8" and asked not in (None, "float32"):
        raise UsageError(
            f"8-bit products need everything else in float32, and {asked} was asked for.",
            "Leave products=int8 or dtype out of the encoder's name.",
        )
    if asked is not None:  # with a format of its own, also for products
        reason = f"{found}; {asked} was asked for"
        return DeviceChoice(device, asked, reason, products or "float")
    if gpu:
        if _gpu_has_bf16() if cuda_bf16 is None else cuda_bf16:
            return DeviceChoice("cuda", "bfloat16", "a CUDA GPU with bfloat16 is there", products)
        return DeviceChoice(
            "cuda", "float32", "a CUDA GPU is there, but it has no bfloat16", products
        )
    if products == "int8":
        return DeviceChoice("cpu", "float32", found, products)
    if cpu_has_bf16() if cpu_bf16 is None else cpu_bf16:
        return DeviceChoice("cpu", "bfloat16", "no CUDA GPU; the processor has bfloat16", products)
    return DeviceChoice(
        "cpu", "float32", "no CUDA GPU; the processor has no native bfloat16", products
    )
