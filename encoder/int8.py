"""Weights of linear layers rounded to 8 bits, so that an 8B model fits a card of 24 GB."""

from dataclasses import replace
from typing import Any

import torch

from encoder.errors import EncoderNotAvailable
from encoder.forward import Forward
from encoder.hardware import DeviceChoice

# What vectors are compared on after the weights were rounded: ids that every vocabulary has.
PROBE_ROWS = tuple(tuple(range(first, first + 40)) for first in (10, 60, 110, 160))


def with_rounded_weights(model: Any, forward: Forward, choice: DeviceChoice) -> DeviceChoice:
    """Round the weights to 8 bits; the choice then says how near the vectors stay.

    Raises:
        EncoderNotAvailable: torchao is not installed.
    """
    with torch.inference_mode():
        before = forward(PROBE_ROWS)
        round_weights(model)
        cosine = float((before * forward(PROBE_ROWS)).sum(dim=1).min())
    note = f"weights in 8 bits, cosine to {choice.dtype} {cosine:.4f}"
    return replace(choice, reason=f"{choice.reason}; {note}")


def round_weights(model: Any) -> None:
    """Round the weights of all linear layers in place, one scale for each output; torchao does it.

    Raises:
        EncoderNotAvailable: torchao is not installed.
    """
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise EncoderNotAvailable(
            "8-bit weights need the package torchao.",
            "Install it: pip install -c constraints.txt -e '.[int8]'; or leave weights=int8 out.",
        ) from error
    quantize_(model, Int8WeightOnlyConfig())
