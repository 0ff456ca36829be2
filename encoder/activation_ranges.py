"""How large the numbers inside a model get on ordinary text: measured once, shipped as numbers.

benchmarks/fit_activation_ranges.py measured them. They are needed to run matrix products on 8-bit
integers (encoder/int8_weights.py), and belong to the weights they were measured on.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from encoder.spec import Vectors

FOLDER = Path(__file__).parent / "ranges"
# The full-precision weights that e5-small's were made from compute nearly the same numbers.
_FILES = {"e5-small": "e5-small.npz", "intfloat/multilingual-e5-small": "e5-small.npz"}
_ARRAYS = ("into_qkv", "attended", "into_widen", "behind_gelu")


@dataclass(frozen=True, slots=True, eq=False)
class LayerRanges:
    """The lowest and highest values in one layer.

    Attributes:
        into_qkv: Shape (2, dim): of each channel before queries, keys and values.
        attended: Shape (2, dim): of each channel of what attention gives.
        into_widen: Shape (2, dim): of each channel before the widening product.
        behind_gelu: Shape (inner,): the highest of each unit behind GELU.
    """

    into_qkv: Vectors
    attended: Vectors
    into_widen: Vectors
    behind_gelu: Vectors


def measured_sizes(ranges: tuple[LayerRanges, ...]) -> tuple[int, int, int]:
    """Of which model: its layers, numbers of a state, and units behind GELU."""
    first = ranges[0]
    return len(ranges), first.into_qkv.shape[1], len(first.behind_gelu)


def save_ranges(ranges: tuple[LayerRanges, ...], path: Path) -> None:
    """Write the numbers of all layers in half precision, as arrays without pickle."""
    arrays: dict[str, Any] = {
        name: np.stack([getattr(layer, name) for layer in ranges]).astype(np.float16)
        for name in _ARRAYS
    }
    np.savez_compressed(path, **arrays)


@cache
def find_ranges(encoder: str) -> tuple[LayerRanges, ...]:
    """The ranges of an encoder, layer by layer; empty if none were measured.

    Args:
        encoder: Its name; options behind "@" do not matter.
    """
    file = _FILES.get(encoder.partition("@")[0])
    if file is None:
        return ()
    with np.load(FOLDER / file, allow_pickle=False) as arrays:
        numbers = [arrays[name].astype(np.float32) for name in _ARRAYS]
    return tuple(LayerRanges(*layer) for layer in zip(*numbers, strict=True))
