"""What is said of files that hold no weights, or those of another model."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.spec import EncoderSpec

_MOST_CHARS = 240


def unreadable_weights(spec: EncoderSpec, folder: Path, error: Exception) -> EncoderNotAvailable:
    """Say that the files of a folder are missing or damaged."""
    return EncoderNotAvailable(
        f"The weights of {spec.name} cannot be read from {folder}: {told(error)}.", anew(spec)
    )


def told(error: Exception) -> str:
    """What an error of a library says, on one line and not too long."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."


def anew(spec: EncoderSpec) -> str:
    """What to do about a folder whose files are damaged."""
    if spec.weights == "folder":
        return "Copy the model's files there anew; docs/models.md says which are read."
    return "Delete that folder and try again; it is made or downloaded anew."


def not_numbers(spec: EncoderSpec) -> EncoderRefused:
    """Say that some of the weights are infinite, no numbers, or all zero."""
    return EncoderRefused(
        f"The weights of {spec.name} are damaged: what it computes is not a number.", anew(spec)
    )


class TensorMissing(Exception):
    """A tensor is not in a file, or of another shape than config.json says.

    It ends the reading at once: room for tensors as large as a config.json may claim would fill any
    memory.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def lacks_weights(spec: EncoderSpec, folder: Path, missing: Sequence[str]) -> EncoderRefused:
    """Say which weights are not there, or of another shape."""
    return EncoderRefused(
        f"{folder} lacks weights of {spec.name}: {sorted(missing)[:3]} and more.", anew(spec)
    )


def check_weights(spec: EncoderSpec, folder: Path, hidden_size: int, missing: list[str]) -> None:
    """Refuse a folder whose weights are not all there, or are those of another model.

    Raises:
        EncoderRefused: Tensors are missing or of other shapes, or the vectors of another length.
    """
    if missing:  # these would be random numbers
        raise lacks_weights(spec, folder, missing)
    check_width(spec, folder, hidden_size)


def check_width(spec: EncoderSpec, folder: Path, hidden_size: int) -> None:
    """Refuse a model whose vectors are of another length.

    Raises:
        EncoderRefused: They are.
    """
    # With a dense head the vector's length is that of the last layer, which the head checks.
    if not spec.dense_head and hidden_size != spec.model_dim:
        raise EncoderRefused(
            f"{folder} holds a model of {hidden_size} dimensions; {spec.name} has "
            f"{spec.model_dim}.",
            "Point to the right folder.",
        )


def check_layers(spec: EncoderSpec, folder: Path, layers: int, names: Iterable[str]) -> None:
    """Refuse weights of more layers than config.json has: the vectors would be of another model.

    Raises:
        EncoderRefused: There are.
    """
    further = re.compile(rf"(^|\.)layers?\.{layers}\.")
    if any(map(further.search, names)):
        raise EncoderRefused(
            f"{folder} holds weights of more layers than the {layers} of its config.json.",
            anew(spec),
        )


def check_places(spec: EncoderSpec, folder: Path, places: int) -> None:
    """Refuse a model that has fewer places than the texts it is said to read have tokens.

    Raises:
        EncoderRefused: It has.
    """
    if places < spec.max_tokens:
        raise EncoderRefused(
            f"{folder} holds a model for texts of {places} tokens; {spec.name} reads up to "
            f"{spec.max_tokens}.",
            anew(spec),
        )


def check_vocabulary(spec: EncoderSpec, folder: Path, known: int, tokens: int) -> None:
    """Refuse a tokeniser that has tokens which the model does not know.

    Args:
        spec: The encoder.
        folder: Its files.
        known: Rows of the model's table of tokens.
        tokens: Tokens of its tokeniser.

    Raises:
        EncoderRefused: It has.
    """
    if tokens > known:
        raise EncoderRefused(
            f"The tokeniser in {folder} has {tokens} tokens, and the weights of {spec.name} "
            f"know {known}.",
            anew(spec),
        )
