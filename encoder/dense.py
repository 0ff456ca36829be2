"""The linear layers that some models have between pooling and the vector."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.spec import EncoderSpec

_ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    "torch.nn.modules.linear.Identity": torch.nn.Identity,
    "torch.nn.modules.activation.Tanh": torch.nn.Tanh,
}


def dense_folders(folder: Path) -> tuple[Path, ...]:
    """The folders of the Dense modules that modules.json lists, in order.

    Raises:
        EncoderNotAvailable: modules.json cannot be read.
    """
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
        return tuple(
            folder / module["path"] for module in modules if module["type"].endswith(".Dense")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderNotAvailable(
            f"The list of layers cannot be read from {folder / 'modules.json'}: {error}.",
            "Delete that folder and try again; it is downloaded anew.",
        ) from error


def load_dense(spec: EncoderSpec, folder: Path, device: str) -> torch.nn.Sequential:
    """Load the Dense modules of a sentence-transformers folder; float32, like the pooling.

    Raises:
        EncoderNotAvailable: A file is missing or cannot be read.
        EncoderRefused: A layer is of a kind that is not known here.
    """
    layers: list[torch.nn.Module] = []
    for path in dense_folders(folder):
        layers += _layer(spec, path)
    if not layers or layers[-2].out_features != spec.model_dim:
        raise EncoderRefused(
            f"The linear layers in {folder} do not end in {spec.model_dim} dimensions.",
            "Use the unchanged files of the model.",
        )
    return torch.nn.Sequential(*layers).eval().to(device)


def _layer(spec: EncoderSpec, path: Path) -> tuple[torch.nn.Linear, torch.nn.Module]:
    try:
        config = json.loads((path / "config.json").read_text("utf-8"))
        weights = load_file(path / "model.safetensors")
        linear = torch.nn.Linear(
            config["in_features"], config["out_features"], bias=config["bias"], dtype=torch.float32
        )
        linear.load_state_dict(
            {name.removeprefix("linear."): value.float() for name, value in weights.items()}
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EncoderNotAvailable(
            f"A linear layer of {spec.name} cannot be read from {path}: {error}.",
            "Delete that folder and try again; it is downloaded anew.",
        ) from error
    named = config.get("activation_function")
    if named not in _ACTIVATIONS:
        raise EncoderRefused(
            f"{spec.name} has a linear layer with the activation {named}, which is not known here.",
            "Use another encoder: python -m encoder list",
        )
    return linear, _ACTIVATIONS[named]()
