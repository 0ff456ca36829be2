"""texts -> vectors by a server that speaks `/v1/embeddings`: vLLM, NIM, TEI, Infinity and others.

The template and the instruction are put around a text here, and a text that is too long is cut
here, so that a server cuts nothing unnoticed. docs/servers.md says how to run one.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from encoder.address import ServerAddress, parse_address
from encoder.counting import TokenCounter
from encoder.cut import tell_of_cut_passages, tell_of_cut_queries
from encoder.errors import UsageError
from encoder.served_spec import registry_row, served_spec, token_counter, wrong_dim
from encoder.spec import EncoderSpec, TokenEnds, Vectors
from encoder.templates import passage_text, query_text, valid_text
from encoder.wire import RETRIES, EmbeddingsClient, InputType

log = logging.getLogger(__name__)

# Its tokens are far fewer than its characters, and not as many as its words.
FIRST_TEXT = "Die Garantie gilt zwei Jahre ab dem Tag des Kaufs."
# Room for the template that a server adds, where nobody has said which.
SERVER_TEMPLATE_TOKENS = 16

Wrap = Callable[[str], str]
"""Puts a template around a text."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A text as it is sent: template included, its tokens, and how many of its end were cut off."""

    text: str
    tokens: int
    cut: int


class ServedEncoder:
    """An encoder that runs elsewhere; made by `open`."""

    def __init__(
        self,
        spec: EncoderSpec,
        client: EmbeddingsClient,
        counter: TokenCounter,
        *,
        usage_counts: bool = False,
    ) -> None:
        self.spec = spec
        self.client = client
        self.counter = counter
        # Whether the tokens that the server says it has read are tokens: some count characters.
        self.usage_counts = usage_counts
        self._server_adds = client.address.templates == "server"
        self._limit = spec.max_tokens - (SERVER_TEMPLATE_TOKENS if self._server_adds else 0)

    @classmethod
    def open(
        cls, name: str | ServerAddress, *, offline: bool = False, retries: int = RETRIES
    ) -> Self:
        """Ask the server what it gives, and describe it as an encoder.

        Args:
            name: "http://host:8000#model"; see encoder/address.py for what may follow.
            offline: Take only a server on this machine.
            retries: How often a request is sent again where that may help.

        Raises:
            UsageError: The address makes no sense, or says too little about an unknown model.
            ServerError: The server gives no vectors, or other ones than the model's.
        """
        address = parse_address(name) if isinstance(name, str) else name
        if offline and not address.is_this_machine:
            raise UsageError(
                f"{address.host} is not this machine, and --offline forbids the network.",
                "Leave --offline out, or name a server on localhost.",
            )
        row = registry_row(address)
        client = EmbeddingsClient.open(address, retries)
        served = {model.id: model for model in client.models()}
        first = client.embed([FIRST_TEXT], "passage" if address.templates == "server" else None)
        spec = served_spec(address, row, first.rows.shape[1], served.get(address.model))
        counter = token_counter(address, row)
        exact = counter.exact and first.tokens == counter.count(FIRST_TEXT)
        encoder = cls(spec, client, counter, usage_counts=exact)
        if encoder.passage_room < 1:
            raise UsageError(
                f"tokens={spec.max_tokens} leaves no room for a passage.", "Give more tokens."
            )
        return encoder

    @property
    def words_stand_alone(self) -> bool:
        """False: the server's tokeniser is not known well enough to rely on it."""
        return False

    @property
    def passage_room(self) -> int:
        """Most tokens of a bare text that `encode_passages` reads."""
        return self._limit - self.counter.count(self.in_template(""))

    def encode_passages(self, texts: Sequence[str], /) -> Vectors:
        """Encode passages: shape (texts, dim), unit rows, in the order given.

        Raises:
            ServerError: The server gives no vectors, or none that can be used.
        """
        rows, over = self._encode(texts, self.in_template, "passage")
        tell_of_cut_passages(over, self.spec.max_tokens)
        return rows

    def encode_queries(self, texts: Sequence[str], /, instruction: str | None = None) -> Vectors:
        """Encode queries, each with the instruction before it: shape (texts, dim), unit rows.

        Raises:
            UsageError: An instruction for an encoder that takes none.
            ServerError: The server gives no vectors, or none that can be used.
        """
        rows, over = self._encode(texts, lambda text: self._query_text(text, instruction), "query")
        tell_of_cut_queries(over, self.spec.max_tokens)
        return rows

    def token_ends(self, text: str, /) -> TokenEnds:
        """Where each token of the bare text ends, in code points, never decreasing."""
        return self.counter.ends(text)

    def query_tokens_cut(self, query: str, /, instruction: str | None = None) -> int:
        """How many tokens at the end of the query `encode_queries` would not read."""
        tokens = self.counter.count(self._query_text(query, instruction))
        return max(0, tokens - self._limit)

    def ready(self, text: str, wrap: Wrap) -> Ready:
        """Put the template around a text, and cut the text at the end of a token if it must be.

        Raises:
            UsageError: The template takes all the room.
        """
        whole = wrap(valid_text(text))
        tokens = self.counter.count(whole)
        if tokens <= self._limit:
            return Ready(whole, tokens, cut=0)
        beyond, ends = tokens - self._limit, self.counter.ends(text)
        keep = self._limit - self.counter.count(wrap(""))
        while keep > 0:
            whole = wrap(valid_text(text[: int(ends[min(keep, len(ends)) - 1])]))
            tokens = self.counter.count(whole)
            if tokens <= self._limit:
                return Ready(whole, tokens, beyond)
            keep -= tokens - self._limit  # a text that was cut may have other tokens at its end
        raise UsageError(
            f"The instruction leaves no room for the question in {self._limit} tokens.",
            "Shorten the instruction.",
        )

    def in_template(self, text: str) -> str:
        return text if self._server_adds else passage_text(self.spec, text)

    def _query_text(self, text: str, instruction: str | None) -> str:
        if not self._server_adds:
            return query_text(self.spec, text, instruction)
        if instruction is not None:
            raise UsageError(
                f"{self.client.address.host} adds the templates itself and takes no instruction.",
                "Leave --instruction out.",
            )
        return text

    def _encode(
        self, texts: Sequence[str], wrap: Wrap, kind: InputType
    ) -> tuple[Vectors, list[int]]:
        """The rows of texts, and how many tokens of each were not sent."""
        wrap("")  # says what is wrong with an instruction even where there are no texts
        if not texts:
            return np.empty((0, self.spec.dim), np.float32), []
        ready = [self.ready(text, wrap) for text in texts]
        asked = kind if self._server_adds else None
        answer = self.client.embed([item.text for item in ready], asked)
        if answer.rows.shape[1] not in (self.spec.dim, self.spec.model_dim):
            raise wrong_dim(self.client.address, answer.rows.shape[1], self.spec)
        sent = sum(item.tokens for item in ready)
        if self.usage_counts and answer.tokens is not None and answer.tokens < sent:
            log.warning("%s says that it has read only %d of %d tokens",
                        self.client.address.host, answer.tokens, sent)  # fmt: skip
        return shortened(answer.rows, self.spec.dim), [item.cut for item in ready]


def shortened(rows: Vectors, dim: int) -> Vectors:
    """The first numbers of each row, scaled to unit length again; the model was trained for it."""
    if rows.shape[1] == dim:
        return rows
    short = rows[:, :dim]
    unit: Vectors = short / np.linalg.norm(short, axis=1, keepdims=True)
    return unit
