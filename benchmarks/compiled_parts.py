"""The parts of a forward pass in compiled layers, for benchmarks/encoder_parts.py to time."""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from encoder.compiled_bert import CompiledBert
from encoder.compiled_layers import Normed, Placed, scratch_for
from encoder.numpy_encoder import NumpyEncoder

Part = Callable[[], object]


def compiled_parts(encoder: NumpyEncoder, rows: Sequence[Sequence[int]]) -> dict[str, Part]:
    """Each part of a forward pass over a batch, for one layer; and all of it."""
    bert = encoder.model
    if not isinstance(bert, CompiledBert):
        raise SystemExit("e5-small's layers are not compiled here")
    steps, layer = bert.layers.steps, bert.layers.layers[3]
    lengths = np.array([len(row) for row in rows], np.int64)
    end, tokens = int(lengths.sum()), bert.layers.rows_for(int(lengths.sum()))
    dim, inner = bert.embeddings.words.shape[1], len(layer.widen.bias.array)
    texts, states = Placed.of(lengths), np.split(bert.states(rows), np.cumsum(lengths)[:-1])
    local = threading.local()

    def own(width: int, kind: type = np.float32) -> Placed:
        """Room of this thread, filled with ones at first."""
        name = f"{width} {kind.__name__}"
        if not hasattr(local, name):
            setattr(local, name, Placed.room((tokens, width), kind))
            getattr(local, name).array[:] = 1
        found: Placed = getattr(local, name)
        return found

    def products() -> None:
        small, x, wide = own(dim, np.uint8), own(dim), own(inner, np.uint8)
        steps.product(small, layer.qkv, "store", own(3 * dim))
        steps.product(small, layer.attended, "add", x)
        steps.product(small, layer.widen, "gelu", wide, layer.per_step, layer.zero)
        steps.product(wide, layer.narrow, "add", x)

    def attention() -> None:
        if not hasattr(local, "scratch"):
            local.scratch = scratch_for(int(lengths.max()))
        steps.attend(own(3 * dim), texts, local.scratch, own(dim, np.uint8))

    def norm(by: Normed) -> Part:
        return lambda: steps.normalise(own(dim), by, own(dim, np.uint8))

    return {
        "linear products": products,
        "attention, all": attention,
        "norm, rounding, exact units": norm(layer.attended_norm),
        "norm, rounding": norm(layer.norm),
        "embeddings": lambda: bert.embeddings.add_up(rows, own(dim).array[:end]),
        "pooling": lambda: [encoder.pooled(part) for part in states],
        "all": lambda: bert.states(rows),
    }
