"""How fast an encoder is here, and how near that comes to what this device multiplies at best.

The rate of plain matrix products is measured in the same run, in the same number format and at the
sizes of the model's own layers, so that a share of it says how much time goes into anything else.
"""

import os
import platform
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from encoder.architectures import build_model, config_class_of
from encoder.attention import AttentionChoice, AttentionName, choose_attention, register
from encoder.errors import UsageError
from encoder.forward import Forward, StockModel
from encoder.hardware import DeviceChoice, choose_device
from encoder.int8 import with_rounded_weights
from encoder.naming import parse_name
from encoder.registry import find_spec
from encoder.shapes import SHAPES
from encoder.spec import EncoderSpec

# Long enough for a steady clock on a GPU, short enough for a processor.
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Speed:
    """What one setting reached.

    Attributes:
        tokens: Length of each text; 0 for mixed lengths.
        attention: How attention was computed.
        tokens_per_s: Tokens of texts, padding not counted.
        gemm_share: Of the rate of plain matrix products, what these tokens need; attention counted.
        peak_gb: Most memory of the GPU, weights included; 0 on a processor.
    """

    tokens: int
    attention: str
    tokens_per_s: float
    gemm_share: float
    peak_gb: float


def random_model(
    spec: EncoderSpec, choice: DeviceChoice, attention: AttentionChoice, layers: int | None = None
) -> StockModel:
    """Make a model of a known shape with random weights, straight on the device.

    Args:
        spec: Its architecture.
        choice: Device and number format; the device may be "meta", which holds no numbers.
        attention: How attention is computed.
        layers: Fewer layers than the model has, to fit a small machine.

    Raises:
        UsageError: The shape is not known.
    """
    if spec.name not in SHAPES:
        raise UsageError(
            f"The sizes of {spec.name} are not known.", f"Take one of {', '.join(SHAPES)}."
        )
    register()
    sizes = SHAPES[spec.name] | ({"num_hidden_layers": layers} if layers else {})
    config = config_class_of(spec.model_class)(**sizes)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, choice.dtype))
    try:
        with torch.device(choice.device):
            model = build_model(spec, config, attention.implementation)
    finally:
        torch.set_default_dtype(before)
    return StockModel(model, choice.device, attention)


def parameters(model: Any) -> int:
    """How many numbers the weights are."""
    return sum(weight.numel() for weight in model.parameters())


@dataclass(frozen=True, slots=True)
class Measured:
    """A forward pass and what has to be known about it.

    Attributes:
        config: The sizes of the model, named as transformers names them.
        numbers: How many numbers its weights are; 0 if that is not known.
        reason: Why this device and number format, and what was done to the weights.
    """

    forward: Forward
    config: Any
    device: str
    attention: str
    numbers: int
    reason: str


def measure(measured: Measured, lengths: Sequence[int], gemm_flops: float) -> Speed:
    """Encode one batch of random tokens again and again, and take the mean.

    Args:
        measured: What is measured.
        lengths: Tokens of each text of the batch.
        gemm_flops: What `gemm_rate` found.
    """
    device = measured.device
    # Ids far from the special ones.
    rows = [torch.randint(100, 200, (length,)).tolist() for length in lengths]
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        seconds = _seconds(lambda: measured.forward(rows), device)
    needed = sum(_flops(measured.config, length) for length in lengths)
    return Speed(
        tokens=lengths[0] if len(set(lengths)) == 1 else 0,
        attention=measured.attention,
        tokens_per_s=sum(lengths) / seconds,
        gemm_share=needed / seconds / gemm_flops,
        peak_gb=torch.cuda.max_memory_allocated(device) / 1e9 if device.startswith("cuda") else 0.0,
    )


def gemm_rate(config: Any, choice: DeviceChoice, tokens: int) -> float:
    """Floating-point operations a second of the model's widest matrix product."""
    dtype = getattr(torch, choice.dtype)
    x = torch.randn(tokens, config.hidden_size, dtype=dtype, device=choice.device)
    weight = torch.randn(config.intermediate_size, config.hidden_size, dtype=dtype).to(x.device)
    seconds = _seconds(lambda: torch.nn.functional.linear(x, weight), choice.device)
    return float(2 * tokens * config.hidden_size * config.intermediate_size) / seconds


def _flops(config: Any, length: int) -> float:
    """What one text of this length needs: matrix products and attention, both ways."""
    hidden, inner = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or hidden // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    gated = 3 if hasattr(config, "rms_norm_eps") else 2  # decoders have a gate, BERT has not
    layer = 2 * hidden * head_dim * (heads + kv_heads) + gated * hidden * inner
    attention = 2 * length * heads * head_dim
    return float(2 * length * config.num_hidden_layers * (layer + attention))


def _seconds(work: Any, device: str) -> float:
    """Mean time of one call, over about SECONDS, after a first one that does not count."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    work()
    wait()
    started, calls = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        work()
        calls += 1
        if not calls % 8:  # a GPU's queue would otherwise grow far beyond SECONDS
            wait()
    wait()
    return (time.perf_counter() - started) / calls


@dataclass(frozen=True, slots=True)
class Bench:
    """What is to be measured.

    Attributes:
        lengths: Tokens of each text, one batch each; 0 stands for mixed lengths.
        batch_tokens: Tokens of a batch, about.
        attentions: Ways to compute attention, one after the other.
        random_weights: Take the known shape with random weights instead of loading the encoder.
        layers: With random weights, fewer layers than the model has; None takes all.
    """

    lengths: tuple[int, ...]
    batch_tokens: int
    attentions: tuple[AttentionName, ...] = ()
    random_weights: bool = False
    layers: int | None = None


def run_bench(name: str, bench: Bench, *, offline: bool) -> tuple[dict[str, Any], list[Speed]]:
    """Measure an encoder: facts about the run, and a figure for each length and attention.

    Raises:
        UsageError: The shape is not known, or a length is longer than the model takes.
        EncoderNotAvailable, EncoderRefused: It cannot be loaded.
    """
    asked = parse_name(name)
    choice = choose_device(asked.dtype)
    best = choose_attention(choice.device, choice.dtype)
    facts: dict[str, Any] = {
        "device": _device_name(choice.device),
        "dtype": choice.dtype,
        "best attention": f"{best.name}: {best.reason}",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    speeds: list[Speed] = []
    for attention in bench.attentions or (best.name,):
        measured = _open(name, choice, AttentionChoice(attention, "asked for"), bench, offline)
        spec = measured.forward.spec
        rate = gemm_rate(measured.config, choice, bench.batch_tokens)
        facts |= {
            "encoder": spec.name,
            "parameters": measured.numbers,
            "why so": measured.reason,
        }
        facts["plain matrix products, TFLOP/s"] = round(rate / 1e12, 3)
        for length in bench.lengths:
            if length > (spec.most_tokens or spec.max_tokens):
                raise UsageError(
                    f"{name} does not take {length} tokens.", "Choose fewer: --tokens 128,512"
                )
            lengths = batch_lengths(length, bench.batch_tokens)
            speeds.append(measure(measured, lengths, rate))
        del measured  # before the next one takes its memory
    return facts, speeds


def batch_lengths(length: int, batch_tokens: int) -> list[int]:
    """Lengths of the texts of one batch; a length of 0 means mixed, 16 to 512, longest first."""
    if length:
        return [length] * max(1, batch_tokens // length)
    draw = random.Random(0)
    lengths: list[int] = []
    while sum(lengths) < batch_tokens:
        lengths.append(draw.randint(16, min(512, batch_tokens)))
    return sorted(lengths, reverse=True)


def _open(
    name: str, choice: DeviceChoice, how: AttentionChoice, bench: Bench, offline: bool
) -> Measured:
    if bench.random_weights:
        asked = parse_name(name)
        spec = find_spec(asked.base)
        stock = random_model(spec, choice, how, bench.layers)
        count = parameters(stock.model)
        forward = Forward(stock, replace(spec, dense_head=False))
        if asked.int8:
            choice = with_rounded_weights(stock.model, forward, choice)
        return Measured(forward, stock.model.config, choice.device, how.name, count, choice.reason)
    from encoder.load import locate
    from encoder.transformer import TransformerEncoder

    spec, folder = locate(parse_name(name), offline=offline)
    encoder = TransformerEncoder.open(spec, folder, choice, how)
    model: Any = encoder.forward.model
    stock_model = model.model if isinstance(model, StockModel) else None
    config = model.config if stock_model is None else stock_model.config
    count = 0 if stock_model is None else parameters(stock_model)
    attention, reason = encoder.attention.name, encoder.choice.reason
    return Measured(encoder.forward, config, choice.device, attention, count, reason)


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()}, {os.cpu_count()} cores"


def as_data(speed: Speed) -> dict[str, float | str]:
    """The figures, rounded for reading."""
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in asdict(speed).items()
    }
