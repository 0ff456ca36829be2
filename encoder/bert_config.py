"""What config.json says of a BERT, and whether our own forward passes compute all of it."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


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
        OSError, ValueError: It cannot be read.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if not is_plain(config):
        return None
    return Sizes(**{field.name: config[field.name] for field in fields(Sizes)})


def is_plain(config: dict[str, Any]) -> bool:
    """Tell whether a BERT configuration asks for nothing but what is computed here."""
    return (
        all(field.name in config for field in fields(Sizes))
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
    )
