"""How attention is computed, and why so: the one place that knows.

    flash-attn   packed, by the flash-attn package through transformers' own flash_attention_2
    varlen       packed, by the kernel that torch brings along (torch.nn.attention.varlen)
    packed       packed, by scaled_dot_product_attention over each run of equally long texts
    padded       one padded batch with a mask, transformers' own sdpa

Packed means that the texts of a batch stand one after the other in a single row, so that no work
is done on padding; `TextBounds` says where each begins, and attention never crosses a bound. The
functions are registered with transformers' own registry: no model code is copied or changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec as find_module
from inspect import Parameter, signature
from itertools import groupby
from typing import Any, Literal

import torch

AttentionName = Literal["flash-attn", "varlen", "packed", "padded"]

_IMPLEMENTATIONS: dict[AttentionName, str] = {
    "flash-attn": "flash_attention_2",
    "varlen": "crosstongue_varlen",
    "packed": "crosstongue_packed",
    "padded": "sdpa",
}
# The packed kernels of flash-attn and of torch need half precision and Ampere or newer.
KERNEL_CAPABILITY = (8, 0)


@dataclass(frozen=True, slots=True)
class AttentionChoice:
    """How attention is computed, and why, in one sentence for the user."""

    name: AttentionName
    reason: str

    @property
    def implementation(self) -> str:
        """The name under which transformers knows it."""
        return _IMPLEMENTATIONS[self.name]


def choose_attention(
    device: str,
    dtype: str,
    *,
    flash_attn: str | None = None,
    varlen: bool | None = None,
    capability: tuple[int, int] | None = None,
) -> AttentionChoice:
    """Choose by device, number format and what is installed; facts not given are looked up.

    Args:
        device: As torch names it.
        dtype: Number format of the model.
        flash_attn: Why the flash-attn package cannot be used; empty if it can.
        varlen: Whether torch has a packed kernel.
        capability: The GPU's compute capability.
    """
    if not device.startswith("cuda"):
        return AttentionChoice(
            "padded",
            "a processor has no packed kernel, and texts of similar length need little padding",
        )
    if dtype == "float32":
        return AttentionChoice("packed", "the packed kernels of a GPU need half precision")
    able = torch.cuda.get_device_capability(device) if capability is None else capability
    if able < KERNEL_CAPABILITY:
        return AttentionChoice(
            "packed", f"this GPU is older than Ampere (it has {able[0]}.{able[1]})"
        )
    fault = flash_attn_fault() if flash_attn is None else flash_attn
    if not fault:
        return AttentionChoice("flash-attn", "flash-attn is installed")
    if _has_varlen() if varlen is None else varlen:
        return AttentionChoice("varlen", f"{fault}; torch has a packed kernel")
    return AttentionChoice("packed", f"{fault}, and this torch has no packed kernel")


def flash_attn_fault() -> str:
    """Why the flash-attn package cannot be used; empty if it can.

    That something of this name is there says little: flash-attn-4 alone brings the name along
    without these functions, and a build for another torch cannot be loaded.
    """
    if not find_module("flash_attn"):
        return "flash-attn is not installed"
    try:
        from flash_attn import flash_attn_varlen_func  # noqa: F401
    except ImportError as error:
        return f"flash-attn is installed but cannot be used ({str(error).splitlines()[0]})"
    return ""


def _has_varlen() -> bool:
    """Whether torch's kernel is there, and takes windows."""
    if not find_module("torch.nn.attention.varlen"):
        return False
    return {"scale", "window_size"} <= varlen_arguments().keys()


def varlen_arguments() -> Mapping[str, Parameter]:
    """What torch's kernel takes; this differs from version to version."""
    from torch.nn.attention.varlen import varlen_attn

    return signature(varlen_attn).parameters


@dataclass(frozen=True, slots=True)
class TextBounds:
    """Where the texts of a packed row begin and end.

    Attributes:
        lengths: Tokens of each text, in order.
        offsets: int32 on the model's device, shape (texts + 1,): 0 and the end of each text.
    """

    lengths: tuple[int, ...]
    offsets: torch.Tensor

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max(self.lengths)


def register() -> None:
    """Make the packed functions known to transformers; doing so again changes nothing."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    for name, function in (("packed", packed_attention), ("varlen", varlen_attention)):
        implementation = _IMPLEMENTATIONS[name]  # type: ignore[index]
        AttentionInterface.register(implementation, function)
        # The bounds take the place of a mask.
        AttentionMaskInterface.register(implementation, lambda *_, **__: None)


def packed_inputs(name: AttentionName, bounds: TextBounds) -> dict[str, Any]:
    """What a packed function is told, as arguments that transformers hands through to it."""
    if name == "flash-attn":  # the names that transformers' own function reads
        return {
            "cu_seq_lens_q": bounds.offsets,
            "cu_seq_lens_k": bounds.offsets,
            "max_length_q": bounds.longest,
            "max_length_k": bounds.longest,
        }
    return {"text_bounds": bounds}


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    text_bounds: TextBounds,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each text: query (1, heads, tokens, head_dim) to (1, tokens, heads, head_dim).

    Texts of equal length that stand side by side are one call; batches are sorted by length.
    """
    causal = _is_causal(module, is_causal)
    outputs = []
    start = 0
    for length, run in groupby(text_bounds.lengths):
        texts = len(list(run))
        end = start + texts * length
        mask = _window_mask(length, sliding_window, causal=causal, device=query.device)
        q, k, v = (_unpacked(part[:, :, start:end], texts) for part in (query, key, value))
        output = torch.nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            is_causal=causal and mask is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )  # (texts, heads, length, head_dim)
        outputs.append(output.transpose(1, 2).reshape(end - start, *output.shape[1::2]))
        start = end
    return torch.cat(outputs).unsqueeze(0), None


def varlen_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    text_bounds: TextBounds,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Do the same in one call of torch's own kernel; shapes as in `packed_attention`."""
    from torch.nn.attention.varlen import varlen_attn

    causal = _is_causal(module, is_causal)
    reach = -1 if sliding_window is None else sliding_window - 1
    q, k, v = (part[0].transpose(0, 1) for part in (query, key, value))
    grouped: dict[str, Any] = {}
    if query.shape[1] != key.shape[1]:  # heads of the query share heads of key and value
        if "enable_gqa" in varlen_arguments():
            grouped = {"enable_gqa": True}
        else:  # torch 2.11
            share = query.shape[1] // key.shape[1]
            k, v = (part.repeat_interleave(share, dim=1) for part in (k, v))
    output = varlen_attn(  # each (tokens, heads, head_dim)
        q,
        k,
        v,
        text_bounds.offsets,
        text_bounds.offsets,
        text_bounds.longest,
        text_bounds.longest,
        scale=scaling,
        window_size=(reach, 0 if causal else reach),
        **grouped,
    )
    if not isinstance(output, torch.Tensor):  # a pair only where return_aux is set
        output = output[0]
    return output.unsqueeze(0), None


def _is_causal(module: torch.nn.Module, is_causal: bool | None) -> bool:
    # transformers >= 5.2 hands the configuration's is_causal through; the module's own attribute
    # says how the architecture was born.
    return bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)


def _unpacked(part: torch.Tensor, texts: int) -> torch.Tensor:
    """Turn (1, heads, texts * length, head_dim) into (texts, heads, length, head_dim)."""
    _, heads, tokens, head_dim = part.shape
    return part.reshape(heads, texts, tokens // texts, head_dim).transpose(0, 1)


def _window_mask(
    length: int, window: int | None, *, causal: bool, device: torch.device
) -> torch.Tensor | None:
    """A mask of shape (length, length) where the window is narrower than the text, else None."""
    if window is None or length <= window:
        return None
    ahead = torch.arange(length, device=device)
    distance = ahead[:, None] - ahead[None, :]
    return (distance < window) & (distance >= 0 if causal else distance > -window)


def offsets_of(lengths: Sequence[int]) -> torch.Tensor:
    """0 and the end of each text, int32."""
    return torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
