"""Weights of linear layers rounded to 8 bits, so that an 8B model fits a card of 24 GB."""

from typing import Any

from encoder.errors import EncoderNotAvailable


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
