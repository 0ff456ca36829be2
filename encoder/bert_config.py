"""What config.json says of a BERT, and whether our own forward passes compute all of it."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

# Far above any model that is known, and far below what would fill a memory.
_MOST = {
    "num_hidden_layers": 1_000,
    "num_attention_heads": 65_536,
    "hidden_size": 65_536,
    "intermediate_size": 1_048_576,
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The part of config.json that shapes the computation, named as it is there."""

    num_hidden_layers: int
    num_attention_heads: int
    hidden_size: int
    intermediate_size: int
    layer_norm_eps: float


def read_sizes(folder: Path) -> Sizes | None:
    """Read config.json; None for a BERT that is not plain.

    Raises:
        OSError, ValueError: It cannot be read, or what it says makes no sense.
    """
    config = read_object(folder / "config.json")
    if not is_plain(config):
        return None
    check_numbers(config)
    sizes = Sizes(**{field.name: config[field.name] for field in fields(Sizes)})
    if type(sizes.layer_norm_eps) not in (int, float) or not 0 <= sizes.layer_norm_eps <= 1:
        raise ValueError(f"config.json says layer_norm_eps: {shown(sizes.layer_norm_eps)}")
    return sizes


def check_numbers(config: dict[str, Any]) -> None:
    """See that the sizes in a config.json of whatever model can be those of one.

    Raises:
        ValueError: They cannot.
    """
    for name, most in _MOST.items():
        number = config.get(name, 1)
        if type(number) is not int or not 1 <= number <= most:
            raise ValueError(f"config.json says {name}: {shown(number)}")
    hidden, heads = config.get("hidden_size", 1), config.get("num_attention_heads", 1)
    if hidden % heads and "head_dim" not in config:
        raise ValueError(
            f"config.json says hidden_size: {hidden}, which {heads} heads cannot share"
        )


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        OSError, ValueError: It cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is not an object")
    return found


def shown(value: object) -> str:
    """A value out of such a file, short enough for a message."""
    try:
        text = json.dumps(value)
    except ValueError:  # so many digits are not turned into text
        return "a number that is too long"
    return text if len(text) <= 40 else f"{text[:40]}..."


def is_plain(config: dict[str, Any]) -> bool:
    """Tell whether a BERT configuration asks for nothing but what is computed here."""
    return (
        all(field.name in config for field in fields(Sizes))
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
    )
