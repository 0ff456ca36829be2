"""What is said of files that hold no weights, or those of another model."""

from pathlib import Path

from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.spec import EncoderSpec


def unreadable_weights(spec: EncoderSpec, folder: Path, error: Exception) -> EncoderNotAvailable:
    """Say that the files of a folder are missing or damaged."""
    return EncoderNotAvailable(
        f"The weights of {spec.name} cannot be read from {folder}: {error}.",
        "Delete that folder and try again; it is made or downloaded anew.",
    )


def check_weights(spec: EncoderSpec, folder: Path, hidden_size: int, missing: list[str]) -> None:
    """Refuse a folder whose weights are not all there, or are those of another model.

    Raises:
        EncoderRefused: Tensors are missing or of other shapes, or the vectors of another length.
    """
    if missing:  # these would be random numbers
        raise EncoderRefused(
            f"{folder} lacks weights of {spec.name}: {sorted(missing)[:3]} and more.",
            "Delete that folder and try again; it is made or downloaded anew.",
        )
    # With a dense head the vector's length is that of the last layer, which the head checks.
    if not spec.dense_head and hidden_size != spec.model_dim:
        raise EncoderRefused(
            f"{folder} holds a model of {hidden_size} dimensions; {spec.name} has "
            f"{spec.model_dim}.",
            "Point to the right folder.",
        )
