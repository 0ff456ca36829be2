"""Whether a BERT's matrix products run on 8-bit integers here, and in what code.

The rule is that of encoder/hardware.py; encoder/bert_int8.py and encoder/bert_fused.py compute.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from encoder.activation_ranges import LayerRanges, find_ranges
from encoder.bert import Layer, Linear, PackedBert
from encoder.bert_fused import compile_steps, fuse_layers
from encoder.bert_int8 import Int8Layer, as_bytes, filled, int8_layer, product_of
from encoder.hardware import DeviceChoice, choose_products, cpu_has_vnni
from encoder.side_by_side import compute_alone
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
    reason = f"{choice.reason}; {settled.reason}"
    if settled.name == "int8":
        reason += f", {_use_int8(bert, spec, ranges)}"
    return replace(choice, products=settled.name, reason=reason)


def _are_of(bert: PackedBert, ranges: tuple[LayerRanges, ...]) -> bool:
    """Tell whether ranges were measured on a model of this size."""
    sizes, first = bert.config, ranges[0]
    measured = len(ranges), first.into_qkv.shape[1], len(first.behind_gelu)
    return measured == (sizes.num_hidden_layers, sizes.hidden_size, sizes.intermediate_size)


def _use_int8(bert: PackedBert, spec: EncoderSpec, ranges: tuple[LayerRanges, ...]) -> str:
    """Run all layers' matrix products on 8-bit integers from now on; tell in what code."""
    floats = [layer for layer in bert.layers if isinstance(layer, Layer)]
    # A layer for each thread: beside another busy process, all threads on one took 2 s in all.
    with ThreadPoolExecutor(torch.get_num_threads(), "round", compute_alone) as threads:
        steps = threads.submit(compile_steps, floats[0])
        layers = list(threads.map(int8_layer, floats, ranges))
        if not all(layer.is_finite for layer in layers):
            raise not_numbers(spec)
        fused, reason = fuse_layers(layers, steps.result())
        if fused is None:
            layers = list(threads.map(Int8Layer.packed, layers))
    bert.replace_layers(layers, fused.filled if fused else filled, fused)
    return reason


def kernel_fault() -> str | None:
    """Multiply the largest numbers there are, and say what is wrong with the result, if anything.

    The operators belong to torch's compiler, not to its public interface, so they are tried before
    they are used. Where pairs of products are added in 16 bits, these sums overflow.
    """
    numbers = torch.linspace(-40, 300, 1001)
    if not torch.equal(as_bytes(numbers.clone()), numbers.clamp(0, 255).to(torch.uint8)):
        return "a conversion to 8 bits does not keep the lowest ones"
    signs = torch.ones(32, 64)
    signs[:, ::3] = -1
    x = torch.full((32, 64), 255, dtype=torch.uint8)
    x[::2, 5:] = 7
    expected = x.float() @ (127 * signs).t()
    try:
        product = product_of(Linear(signs, torch.zeros(32)), 1.0, 0).packed()
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
