"""What the models compute, written down a second time: plain matrix products in float64.

Nothing here comes from torch or transformers. One text at a time, so there is no padding to get
wrong, and attention has an explicit mask of True and False.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from encoder.spec import EncoderSpec

Matrix = Any  # float64, and True and False for masks; numpy's types would only be in the way
Weights = Callable[[str], Matrix]


def reference_vector(folder: Path, spec: EncoderSpec, ids: list[int]) -> Matrix:
    """The unit vector of one text, given its token ids: shape (dim,)."""
    states = reference_states(folder, spec, ids)
    pooled = {"mean": states.mean(axis=0), "cls": states[0], "last_token": states[-1]}[spec.pooling]
    if spec.dense_head:
        for name in ("2_Dense", "3_Dense"):
            pooled = _weights(folder / name)("linear.weight") @ pooled
    cut = pooled[: spec.dim]
    return cut / np.sqrt(cut @ cut)


def reference_states(folder: Path, spec: EncoderSpec, ids: list[int]) -> Matrix:
    """The states of one text's tokens: shape (tokens, hidden)."""
    config = json.loads((folder / "config.json").read_text())
    weights = _weights(folder)
    if spec.model_class in ("BertModel", "XLMRobertaModel"):
        return _encoder(config, weights, ids)
    return _decoder(config, weights, ids, spec)


def _weights(folder: Path) -> Weights:
    tensors = load_file(folder / "model.safetensors")
    return lambda name: tensors[name].astype(np.float64)


def _encoder(config: dict[str, Any], w: Weights, ids: list[int]) -> Matrix:
    roberta = config["model_type"] == "xlm-roberta"
    first = config["pad_token_id"] + 1 if roberta else 0
    eps = config["layer_norm_eps"]

    def norm(x: Matrix, name: str) -> Matrix:
        x = x - x.mean(axis=1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
        return x * w(f"{name}.weight") + w(f"{name}.bias")

    def linear(x: Matrix, name: str) -> Matrix:
        return x @ w(f"{name}.weight").T + w(f"{name}.bias")

    x = w("embeddings.word_embeddings.weight")[ids]
    x = x + w("embeddings.position_embeddings.weight")[first : first + len(ids)]
    x = norm(x + w("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
    everything = np.ones((len(ids), len(ids)), bool)
    heads = config["num_attention_heads"]
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        q, k, v = (
            _heads(linear(x, f"{layer}.attention.self.{part}"), heads)
            for part in ("query", "key", "value")
        )
        seen = _attend(q, k, v, everything, q.shape[2] ** -0.5)
        x = norm(x + linear(seen, f"{layer}.attention.output.dense"),
                 f"{layer}.attention.output.LayerNorm")  # fmt: skip
        wide = linear(x, f"{layer}.intermediate.dense")
        erf = np.vectorize(math.erf)(wide / math.sqrt(2))
        x = norm(x + linear(wide * (1 + erf) / 2, f"{layer}.output.dense"),
                 f"{layer}.output.LayerNorm")  # fmt: skip
    return x


def _decoder(config: dict[str, Any], w: Weights, ids: list[int], spec: EncoderSpec) -> Matrix:
    gemma = spec.model_class == "Gemma3TextModel"
    eps = config["rms_norm_eps"]

    def norm(x: Matrix, name: str) -> Matrix:
        scale = w(f"{name}.weight") + (1 if gemma else 0)
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * scale

    def linear(x: Matrix, name: str) -> Matrix:
        x = x @ w(f"{name}.weight").T
        biased = spec.model_class == "Qwen2Model" and name[-6:] in ("q_proj", "k_proj", "v_proj")
        return x + w(f"{name}.bias") if biased else x

    x = w("embed_tokens.weight")[ids] * (math.sqrt(config["hidden_size"]) if gemma else 1)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    scale = config["query_pre_attn_scalar"] ** -0.5 if gemma else config["head_dim"] ** -0.5
    for i in range(config["num_hidden_layers"]):
        layer = f"layers.{i}"
        kind = config["layer_types"][i] if gemma else ""
        normed = norm(x, f"{layer}.input_layernorm")
        q = _heads(linear(normed, f"{layer}.self_attn.q_proj"), heads)
        k = _heads(linear(normed, f"{layer}.self_attn.k_proj"), kv_heads)
        v = _heads(linear(normed, f"{layer}.self_attn.v_proj"), kv_heads)
        if gemma or spec.model_class == "Qwen3Model":
            q = norm(q, f"{layer}.self_attn.q_norm")
            k = norm(k, f"{layer}.self_attn.k_norm")
        rope = config["rope_parameters"]
        q, k = (_rotate(part, rope[kind] if gemma else rope) for part in (q, k))
        q = q * _position_scale(len(ids), rope)
        k, v = (np.repeat(part, heads // kv_heads, axis=0) for part in (k, v))
        seen = _attend(q, k, v, _mask(len(ids), config, kind, spec), scale)
        seen = linear(seen, f"{layer}.self_attn.o_proj")
        x = x + (norm(seen, f"{layer}.post_attention_layernorm") if gemma else seen)
        before = "pre_feedforward_layernorm" if gemma else "post_attention_layernorm"
        wide = norm(x, f"{layer}.{before}")
        gate = linear(wide, f"{layer}.mlp.gate_proj")
        act = _gelu_tanh(gate) if gemma else gate / (1 + np.exp(-gate))
        out = linear(act * linear(wide, f"{layer}.mlp.up_proj"), f"{layer}.mlp.down_proj")
        x = x + (norm(out, f"{layer}.post_feedforward_layernorm") if gemma else out)
    return norm(x, "norm")


def _mask(tokens: int, config: dict[str, Any], kind: str, spec: EncoderSpec) -> Matrix:
    """True where a token (row) sees another (column)."""
    distance = np.arange(tokens)[:, None] - np.arange(tokens)[None, :]
    seen = distance >= 0 if spec.is_causal else np.ones((tokens, tokens), bool)
    if spec.model_class == "Gemma3TextModel":
        window = config["sliding_window"] if kind == "sliding_attention" else None
        if window and not spec.is_causal:  # the window is both sides together
            return seen & (abs(distance) <= window // 2)
    else:
        window = config.get("sliding_window") if spec.model_class == "MistralModel" else None
    return seen & (distance < window) if window else seen


def _attend(q: Matrix, k: Matrix, v: Matrix, mask: Matrix, scale: float) -> Matrix:
    """Attention of (heads, tokens, head_dim) to (tokens, heads * head_dim)."""
    scores = np.where(mask, q @ k.transpose(0, 2, 1) * scale, -np.inf)
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    seen = (shares / shares.sum(axis=2, keepdims=True)) @ v
    return seen.transpose(1, 0, 2).reshape(len(mask), -1)


def _heads(x: Matrix, heads: int) -> Matrix:
    """(tokens, heads * head_dim) to (heads, tokens, head_dim)."""
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)


def _rotate(x: Matrix, rope: dict[str, Any]) -> Matrix:
    """Rotary positions, the two halves of a head forming the pairs."""
    half = x.shape[2] // 2
    angles = np.arange(x.shape[1])[:, None] * _frequencies(rope, x.shape[2])[None, :]
    left, right = x[..., :half], x[..., half:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([left * cos - right * sin, right * cos + left * sin], axis=2)


def _frequencies(rope: dict[str, Any], head_dim: int) -> Matrix:
    theta: float = rope["rope_theta"]
    plain = theta ** -(np.arange(0, head_dim, 2) / head_dim)
    kind = rope["rope_type"]
    if kind == "default":
        return plain
    factor, original = rope["factor"], rope["original_max_position_embeddings"]
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        turns = original * plain / (2 * math.pi)
        share = np.clip((turns - low) / (high - low), 0, 1)
        return share * plain + (1 - share) * plain / factor
    # YaRN, arXiv 2309.00071, as the configuration's names suggest.
    bounds = [
        head_dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
        for turns in (rope["beta_fast"], rope["beta_slow"])
    ]
    first, last = max(math.floor(bounds[0]), 0), min(math.ceil(bounds[1]), head_dim - 1)
    width = last - first or 0.001
    ramp = np.clip((np.arange(head_dim // 2) - first) / width, 0, 1)
    return plain * (1 - ramp) + plain / factor * ramp


def _position_scale(tokens: int, rope: dict[str, Any]) -> Matrix:
    """Queries far beyond the original length are scaled up: shape (tokens, 1)."""
    beta = rope.get("llama_4_scaling_beta") or 0.0
    original = rope.get("original_max_position_embeddings") or 1
    far = 1 + beta * np.log1p(np.floor(np.arange(tokens) / original))
    return far[:, None]


def _gelu_tanh(x: Matrix) -> Matrix:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
