"""The layers of bert_int8.py in machine code of our own.

torch's passes over what stands between the products take about as long as the products do; here
attention, each norm with the rounding behind it, and each product with what follows it are one
function each (encoder/kernels, docs/decisions/013).
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, NamedTuple

import torch
from torch.nn import functional

from encoder.bert import Layer, Norm
from encoder.bert_attention import Run, stable
from encoder.bert_int8 import MIDDLE, Int8Layer, Product, Rounding, as_bytes, rounded
from encoder.kernels.layer import HEAD_WIDTH, UNFIT, layer_functions
from encoder.weights import told

# Outputs side by side in a panel of weights; tokens are taken by 8 and by 12.
PANEL, TOKENS = 32, 24
Follow = Literal["store", "add", "gelu"]
# What the functions are tried with before they are used: lengths of texts.
TRIED_LENGTHS = (1, 13, 70)
# Bytes that come out one off where a number lies between two of them, and no further.
MOST_ONE_OFF = 0.01


def compile_steps(layer: Layer) -> "Steps | str":
    """Compile the functions for layers like this one; or say what forbids it."""
    try:
        return _obstacle(layer) or Steps(layer.heads, len(layer.norm.weight))
    except UNFIT as error:
        return f"the llvmlite that is installed cannot compile them ({told(error)})"


def fuse_layers(
    layers: Sequence[Int8Layer], steps: "Steps | str"
) -> "tuple[FusedLayers | None, str]":
    """Join layers and compiled functions.

    Returns:
        All layers as one function, or None where torch's operations are to be used; and why.
    """
    if not isinstance(steps, str):
        fused = FusedLayers(layers, steps)
        fault = fused.fault()
        if fault is None:
            return fused, "in layers that were compiled for it"
        steps = fault
    return None, f"in torch's layers, as {steps}"


def _obstacle(layer: Layer) -> str | None:
    dim = len(layer.norm.weight)
    if not torch.cpu.get_capabilities().get("avx512_vnni"):
        return "compiled ones were only made for AVX-512"
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed (extra [cpu])"
    if dim != HEAD_WIDTH * layer.heads:
        return f"heads are {dim // layer.heads} wide"
    if layer.norm.weight.dtype != torch.float32:
        return f"norms are in {layer.norm.weight.dtype}"
    from encoder.kernels.code import execution_fault

    return execution_fault()


class Panels(NamedTuple):
    """Weights of a product as the compiled one reads them, outputs and inputs filled up to 32.

    Attributes:
        weights: Shape (outputs / 32, inputs / 4, 32, 4), int8.
        scales: Shape (outputs,): what one unit of the sum stands for.
        bias: Shape (outputs,).
    """

    weights: torch.Tensor
    scales: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def of(cls, product: Product) -> "Panels":
        """Lay the weights of a product out; it is not packed."""
        if product.is_packed:
            raise ValueError("the weights are laid out for other kernels already")
        out, into = (-(-size // PANEL) * PANEL for size in product.rows.shape)
        add = out - len(product.rows)
        rows = functional.pad(product.rows, (0, into - product.rows.shape[1], 0, add))
        return cls(
            rows.view(-1, PANEL, into // 4, 4).transpose(1, 2).contiguous(),
            functional.pad(product.scales * product.step, (0, add)),
            functional.pad(product.bias, (0, add)),
        )


class FusedLayer(NamedTuple):
    """A layer whose products are compiled, too."""

    qkv: Panels
    attended: Panels
    widen: Panels
    narrow: Panels
    rest: Int8Layer


class Steps:
    """The compiled functions, for so many heads and numbers of a state."""

    def __init__(self, heads: int, dim: int) -> None:
        from encoder.kernels.attention import scratch_numbers

        self._heads, self._dim = heads, dim
        self._scratch_numbers = scratch_numbers
        self._attention, self._norm, self._norm_exact, self._products = layer_functions(dim)

    def product(
        self, x: torch.Tensor, by: Panels, follow: Follow, out: torch.Tensor, *to: float
    ) -> torch.Tensor:
        """Multiply (tokens, inputs) uint8, add the bias, and store, add or round the result.

        Args:
            x: A multiple of 12 tokens.
            by: The weights.
            follow: "store" writes to `out`, "add" adds to it, "gelu" rounds GELU to bytes.
            out: Shape (tokens, outputs), float32; with "gelu" uint8.
            to: With "gelu" 1 / step, and what 0 is stored as plus a half.
        """
        per_step, zero = to or (1.0, 0.0)
        self._products[follow](
            x.data_ptr(), by.weights.data_ptr(), by.scales.data_ptr(), by.bias.data_ptr(),
            out.data_ptr(), len(x), x.shape[1], len(by.bias), per_step, zero,
        )  # fmt: skip
        return out

    def attended(self, qkv: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """What each token sees, rounded: (tokens, 3 * dim) float32 to (tokens, dim) uint8.

        Args:
            qkv: Queries, which are scaled already, keys and values.
            lengths: Tokens of each text, int64; the texts lie end to end, tokens of none behind.
        """
        end = int(lengths.sum())
        seen = torch.empty(len(qkv), self._dim, dtype=torch.uint8)
        seen[end:] = MIDDLE
        scratch = torch.empty(self._scratch_numbers(int(lengths.max()), HEAD_WIDTH))
        self._attention(
            qkv.data_ptr(), lengths.data_ptr(), len(lengths), self._heads,
            seen.data_ptr(), scratch.data_ptr(),
        )  # fmt: skip
        return seen

    def normed(
        self, x: torch.Tensor, norm: Norm, by: Rounding, exact: Int8Layer | None = None
    ) -> torch.Tensor:
        """Normalise x in its place, and give it rounded; then add to it what exact units make.

        Args:
            x: Shape (tokens, dim) float32, a multiple of 8 tokens.
            norm: With which weights.
            by: How it is rounded.
            exact: The layer whose exact units are meant.
        """
        small = torch.empty(x.shape, dtype=torch.uint8)
        tensors = (x, norm.weight, norm.bias, by.per_step, by.middle, small)
        units = (exact.exact_widen, exact.exact_bias, exact.exact_narrow) if exact else ()
        function = self._norm_exact if exact else self._norm
        pointers = [tensor.data_ptr() for tensor in tensors]
        function(*pointers, norm.eps, len(x), *(unit.data_ptr() for unit in units))
        return small


class FusedLayers:
    """All layers of a model, one after the other."""

    def __init__(self, layers: Sequence[Int8Layer], steps: Steps) -> None:
        self.steps = steps
        self.layers = tuple(
            FusedLayer(
                Panels.of(layer.qkv),
                Panels.of(layer.attended),
                Panels.of(layer.widen),
                Panels.of(layer.narrow),
                layer,
            )
            for layer in layers
        )

    @staticmethod
    def filled(tokens: int) -> int:
        """So many tokens, those of no text included, are computed for these."""
        return -(-tokens // TOKENS) * TOKENS

    def __call__(self, x: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
        """States before the layers to states after them, in their place: (tokens, dim) float32.

        Args:
            x: As many rows as `filled` says.
            runs: Where the texts lie.
        """
        steps, product = self.steps, self.steps.product
        lengths = torch.tensor([run.length for run in runs for _ in range(run.texts)])
        into = [layer.rest.into_qkv for layer in self.layers]
        small = rounded(x, into[0])
        qkv = torch.empty(len(x), 3 * x.shape[1])
        wide = torch.empty(len(x), len(self.layers[0].widen.bias), dtype=torch.uint8)
        # Nothing follows the last layer; its rounded states are not used.
        for layer, after in zip(self.layers, [*into[1:], into[0]], strict=True):
            rest = layer.rest
            seen = steps.attended(product(small, layer.qkv, "store", qkv), lengths)
            product(seen, layer.attended, "add", x)
            small = steps.normed(x, rest.attended_norm, rest.into_widen, rest)
            product(small, layer.widen, "gelu", wide, 1 / rest.step, rest.zero + 0.5)
            product(wide, layer.narrow, "add", x)
            small = steps.normed(x, rest.norm, after)
        return x

    def fault(self) -> str | None:
        """Try the compiled functions on random numbers, and say what is wrong, if anything."""
        steps, layer = self.steps, self.layers[0].rest
        dim, heads = len(layer.norm.weight), layer.heads
        generator = torch.Generator().manual_seed(0)
        lengths = torch.tensor(TRIED_LENGTHS)
        qkv = torch.randn(int(lengths.sum()), 3 * dim, generator=generator) / 2
        qkv[:, 2 * dim :] = qkv[:, 2 * dim :] * 100 + MIDDLE
        seen, start = torch.empty(len(qkv), dim), 0
        for length in TRIED_LENGTHS:
            stable(qkv, Run(start, 1, length), heads, seen)
            start += length
        if _differ(steps.attended(qkv, lengths), as_bytes(seen)):
            return "compiled attention does not give what torch gives"
        if fault := _product_fault(steps, generator):
            return fault
        x = torch.randn(16, dim, generator=generator) * 3 + 1
        for norm, by, exact in (
            (layer.norm, layer.into_qkv, None),
            (layer.attended_norm, layer.into_widen, layer),
        ):
            wanted, found = norm(x), x.clone()
            if _differ(steps.normed(found, norm, by, exact), rounded(wanted, by)):
                return "compiled norms do not round as torch does"
            wanted = layer.with_exact_units(wanted) if exact else wanted
            if not torch.allclose(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max())):
                return "compiled norms do not give what torch gives"
        return None


def _product_fault(steps: Steps, generator: torch.Generator) -> str | None:
    """Multiply the largest numbers and random ones, and say what is wrong, if anything."""
    x = torch.randint(0, 256, (TOKENS, 2 * PANEL), generator=generator, dtype=torch.uint8)
    rows = torch.randint(-127, 128, (PANEL + 8, 2 * PANEL), generator=generator).to(torch.int8)
    x[0], rows[0] = 255, 127
    scales, bias = (torch.rand(len(rows), generator=generator) * size for size in (2e-4, 3.0))
    by = Panels.of(Product(rows, scales, x, 0.5, bias - 1))
    wanted = torch.addmm(bias - 1, x.float(), (rows * scales.unsqueeze(1) * 0.5).t())
    out = torch.empty(TOKENS, 2 * PANEL)
    found = steps.product(x, by, "store", out)[:, : len(rows)].clone()
    added = steps.product(x, by, "add", out)[:, : len(rows)]
    for numbers, times in ((found, 1), (added, 2)):
        if not torch.allclose(numbers, times * wanted, atol=1e-4, rtol=1e-5):
            return "compiled products do not give what torch gives"
    small = torch.empty(out.shape, dtype=torch.uint8)
    steps.product(x, by, "gelu", small, 20.0, 4.5)
    if _differ(small[:, : len(rows)], as_bytes(functional.gelu(wanted) * 20 + 4.5)):
        return "compiled products do not round as torch does"
    return None


def _differ(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Tell whether bytes differ by more than rounding explains."""
    off = (found.int() - wanted.int()).abs()
    return int(off.max()) > 1 or float((off > 0).float().mean()) > MOST_ONE_OFF
