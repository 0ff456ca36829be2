"""Products on 8-bit integers: of the weights that they were measured for, and of numbers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from encoder.bert import Layer, PackedBert, open_bert
from encoder.bundled import bundled_file, unpacked_folder
from encoder.errors import EncoderRefused, UsageError
from encoder.hardware import DeviceChoice, cpu_has_vnni
from encoder.registry import E5_SMALL
from encoder.settle_products import settle_products

pytestmark = pytest.mark.skipif(
    not cpu_has_vnni() or bundled_file() is None, reason="needs VNNI and e5-small"
)
CPU = DeviceChoice("cpu", "float32", "")


@pytest.fixture
def bert() -> PackedBert:
    found = open_bert(E5_SMALL, unpacked_folder(), CPU)
    assert found is not None
    return found


WEIGHTS: dict[str, Callable[[Layer], torch.Tensor]] = {
    "a query's": lambda layer: layer.qkv.weight[3],
    "a value's bias": lambda layer: layer.qkv.bias[-3:],
    "what was seen": lambda layer: layer.attended.weight[3],
    "behind attention": lambda layer: layer.attended_norm.weight,
    "a unit": lambda layer: layer.widen.weight[:, 3],
    "back from it": lambda layer: layer.narrow.weight[3],
    "behind all": lambda layer: layer.norm.bias,
}


@pytest.mark.parametrize(
    ("which", "at", "number"),
    [*((which, 11, float("nan")) for which in WEIGHTS), ("a unit", 0, float("inf"))],
)
def test_weights_that_are_no_numbers_are_refused_before_rounding_hides_them(
    bert: PackedBert, which: str, at: int, number: float
) -> None:
    layer = bert.layers[at]
    assert isinstance(layer, Layer)
    WEIGHTS[which](layer)[0] = number
    with pytest.raises(EncoderRefused, match="weights of e5-small are damaged"):
        settle_products(bert, E5_SMALL, CPU)


@pytest.mark.parametrize("size", ["num_hidden_layers", "hidden_size", "intermediate_size"])
def test_a_model_of_another_size_than_the_measured_one_computes_in_floats(
    bert: PackedBert, size: str
) -> None:
    bert.config = replace(bert.config, **{size: 6})
    told = "none were measured for a model of the size that these files hold"
    choice = settle_products(bert, E5_SMALL, CPU)
    assert (choice.products, told in choice.reason) == ("float", True)
    with pytest.raises(UsageError, match=told):
        settle_products(bert, E5_SMALL, replace(CPU, products="int8"))
