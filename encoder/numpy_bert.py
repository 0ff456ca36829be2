"""BERT's forward pass in NumPy alone, for the one question that a search from the shell encodes.

It is for processors for which no layers are compiled (encoder/compiled_layers.py); importing torch
takes longer than such a search computes (docs/decisions/026). The numbers are those of
encoder/bert.py in float32; where many texts are encoded, that one is the faster.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoder.bert_weights import BertWeights, Layer, Linear, Norm, open_weights
from encoder.spec import EncoderSpec, TokenRows, Vectors

# Rows that GELU is applied to at a time, so that they stay in the processor's cache.
GELU_ROWS = 32
# erf(z) = 1 - (a1 t + ... + a5 t^5) exp(-z^2) with t = 1 / (1 + p z), within 1.5e-7.
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
ERF_P = 0.3275911
ERF_A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


class NumpyBert:
    """The weights of a BERT encoder in float32; made by `open`.

    Attributes:
        known_tokens: Ids of tokens are below that.
    """

    def __init__(self, weights: BertWeights) -> None:
        self._weights = weights
        self.known_tokens = weights.known_tokens

    @classmethod
    def open(cls, spec: EncoderSpec, folder: Path) -> "NumpyBert | None":
        """Load a Hugging Face folder; None, and errors, as `open_weights`."""
        weights = open_weights(spec, folder)
        return None if weights is None else cls(weights)

    def states(self, rows: TokenRows) -> Vectors:
        """Token ids to states of shape (tokens, dim): all texts one after the other."""
        lengths = [len(row) for row in rows]
        embeddings = self._weights.embeddings
        x = np.empty((sum(lengths), embeddings.places.shape[1]), np.float32)
        embeddings.add_up(rows, x)
        x = normed(x, embeddings.norm)
        for layer in self._weights.layers:
            x = _through(layer, x, lengths)
        return x


def normed(x: Vectors, norm: Norm) -> Vectors:
    """Normalise each row of x in its place."""
    x -= x.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", x, x)[:, None] / x.shape[1]
    x /= np.sqrt(variance + np.float32(norm.eps))
    x *= norm.weight
    x += norm.bias
    return x


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


def attend(qkv: Vectors, lengths: Sequence[int], heads: int) -> Vectors:
    """Let each token see all tokens of its own text: (tokens, 3 * dim) to (tokens, dim).

    Queries are scaled already; the texts lie end to end.
    """
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


def _through(layer: Layer, x: Vectors, lengths: Sequence[int]) -> Vectors:
    """States before the layer to states after it: (tokens, dim) to (tokens, dim)."""
    seen = attend(_product(x, layer.qkv), lengths, layer.heads)
    x = normed(_product(seen, layer.attended) + x, layer.attended_norm)
    return normed(_product(gelu(_product(x, layer.widen)), layer.narrow) + x, layer.norm)


def _product(x: Vectors, by: Linear) -> Vectors:
    out: Vectors = x @ by.weight.T
    out += by.bias
    return out
