"""A Hugging Face folder -> BERT's weights as NumPy's arrays, for what computes without torch."""

import json
import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from encoder.bert_config import Sizes, read_sizes
from encoder.spec import EncoderSpec, TokenRows, Vectors
from encoder.weights import (
    TensorMissing,
    check_layers,
    check_places,
    check_width,
    lacks_weights,
    unreadable_weights,
)


class Linear(NamedTuple):
    """Weight of shape (out, in) and bias of shape (out,)."""

    weight: Vectors
    bias: Vectors


class Norm(NamedTuple):
    """Weight and bias of shape (dim,)."""

    weight: Vectors
    bias: Vectors
    eps: float


class Layer(NamedTuple):
    """One layer in float32."""

    heads: int
    qkv: Linear  # (3 * dim, dim): queries, keys and values in one product; queries leave it scaled
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    norm: Norm


class Embeddings(NamedTuple):
    """What a token's first state is made of.

    Attributes:
        words: Shape (known tokens, dim): lies in the file, of whose hundreds of MB only the pages
            of tokens that occur are ever read.
        places: Shape (most tokens of a text, dim).
        norm: What both together go through.
    """

    words: Vectors
    places: Vectors
    norm: Norm

    def add_up(self, rows: TokenRows, out: Vectors) -> None:
        """Write words plus places of texts that lie end to end: out of shape (tokens, dim)."""
        ids = np.concatenate([np.asarray(row, np.int64) for row in rows])
        np.take(self.words, ids, axis=0, out=out, mode="clip")  # it would else be written twice
        out += self.places[np.concatenate([np.arange(len(row)) for row in rows])]


class BertWeights(NamedTuple):
    """All of a plain BERT; made by `open_weights`."""

    embeddings: Embeddings
    layers: Sequence[Layer]

    @property
    def known_tokens(self) -> int:
        """Ids of tokens are below that."""
        return len(self.embeddings.words)


def open_weights(spec: EncoderSpec, folder: Path) -> BertWeights | None:
    """Read a plain BERT in float32 from a Hugging Face folder.

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
        taker = _Taker(file, safe_open(file, "np"), sizes)
        if taker.formats() != {"F32"}:
            return None
        weights = taker.all()
    except TensorMissing as error:
        raise lacks_weights(spec, folder, [error.name]) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable_weights(spec, folder, error) from error
    check_width(spec, folder, sizes.hidden_size)
    check_layers(spec, folder, sizes.num_hidden_layers, taker.names)
    check_places(spec, folder, len(weights.embeddings.places))
    return weights


class _Taker:
    """Takes tensors out of a file; `TensorMissing` tells of one that is not as config.json says."""

    def __init__(self, path: Path, file: Any, sizes: Sizes) -> None:
        self._path, self._file, self._sizes = path, file, sizes
        self._names = {name.removeprefix("bert."): name for name in file.keys()}  # noqa: SIM118

    @property
    def names(self) -> Iterable[str]:
        """What the file holds."""
        return self._names

    def formats(self) -> set[str]:
        """The number formats of what is computed with."""
        return {
            str(self._file.get_slice(stored).get_dtype())
            for name, stored in self._names.items()
            if not name.endswith(".position_ids")  # counts up, as older checkpoints hold it
        }

    def all(self) -> BertWeights:
        places = self._table("embeddings.position_embeddings.weight")
        places = places + self._table("embeddings.token_type_embeddings.weight")[0]
        words = self._table("embeddings.word_embeddings.weight")
        embeddings = Embeddings(words, places, self._norm("embeddings.LayerNorm"))
        layers = [self._layer(i) for i in range(self._sizes.num_hidden_layers)]
        return BertWeights(embeddings, layers)

    def _table(self, name: str) -> Vectors:
        """Rows as long as a state, at least one: they lie in the file."""
        shape = self._shape(name)
        if len(shape) != 2 or not shape[0] or shape[1] != self._sizes.hidden_size:
            raise TensorMissing(name)
        return _mapped(self._path, self._names[name]).reshape(shape)

    def _take(self, name: str, *shape: int) -> Vectors:
        if self._shape(name) != shape:
            raise TensorMissing(name)
        return self._file.get_tensor(self._names[name])  # type: ignore[no-any-return]

    def _shape(self, name: str) -> tuple[int, ...]:
        if name not in self._names:
            raise TensorMissing(name)
        return tuple(self._file.get_slice(self._names[name]).get_shape())

    def _linear(self, name: str, out: int, into: int) -> Linear:
        return Linear(self._take(f"{name}.weight", out, into), self._take(f"{name}.bias", out))

    def _norm(self, name: str) -> Norm:
        weight, bias = (
            self._take(f"{name}.{part}", self._sizes.hidden_size) for part in ("weight", "bias")
        )
        return Norm(weight, bias, self._sizes.layer_norm_eps)

    def _layer(self, i: int) -> Layer:
        at, dim, inner = (
            f"encoder.layer.{i}",
            self._sizes.hidden_size,
            self._sizes.intermediate_size,
        )
        query, key, value = (
            self._linear(f"{at}.attention.self.{part}", dim, dim)
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
            self._linear(f"{at}.attention.output.dense", dim, dim),
            self._norm(f"{at}.attention.output.LayerNorm"),
            self._linear(f"{at}.intermediate.dense", inner, dim),
            self._linear(f"{at}.output.dense", dim, inner),
            self._norm(f"{at}.output.LayerNorm"),
        )


def _mapped(path: Path, name: str) -> Vectors:
    """The numbers of a tensor as they lie in a file whose header is known to make sense.

    safetensors gives NumPy copies only. Its files begin with the length of a JSON object in eight
    bytes and that object, which says where behind it each tensor lies.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        first, end = json.loads(file.read(length))[name]["data_offsets"]
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    found = np.frombuffer(whole, "<f4", (end - first) // 4, 8 + length + first)
    # Behind a header of an odd length: NumPy would copy all of it whenever rows are looked up.
    return np.require(found, requirements=["ALIGNED"])
