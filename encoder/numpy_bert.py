"""BERT's forward pass in NumPy alone, for the one question that a search from the shell encodes.

Importing torch takes longer than such a search computes (docs/decisions/026). The numbers are
those of encoder/bert.py in float32; where many texts are encoded, that one is the faster.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open

from encoder.bert_config import Sizes, read_sizes
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.weights import check_layers, check_places, check_weights, unreadable_weights

# Rows that GELU is applied to at a time, so that they stay in the processor's cache.
GELU_ROWS = 32
# erf(z) = 1 - (a1 t + ... + a5 t^5) exp(-z^2) with t = 1 / (1 + p z), within 1.5e-7.
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
ERF_P = 0.3275911
ERF_A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


class Linear(NamedTuple):
    """Weight of shape (out, in) and bias of shape (out,)."""

    weight: Vectors
    bias: Vectors

    def __call__(self, x: Vectors) -> Vectors:
        out: Vectors = x @ self.weight.T
        out += self.bias
        return out


class Norm(NamedTuple):
    weight: Vectors
    bias: Vectors
    eps: float

    def __call__(self, x: Vectors) -> Vectors:
        """Normalise each row of x in its place."""
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1]
        x /= np.sqrt(variance + np.float32(self.eps))
        x *= self.weight
        x += self.bias
        return x


class Layer(NamedTuple):
    heads: int
    qkv: Linear  # (3 * dim, dim): queries, keys and values in one product; queries leave it scaled
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    norm: Norm

    def __call__(self, x: Vectors, lengths: Sequence[int]) -> Vectors:
        """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
        x = self.attended_norm(self.attended(_attend(self.qkv(x), lengths, self.heads)) + x)
        return self.norm(self.narrow(gelu(self.widen(x))) + x)


class _Table(Protocol):
    """A tensor that stays in its file."""

    def __getitem__(self, rows: slice) -> Vectors: ...


class NumpyBert:
    """The weights of a BERT encoder; made by `open_numpy_bert`.

    Attributes:
        known_tokens: Ids of tokens are below that.
    """

    def __init__(self, sizes: Sizes, tensors: "_Tensors") -> None:
        self._dim = sizes.hidden_size
        self._words, self.known_tokens = tensors.table("embeddings.word_embeddings.weight")
        self._places = tensors.rows("embeddings.position_embeddings.weight")
        self._places = self._places + tensors.rows("embeddings.token_type_embeddings.weight")[0]
        self._norm = tensors.norm("embeddings.LayerNorm")
        self._layers = [tensors.layer(i) for i in range(sizes.num_hidden_layers)]

    @property
    def places(self) -> int:
        """Most tokens of a text."""
        return len(self._places)

    def states(self, rows: TokenRows) -> Vectors:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        lengths = [len(row) for row in rows]
        ids = np.concatenate([np.asarray(row, np.int64) for row in rows])
        known, place = np.unique(ids, return_inverse=True)
        # Of the table's hundreds of MB only the rows of these tokens are read.
        words = np.concatenate([self._words[int(i) : int(i) + 1] for i in known])
        x: Vectors = words[place] + self._places[np.concatenate([*map(np.arange, lengths)])]
        x = self._norm(x)
        for layer in self._layers:
            x = layer(x, lengths)
        return x


def open_numpy_bert(spec: EncoderSpec, folder: Path) -> NumpyBert | None:
    """Load a plain BERT in float32 from a Hugging Face folder.

    Returns:
        None where the model is of another kind, not plain, or in another number format.

    Raises:
        EncoderNotAvailable: A file is damaged.
        EncoderRefused: The files are not those of the model that the spec describes.
    """
    file = folder / "model.safetensors"
    if spec.model_class != "BertModel" or not file.is_file():
        return None
    try:
        sizes = read_sizes(folder)
        if sizes is None:
            return None
        tensors = _Tensors(safe_open(file, "np"), sizes)
        if tensors.formats() != {"F32"}:
            return None
        bert = NumpyBert(sizes, tensors)
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable_weights(spec, folder, error) from error
    check_weights(spec, folder, sizes.hidden_size, tensors.missing)
    check_layers(spec, folder, sizes.num_hidden_layers, tensors.names)
    check_places(spec, folder, bert.places)
    return bert


def gelu(x: Vectors) -> Vectors:
    """GELU by its exact definition, x * (1 + erf(x / sqrt(2))) / 2, in the place of x."""
    for start in range(0, len(x), GELU_ROWS):
        part = x[start : start + GELU_ROWS]
        size = np.abs(part)
        t = 1 / (1 + np.float32(ERF_P / 2**0.5) * size)
        tail = t * np.float32(ERF_A[0])
        for a in ERF_A[1:]:
            tail += np.float32(a)
            tail *= t
        tail *= np.exp(size * size * np.float32(-0.5))  # 1 - erf(|x| / sqrt(2))
        tail *= size
        tail *= np.float32(0.5)
        np.maximum(part, 0, out=part)
        part -= tail
    return x


def _attend(qkv: Vectors, lengths: Sequence[int], heads: int) -> Vectors:
    """Let each token see all tokens of its own text: (tokens, 3 * dim) to (tokens, dim)."""
    dim = qkv.shape[1] // 3
    seen = np.empty((len(qkv), dim), np.float32)
    start = 0
    for length in lengths:
        part = slice(start, start + length)
        parts = qkv[part].reshape(length, 3, heads, dim // heads)
        q, k, v = parts.transpose(1, 2, 0, 3)  # (heads, length, width)
        scores = q @ k.transpose(0, 2, 1)
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        out = scores @ v
        out /= scores.sum(axis=2, keepdims=True)
        seen[part] = out.transpose(1, 0, 2).reshape(length, dim)
        start += length
    return seen


class _Tensors:
    """Takes tensors out of a file, and notes those that are missing or of another shape."""

    def __init__(self, file: Any, sizes: Sizes) -> None:
        self._file, self._sizes = file, sizes
        self._names = {name.removeprefix("bert."): name for name in file.keys()}  # noqa: SIM118
        self.missing: list[str] = []

    @property
    def names(self) -> Iterable[str]:
        """What the file holds."""
        return self._names

    def formats(self) -> set[str]:
        return {
            str(self._file.get_slice(stored).get_dtype())
            for name, stored in self._names.items()
            if not name.endswith(".position_ids")  # counts up, as older checkpoints hold it
        }

    def table(self, name: str) -> tuple[_Table, int]:
        """Rows as long as a state, and how many: at least one."""
        width = self._sizes.hidden_size
        if name in self._names:
            table: Any = self._file.get_slice(self._names[name])
            shape = table.get_shape()
            if len(shape) == 2 and shape[0] and shape[1] == width:
                return table, shape[0]
        self.missing.append(name)
        return np.zeros((1, width), np.float32), 1

    def rows(self, name: str) -> Vectors:
        """All of such a table."""
        table, rows = self.table(name)
        return table[0:rows]

    def take(self, name: str, *shape: int) -> Vectors:
        found = self._file.get_tensor(self._names[name]) if name in self._names else None
        if found is None or found.shape != shape:
            self.missing.append(name)
            return np.zeros(shape, np.float32)
        return found  # type: ignore[no-any-return]

    def linear(self, name: str, out: int, into: int) -> Linear:
        return Linear(self.take(f"{name}.weight", out, into), self.take(f"{name}.bias", out))

    def norm(self, name: str) -> Norm:
        weight, bias = (
            self.take(f"{name}.{part}", self._sizes.hidden_size) for part in ("weight", "bias")
        )
        return Norm(weight, bias, self._sizes.layer_norm_eps)

    def layer(self, i: int) -> Layer:
        at, dim, inner = (
            f"encoder.layer.{i}",
            self._sizes.hidden_size,
            self._sizes.intermediate_size,
        )
        query, key, value = (
            self.linear(f"{at}.attention.self.{part}", dim, dim)
            for part in ("query", "key", "value")
        )
        heads = self._sizes.num_attention_heads
        scale = np.float32((dim // heads) ** -0.5)
        return Layer(
            heads,
            Linear(
                np.concatenate([query.weight * scale, key.weight, value.weight]),
                np.concatenate([query.bias * scale, key.bias, value.bias]),
            ),
            self.linear(f"{at}.attention.output.dense", dim, dim),
            self.norm(f"{at}.attention.output.LayerNorm"),
            self.linear(f"{at}.intermediate.dense", inner, dim),
            self.linear(f"{at}.output.dense", dim, inner),
            self.norm(f"{at}.output.LayerNorm"),
        )
