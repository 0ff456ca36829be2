"""Tiny checkpoints of real architectures, made on the spot with random weights."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

from encoder.hardware import DeviceChoice
from encoder.registry import E5_SMALL, NEMOTRON_8B
from encoder.spec import EncoderSpec

FLOAT32 = DeviceChoice("cpu", "float32", "a test")
DIM, VOCABULARY = 64, 300

TINY_BERT = replace(E5_SMALL, name="tiny-bert", dim=DIM, max_tokens=64)
TINY_NEMOTRON = replace(NEMOTRON_8B, name="tiny-nemotron", dim=DIM, max_tokens=64)


def save_tiny(spec: EncoderSpec, folder: Path) -> Path:
    """Write config, weights and tokeniser of a tiny model of the spec's architecture."""
    torch.manual_seed(7)
    if spec.model_class == "BertModel":
        config = BertConfig(
            hidden_size=DIM, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
            vocab_size=VOCABULARY, max_position_embeddings=64,
        )  # fmt: skip
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    else:
        llama = LlamaConfig(
            hidden_size=DIM, num_hidden_layers=2, num_attention_heads=8, num_key_value_heads=2,
            intermediate_size=96, vocab_size=VOCABULARY, max_position_embeddings=1024,
            rope_parameters={
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 128,
                "rope_theta": 500000.0,
            },
        )  # fmt: skip
        LlamaModel(llama).save_pretrained(folder)
        _publish_as_remote_code(folder)
    tokenizer = _bytes_tokenizer(add_eos=spec.add_eos)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _publish_as_remote_code(folder: Path) -> None:
    """Make the config name its own type and code, as the published checkpoint does."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["model_type"] = "llama_bidirec"
    config["architectures"] = ["LlamaBidirectionalModel"]
    config["auto_map"] = {"AutoModel": "llama_bidirectional_model.LlamaBidirectionalModel"}
    config["pooling"] = "avg"
    path.write_text(json.dumps(config))


def _bytes_tokenizer(*, add_eos: bool) -> Tokenizer:
    """One token for each byte: 0 starts, 1 ends, byte b is the token b + 2."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<s>": 0, "</s>": 1} | {ch: i + 2 for i, ch in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if add_eos else "<s> $A",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )
    return tokenizer
