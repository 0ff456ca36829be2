"""Tiny checkpoints of real architectures, made on the spot with random weights.

Each is published as its original is: configuration, weights, tokeniser and sentence-transformers
files, so that sentence-transformers reads the same folder.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from encoder import families
from encoder.architectures import ARCHITECTURES, build_model, config_class_of
from encoder.hardware import DeviceChoice
from encoder.quiet import quiet_transformers
from encoder.registry import E5_SMALL, NEMOTRON_8B
from encoder.spec import EncoderSpec

FLOAT32 = DeviceChoice("cpu", "float32", "a test")
DIM, VOCABULARY, WINDOW = 64, 300, 12


def tiny(spec: EncoderSpec, name: str) -> EncoderSpec:
    """The same encoder with 64 dimensions and 64 tokens."""
    return replace(
        spec, name=name, dim=DIM, max_tokens=64, shorter_dims=(16,), any_dim_from=0, weights="hub"
    )


TINY_BERT = tiny(E5_SMALL, "tiny-bert")
TINY_NEMOTRON = tiny(NEMOTRON_8B, "tiny-nemotron")
TINY_SPECS = (
    TINY_BERT,
    TINY_NEMOTRON,
    tiny(families.E5_LARGE, "tiny-e5-large"),
    tiny(families.BGE_M3, "tiny-bge-m3"),
    tiny(families.LLAMA_NEMOTRON_1B, "tiny-nemotron-1b"),
    tiny(families.NEMOTRON_3_8B, "tiny-nemotron-3"),
    tiny(families.QWEN3_8B, "tiny-qwen3"),
    tiny(families.GTE_QWEN2_7B, "tiny-gte-qwen2"),
    tiny(families.LINQ_MISTRAL, "tiny-linq-mistral"),
    tiny(families.EMBEDDING_GEMMA, "tiny-embedding-gemma"),
    tiny(families.HARRIER_270M, "tiny-harrier"),
    tiny(families.KALM_MINI_V2_5, "tiny-kalm"),
    tiny(families.KALM_MINI_V1, "tiny-kalm-v1"),
)

_SIZES: dict[str, Any] = {
    "hidden_size": DIM, "num_hidden_layers": 2, "vocab_size": VOCABULARY, "intermediate_size": 96,
}  # fmt: skip
_ENCODER = _SIZES | {"num_attention_heads": 4, "max_position_embeddings": 66}
_DECODER = _SIZES | {
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 1024,
}  # fmt: skip
_LLAMA3_ROPE = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128, "rope_theta": 500000.0,
}  # fmt: skip
_YARN = {
    "rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 16,
    "max_position_embeddings": 256, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0,
    "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1, "rope_theta": 1000000.0,
}  # fmt: skip
_CONFIGS: dict[str, dict[str, Any]] = {
    "BertModel": _ENCODER,
    "XLMRobertaModel": _ENCODER | {"pad_token_id": 1, "type_vocab_size": 1},
    "LlamaModel": _DECODER | {"rope_parameters": _LLAMA3_ROPE},
    "MistralModel": _DECODER | {"sliding_window": WINDOW},
    "Ministral3Model": _DECODER | {"rope_parameters": _YARN, "sliding_window": None},
    "Qwen2Model": _DECODER,
    "Qwen3Model": _DECODER,
    # Every second layer sees a window only, 12 tokens to either side.
    "Gemma3TextModel": _DECODER
    | {
        "sliding_window": 2 * WINDOW, "query_pre_attn_scalar": 16,
        "layer_types": ["sliding_attention", "full_attention"],
    },
}  # fmt: skip


def save_tiny(spec: EncoderSpec, folder: Path) -> Path:
    """Write a tiny model of the spec's architecture into the folder, and return the folder."""
    torch.manual_seed(7)
    options = dict(_CONFIGS[spec.model_class])
    if own := ARCHITECTURES[spec.model_class].own_direction:
        options[own] = not spec.is_causal
    with quiet_transformers():
        model = build_model(spec, config_class_of(spec.model_class)(**options))
    with torch.no_grad():  # norms that start at one would hide a forgotten one
        for name, weight in model.named_parameters():
            if "norm" in name.lower():
                weight.add_(torch.randn_like(weight) * 0.3)
            elif "bias" in name:
                weight.normal_(std=0.3)
            else:  # as wide as in a trained model, so that attention is far from uniform
                weight.normal_(std=0.2)
    with quiet_transformers():
        model.save_pretrained(folder)
    if spec.model_class == "LlamaModel":
        _publish_as_remote_code(folder)
    _save_tokenizer(spec, folder)
    _save_modules(spec, folder)
    return folder


def _publish_as_remote_code(folder: Path) -> None:
    """Make the config name its own type and code, as the published checkpoint does."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model_type"] = "llama_bidirec"
    config["architectures"] = ["LlamaBidirectionalModel"]
    config["auto_map"] = {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"}
    config["pooling"] = "avg"
    del config["is_causal"]
    path.write_text(json.dumps(config))


def _save_tokenizer(spec: EncoderSpec, folder: Path) -> None:
    """One token for each byte: 0 starts, 1 pads, 2 ends, byte b is the token b + 3."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2} | {ch: i + 3 for i, ch in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    start = "" if spec.add_bos is False else "<s> "
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start}$A" if spec.add_eos is False else f"{start}$A </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "pad_token": "<pad>", "model_max_length": spec.max_tokens,
        "padding_side": "left" if spec.pooling == "last_token" else "right",
    })  # fmt: skip


def _save_modules(spec: EncoderSpec, folder: Path) -> None:
    """The files of sentence-transformers, in the form that it writes itself."""
    base = "sentence_transformers.models"
    kinds = [
        "Transformer",
        "Pooling",
        *(["Dense", "Dense"] if spec.dense_head else []),
        "Normalize",
    ]
    paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(kinds) if i)]
    _write(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"{base}.{kind}"}
        for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ])  # fmt: skip
    for path in paths[1:]:
        (folder / path).mkdir(exist_ok=True)
    _write(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": DIM, "include_prompt": True,
        f"pooling_mode_{_old_name(spec)}": True,
    })  # fmt: skip
    _write(folder / paths[-1] / "config.json", {})
    if spec.dense_head:
        _save_dense(folder / "2_Dense", DIM, 2 * DIM)
        _save_dense(folder / "3_Dense", 2 * DIM, DIM)
    query = spec.query_template.replace("{task}", spec.default_task).removesuffix("{query}")
    _write(folder / "config_sentence_transformers.json", {
        "prompts": {"query": query, "document": spec.passage_template.removesuffix("{passage}")},
        "similarity_fn_name": "cosine",
    })  # fmt: skip


def _old_name(spec: EncoderSpec) -> str:
    return {"mean": "mean_tokens", "cls": "cls_token", "last_token": "lasttoken"}[spec.pooling]


def _save_dense(folder: Path, size_in: int, size_out: int) -> None:
    _write(folder / "config.json", {
        "in_features": size_in, "out_features": size_out, "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity",
    })  # fmt: skip
    weight = torch.randn(size_out, size_in) * size_in**-0.5
    save_file({"linear.weight": weight}, folder / "model.safetensors")


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data))
