"""The model architectures that can be loaded, all by stock transformers code, and how.

None of them runs code that a checkpoint brings along: a checkpoint's own code decides about the
attention mask, and on other versions of transformers than its author's it often decides wrongly.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from encoder.bert_config import check_numbers, read_object
from encoder.errors import EncoderNotAvailable, EncoderRefused
from encoder.hardware import DeviceChoice
from encoder.quiet import quiet_transformers
from encoder.spec import EncoderSpec
from encoder.weights import check_layers, check_places, check_weights, unreadable_weights

# What transformers and torch raise at numbers that make no sense.
_NO_SENSE = (
    OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError,
    AssertionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model class of transformers.

    Attributes:
        package: Its package under transformers.models.
        config_class: Its configuration class.
        model_types: What config.json calls it.
        encoder_only: Attention is bidirectional by design, and there is a pooling layer to leave
            out. Decoders are made bidirectional by their configuration.
        own_direction: The configuration field that makes it bidirectional, where it has its own.
    """

    package: str
    config_class: str
    model_types: tuple[str, ...]
    encoder_only: bool = False
    own_direction: str = ""


ARCHITECTURES = {
    "BertModel": Architecture("bert", "BertConfig", ("bert",), encoder_only=True),
    "XLMRobertaModel": Architecture(
        "xlm_roberta", "XLMRobertaConfig", ("xlm-roberta",), encoder_only=True
    ),
    "RobertaModel": Architecture("roberta", "RobertaConfig", ("roberta",), encoder_only=True),
    "LlamaModel": Architecture("llama", "LlamaConfig", ("llama", "llama_bidirec")),
    "MistralModel": Architecture("mistral", "MistralConfig", ("mistral",)),
    "Ministral3Model": Architecture("ministral3", "Ministral3Config", ("ministral3",)),
    "Qwen2Model": Architecture("qwen2", "Qwen2Config", ("qwen2",)),
    "Qwen3Model": Architecture("qwen3", "Qwen3Config", ("qwen3",)),
    # Its own field also sets the width of the sliding windows, which is_causal would get wrong.
    "Gemma3TextModel": Architecture(
        "gemma3", "Gemma3TextConfig", ("gemma3_text",), own_direction="use_bidirectional_attention"
    ),
}


def load_model(
    spec: EncoderSpec, folder: Path, choice: DeviceChoice, attention: str = "sdpa"
) -> Any:
    """Load the weights of a Hugging Face folder into the model that the spec names.

    Args:
        spec: What the folder should hold.
        folder: Holds config.json and safetensors.
        choice: Device and number format.
        attention: Name of the attention implementation, as transformers knows it.

    Raises:
        EncoderNotAvailable: A file is missing or cannot be read.
        EncoderRefused: The files are not those of the model that the spec describes.
    """
    import torch  # takes seconds: a search from the shell reads the table above and needs no model
    from huggingface_hub.errors import StrictDataclassError

    if not any(folder.glob("*.safetensors")):
        raise EncoderNotAvailable(
            f"{folder} holds no weights as safetensors; pickled ones are never opened.",
            "Convert them where you trust them; docs/models.md says how.",
        )
    with quiet_transformers():
        architecture, config_class, model_class = _classes(spec.model_class)
    try:
        with quiet_transformers():
            config = _read_config(config_class, folder)
            set_direction(spec, config)
            model, found = model_class.from_pretrained(
                folder,
                config=config,
                output_loading_info=True,
                dtype=getattr(torch, choice.dtype),  # else a float32 file would stay float32
                attn_implementation=attention,
                local_files_only=True,
                use_safetensors=True,  # never a pickle
                **({"add_pooling_layer": False} if architecture.encoder_only else {}),
            )
    except (*_NO_SENSE, SafetensorError, StrictDataclassError) as error:
        raise unreadable_weights(spec, folder, error) from error
    missing = [*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])]
    check_weights(spec, folder, config.hidden_size, missing)
    check_layers(spec, folder, config.num_hidden_layers, found["unexpected_keys"])
    if architecture.encoder_only:
        padding = int(config.pad_token_id) + 1 if "roberta" in config.model_type else 0
        places = model.embeddings.position_embeddings.num_embeddings
        check_places(spec, folder, places - padding)
    return model.eval().to(choice.device)


def _read_config(config_class: Any, folder: Path) -> Any:
    """Read config.json without the code it may name; AutoConfig would ask to run that code."""
    data = read_object(folder / "config.json")
    check_numbers(data)
    for key in ("model_type", "auto_map", "architectures"):  # llama_bidirec is a Llama to us
        data.pop(key, None)
    return config_class.from_dict(data)


def set_direction(spec: EncoderSpec, config: Any) -> None:
    """Make attention look the way the spec says.

    Raises:
        EncoderRefused: The configuration contradicts the spec in a field that is not ours to set.
    """
    config.use_cache = False
    own = ARCHITECTURES[spec.model_class].own_direction
    if own:
        if bool(getattr(config, own)) == spec.is_causal:
            raise EncoderRefused(
                f"config.json says {own}: {getattr(config, own)}; {spec.name} needs the opposite.",
                "Use the unchanged files of the model.",
            )
        return
    config.is_causal = spec.is_causal  # transformers >= 5.2 makes attention obey this
    if not spec.is_causal and (getattr(config, "sliding_window", None) or 1 << 30) < 1 << 20:
        raise EncoderRefused(
            f"{spec.name} has bidirectional attention in sliding windows; how wide they are to "
            "either side is not known.",
            "Use another encoder: python -m encoder list",
        )


def build_model(spec: EncoderSpec, config: Any, attention: str = "sdpa") -> Any:
    """Make the model with random weights, on the default device: to measure, never to search."""
    architecture, _, model_class = _classes(spec.model_class)
    set_direction(spec, config)
    config._attn_implementation = attention
    options = {"add_pooling_layer": False} if architecture.encoder_only else {}
    return model_class(config, **options).eval()


def config_class_of(model_class: str) -> Any:
    """Return the configuration class that belongs to a model class."""
    return _classes(model_class)[1]


def _classes(model_class: str) -> tuple[Architecture, Any, Any]:
    """Import only the one architecture that is needed: the whole of transformers takes seconds."""
    architecture = ARCHITECTURES[model_class]
    package = import_module(f"transformers.models.{architecture.package}")
    return architecture, getattr(package, architecture.config_class), getattr(package, model_class)
