"""BERT's forward pass on a processor, over texts laid end to end, without transformers.

The numbers are those of transformers' `BertModel` (a test compares them on real checkpoints). It
exists because importing that model class takes longer than everything else in a search from the
shell, and because no time goes into padding here. See docs/decisions/008.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch.nn import functional

from encoder.bert_attention import Run, attend, runs_of
from encoder.bert_config import Sizes, read_sizes
from encoder.hardware import DeviceChoice
from encoder.spec import EncoderSpec, TokenRows
from encoder.weights import (
    TensorMissing,
    check_layers,
    check_places,
    check_width,
    lacks_weights,
    unreadable_weights,
)

Weights = dict[str, torch.Tensor]


class Linear(NamedTuple):
    """Weight of shape (out, in) and bias of shape (out,)."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)


class Norm(NamedTuple):
    weight: torch.Tensor
    bias: torch.Tensor
    eps: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        shape, enable_cudnn = self.weight.shape, False
        return torch.layer_norm(x, shape, self.weight, self.bias, self.eps, enable_cudnn)


class Layer(NamedTuple):
    """One layer in the number format of its weights."""

    heads: int
    # (3 * dim, dim): queries, keys and values in one product; the queries leave it scaled
    qkv: Linear
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    norm: Norm

    def __call__(self, x: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
        """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
        seen = attend(self.qkv(x), runs, self.heads)
        x = self.attended_norm(self.attended(seen).add_(x))
        wide = torch.ops.aten.gelu_(self.widen(x))
        return self.norm(self.narrow(wide).add_(x))


class AnyLayer(Protocol):
    """A layer in whatever number format."""

    def __call__(self, x: torch.Tensor, runs: Sequence[Run], /) -> torch.Tensor:
        """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
        ...


def open_bert(spec: EncoderSpec, folder: Path, choice: DeviceChoice) -> "PackedBert | None":
    """Load a plain BERT for a processor from a Hugging Face folder.

    Returns:
        None where the model is of another kind, not plain, or on a GPU: transformers runs it.

    Raises:
        EncoderNotAvailable: A file is damaged.
        EncoderRefused: The files are not those of the model that the spec describes.
    """
    file = folder / "model.safetensors"
    if spec.model_class != "BertModel" or choice.device != "cpu" or not file.is_file():
        return None
    try:
        sizes = read_sizes(folder)
        if sizes is None:
            return None
        with safe_open(file, "pt") as tensors:
            weights = {
                name.removeprefix("bert."): tensors.get_tensor(name)
                for name in tensors.keys()  # noqa: SIM118 - not a dict
            }
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable_weights(spec, folder, error) from error
    try:
        bert = PackedBert(sizes, weights, getattr(torch, choice.dtype))
    except TensorMissing as error:
        raise lacks_weights(spec, folder, [error.name]) from error
    check_width(spec, folder, sizes.hidden_size)
    check_layers(spec, folder, sizes.num_hidden_layers, weights)
    check_places(spec, folder, bert.places)
    return bert


class PackedBert:
    """The weights of a BERT encoder; made by `open_bert`, a `TokenModel`."""

    def __init__(self, sizes: Sizes, weights: Weights, dtype: torch.dtype) -> None:
        take = _Taker(weights, dtype, sizes)
        self.config = sizes
        # The big table stays as it lies in the file: rows are converted when they are looked up,
        # so of its hundreds of MB only the pages of tokens that occur are ever read.
        self._words = take.table("embeddings.word_embeddings.weight")
        self._places = take.table("embeddings.position_embeddings.weight").float()
        self._places = self._places + take.table("embeddings.token_type_embeddings.weight")[0]
        self._norm = take.norm("embeddings.LayerNorm")
        self.layers: tuple[AnyLayer, ...] = tuple(
            take.layer(i) for i in range(sizes.num_hidden_layers)
        )
        self._dtype = dtype
        self._filled: Callable[[int], int] | None = None

    def replace_layers(self, layers: Sequence[AnyLayer], filled: Callable[[int], int]) -> None:
        """Compute with other layers from now on.

        Args:
            layers: Each of them.
            filled: How many tokens they are given.
        """
        self.layers, self._filled = tuple(layers), filled

    @property
    def known_tokens(self) -> int:
        """How many tokens it knows: their ids are below that."""
        return len(self._words)

    @property
    def places(self) -> int:
        """Most tokens of a text."""
        return len(self._places)

    @property
    def dim(self) -> int:
        """Length of a state."""
        return self.config.hidden_size

    def states(self, rows: TokenRows, /) -> torch.Tensor:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        ids = torch.tensor([token for row in rows for token in row])
        return self.packed(ids, [len(row) for row in rows])

    def packed(self, ids: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Compute the states of texts laid end to end: ids (tokens,) to states (tokens, dim).

        Args:
            ids: The tokens of all texts.
            lengths: Tokens of each text; their sum is that of `ids`. Best sorted: neighbours of
                one length share an attention call.
        """
        runs = runs_of(lengths)
        x = self.embedded(ids, lengths)
        for layer in self.layers:
            x = layer(x, runs)
        return x[: len(ids)]

    def embedded(self, ids: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """States before the first layer, filled with tokens of no text: (filled tokens, dim)."""
        places = torch.cat([torch.arange(length) for length in lengths])
        x = self._words.index_select(0, ids).float()
        x += self._places.index_select(0, places)
        if self._filled:
            x = functional.pad(x, (0, 0, 0, self._filled(len(ids)) - len(ids)))
        return self._norm(x.to(self._dtype))


class _Taker:
    """Takes tensors out of the file's; `TensorMissing` tells of one not as config.json says."""

    def __init__(self, weights: Weights, dtype: torch.dtype, sizes: Sizes) -> None:
        self._weights, self._dtype, self._sizes = weights, dtype, sizes

    def raw(self, name: str, *shape: int) -> torch.Tensor:
        found = self._weights.get(name)
        if found is None or found.shape != shape or not found.is_floating_point():
            raise TensorMissing(name)
        return found

    def table(self, name: str) -> torch.Tensor:
        """Rows as long as a state, at least one."""
        found = self._weights.get(name)
        rows = len(found) if found is not None and found.ndim else 0
        return self.raw(name, max(1, rows), self._sizes.hidden_size)

    def linear(self, name: str, out: int, into: int) -> Linear:
        weight, bias = self.raw(f"{name}.weight", out, into), self.raw(f"{name}.bias", out)
        return Linear(weight.to(self._dtype), bias.to(self._dtype))

    def norm(self, name: str) -> Norm:
        weight, bias = (
            self.raw(f"{name}.{part}", self._sizes.hidden_size) for part in ("weight", "bias")
        )
        return Norm(weight.to(self._dtype), bias.to(self._dtype), self._sizes.layer_norm_eps)

    def layer(self, i: int) -> Layer:
        at, dim, inner = (
            f"encoder.layer.{i}",
            self._sizes.hidden_size,
            self._sizes.intermediate_size,
        )
        parts = [
            self.linear(f"{at}.attention.self.{part}", dim, dim)
            for part in ("query", "key", "value")
        ]
        heads = self._sizes.num_attention_heads
        scale = (dim // heads) ** -0.5
        parts[0] = Linear(parts[0].weight * scale, parts[0].bias * scale)
        return Layer(
            heads,
            Linear(torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])),
            self.linear(f"{at}.attention.output.dense", dim, dim),
            self.norm(f"{at}.attention.output.LayerNorm"),
            self.linear(f"{at}.intermediate.dense", inner, dim),
            self.linear(f"{at}.output.dense", dim, inner),
            self.norm(f"{at}.output.LayerNorm"),
        )
