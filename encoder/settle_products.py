"""Whether a BERT's matrix products run on 8-bit integers in torch.

The rule is that of encoder/hardware.py; encoder/bert_int8.py computes.
"""

from dataclasses import replace

import numpy as np
import torch

from encoder.activation_ranges import LayerRanges, find_ranges, measured_sizes
from encoder.bert import Layer, PackedBert
from encoder.bert_int8 import Int8Layer, Product, as_arrays, as_bytes, filled
from encoder.bert_weights import Linear
from encoder.hardware import DeviceChoice, choose_products, cpu_has_vnni
from encoder.int8_weights import round_layer, round_linear
from encoder.spec import EncoderSpec
from encoder.weights import not_numbers


def settle_products(bert: PackedBert, spec: EncoderSpec, choice: DeviceChoice) -> DeviceChoice:
    """Round the model's products to 8 bits where the rule says so; the choice tells why or why not.

    Raises:
        EncoderRefused: Weights are no numbers.
        UsageError: The user asked for 8-bit products where they are not possible.
    """
    ranges, vnni = find_ranges(spec.name), cpu_has_vnni()
    name = spec.name
    if ranges and not _are_of(bert, ranges):
        ranges, name = (), "a model of the size that these files hold"
    settled = choose_products(
        choice,
        name=name,
        ranges=bool(ranges),
        vnni=vnni,
        fault=kernel_fault() if ranges and vnni and choice.products != "float" else None,
    )
    if settled.name == "int8":
        _use_int8(bert, spec, ranges)
    return replace(choice, products=settled.name, reason=f"{choice.reason}; {settled.reason}")


def _are_of(bert: PackedBert, ranges: tuple[LayerRanges, ...]) -> bool:
    """Tell whether ranges were measured on a model of this size."""
    sizes = bert.config
    found = sizes.num_hidden_layers, sizes.hidden_size, sizes.intermediate_size
    return found == measured_sizes(ranges)


def _use_int8(bert: PackedBert, spec: EncoderSpec, ranges: tuple[LayerRanges, ...]) -> None:
    """Run all layers' matrix products on 8-bit integers from now on."""
    floats = [layer for layer in bert.layers if isinstance(layer, Layer)]
    layers = [round_layer(as_arrays(layer), by) for layer, by in zip(floats, ranges, strict=True)]
    if not all(layer.is_finite for layer in layers):
        raise not_numbers(spec)
    bert.replace_layers([Int8Layer.of(layer) for layer in layers], filled)


def kernel_fault() -> str | None:
    """Multiply the largest numbers there are, and say what is wrong with the result, if anything.

    The operators belong to torch's compiler, not to its public interface, so they are tried before
    they are used. Where pairs of products are added in 16 bits, these sums overflow.
    """
    numbers = torch.linspace(-40, 300, 1001)
    if not torch.equal(as_bytes(numbers.clone()), numbers.clamp(0, 255).to(torch.uint8)):
        return "a conversion to 8 bits does not keep the lowest ones"
    signs = np.ones((32, 64), np.float32)
    signs[:, ::3] = -1
    x = torch.full((32, 64), 255, dtype=torch.uint8)
    x[::2, 5:] = 7
    expected = x.float() @ torch.from_numpy(127 * signs).t()
    try:
        product = Product.of(round_linear(Linear(signs, np.zeros(32, np.float32)), 1.0, 0))
        plain = product(x) * 127
        added = product.add_to(x, torch.ones(32, 32)) * 127 - 127
        narrow = product.gelu(x, 64.0, 3)
    except (AttributeError, RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    rounded = torch.nn.functional.gelu(expected / 127).div(64).round().add(3).clamp(0, 255)
    for name, found, wanted in (
        ("a product", plain, expected),
        ("a sum", added, expected),
        ("GELU", narrow.float() * 127, rounded * 127),
    ):
        off = float((found - wanted).abs().max())
        if not off <= 127:
            return f"{name} is off by {off / 127:.0f}"
    return None
