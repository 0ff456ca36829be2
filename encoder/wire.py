"""texts -> rows over `/v1/embeddings`: the official client, and nothing believed unchecked.

An answer is taken only if it is JSON, numbers each text's row once, and holds finite numbers that
are not all zero, as many for each text. Keys and texts go to the host that the caller named: no
redirect is followed, and nothing that the client library takes from the environment is sent.
"""

import base64
import binascii
import logging
import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from encoder.address import ServerAddress
from encoder.errors import EncoderNotAvailable
from encoder.server_errors import (
    MISCOUNTED,
    OVERFLOW,
    ServerError,
    connection_refusal,
    status_refusal,
)
from encoder.spec import Vectors

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

log = logging.getLogger(__name__)

InputType = Literal["query", "passage"]
Encoding = Literal["base64", "float"]

RETRIES, CONNECT_S = 8, 5
# The first request finds a wrong address or key, and should not take a minute to say so.
FIRST_RETRIES = 1
# What else the client library would send, it takes from the environment or from this machine.
_HEADERS = {
    "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type",
    "host", "transfer-encoding", "user-agent",
}  # fmt: skip
# A server may answer these because there are too many texts in one request.
_TOO_MUCH = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    embedding: str | list[float]


@dataclass(frozen=True, slots=True)
class _Usage:
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Body:
    data: list[_Row]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server lists; max_model_len is what vLLM says of its longest input."""

    id: str
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class _Models:
    data: list[ServedModel]


_BODY: TypeAdapter[_Body] = TypeAdapter(_Body)
_MODELS: TypeAdapter[_Models] = TypeAdapter(_Models)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server gave: unit rows of shape (texts, dim), and the tokens it says it has read."""

    rows: Vectors
    tokens: int | None


class EmbeddingsClient:
    """Asks one server for the vectors of one model; several threads may use it."""

    def __init__(self, address: ServerAddress, client: "OpenAI", retries: int) -> None:
        self.address = address
        self._client = client
        weakref.finalize(self, client.close)  # an encoder has no end that its user would announce
        self._retries = retries
        self._encoding: Encoding = "base64"
        self._batch_texts = address.batch_texts
        self._places = threading.BoundedSemaphore(address.parallel)

    @classmethod
    def open(cls, address: ServerAddress, retries: int = RETRIES) -> Self:
        """Make a client; nothing is sent yet.

        Raises:
            EncoderNotAvailable: The package `openai` is not installed.
        """
        try:
            from openai import DefaultHttpxClient, OpenAI, Timeout
        except ImportError as error:
            raise EncoderNotAvailable(
                "An encoder on a server needs the package openai, which is not installed.",
                "Install it: pip install -c constraints.txt -e '.[served]'",
            ) from error
        key = os.environ.get(address.key_variable, "")
        if key and address.base_url.startswith("http:") and not address.is_this_machine:
            log.warning("the key goes to %s unencrypted; use https:// if you can", address.host)

        def keep_ours(request: Any) -> None:
            for name in [name for name in request.headers if name.lower() not in _HEADERS]:
                del request.headers[name]
            request.headers["user-agent"] = "crosstongue"
            request.headers.pop("authorization", None)
            if key:
                request.headers["authorization"] = f"Bearer {key}"

        client = OpenAI(
            api_key=key or "none",
            base_url=address.base_url,
            max_retries=retries,
            timeout=Timeout(address.timeout_s, connect=CONNECT_S),
            http_client=DefaultHttpxClient(
                follow_redirects=False, event_hooks={"request": [keep_ours]}
            ),
        )
        return cls(address, client, retries)

    def models(self) -> tuple[ServedModel, ...]:
        """What the server lists; nothing if it lists nothing.

        Raises:
            ServerError: It cannot be reached, or wants a key.
        """
        import openai

        try:
            client = self._client.with_options(max_retries=min(self._retries, FIRST_RETRIES))
            content = client.get("/models", cast_to=str)
        except openai.APIStatusError as error:
            if error.status_code in (401, 403) or error.status_code < 400:
                raise status_refusal(self.address, error, 0, self._retries) from error
            return ()
        except openai.APIConnectionError as error:
            raise connection_refusal(self.address, error, 0) from error
        try:
            return tuple(_MODELS.validate_json(content).data)
        except ValidationError:
            return ()

    def embed(self, texts: Sequence[str], input_type: InputType | None = None) -> Answer:
        """Get the rows of texts that are ready to be read by the model, in the order given.

        Raises:
            ServerError: There is no answer, or none that can be used.
        """
        size = self._batch_texts
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        if len(batches) == 1:
            return self._split(batches[0], input_type)
        pool = ThreadPoolExecutor(self.address.parallel)
        try:
            answers = list(pool.map(lambda batch: self._split(batch, input_type), batches))
        finally:
            pool.shutdown(cancel_futures=True)
        return self._joined(answers)

    def _split(self, texts: Sequence[str], input_type: InputType | None) -> Answer:
        """Ask for a batch, in halves if it is too large for the server."""
        import openai

        try:
            return self._answer(texts, input_type)
        except openai.APIStatusError as error:
            if error.status_code not in _TOO_MUCH or len(texts) == 1:
                raise self._refusal(error, len(texts)) from error
        half = (len(texts) + 1) // 2
        parts = [self._split(part, input_type) for part in (texts[:half], texts[half:])]
        if half < self._batch_texts:
            log.info("%s takes fewer than %d texts at once; now %d are sent",
                     self.address.host, len(texts), half)  # fmt: skip
            self._batch_texts = half
        return self._joined(parts)

    def _joined(self, answers: list[Answer]) -> Answer:
        dims = sorted({answer.rows.shape[1] for answer in answers})
        if len(dims) > 1:
            raise ServerError.unusable(self.address, f"rows of {dims} dimensions")
        tokens = [answer.tokens for answer in answers]
        known = [number for number in tokens if number is not None]
        rows = np.concatenate([answer.rows for answer in answers])
        return Answer(rows, sum(known) if len(known) == len(tokens) else None)

    def _answer(self, texts: Sequence[str], input_type: InputType | None) -> Answer:
        """Ask once; a server that does not know base64 is asked for plain numbers from then on."""
        import openai

        try:
            content = self._post(texts, input_type)
        except openai.APIStatusError as error:
            if self._encoding == "float" or error.status_code not in (400, 422):
                raise
            if not any(word in str(error.body).lower() for word in ("encoding_format", "base64")):
                raise
            self._encoding = "float"
            content = self._post(texts, input_type)
        try:
            body = _BODY.validate_json(content)
        except ValidationError as error:
            raise ServerError.unusable(self.address, _wrong_shape(error)) from error
        tokens = body.usage.prompt_tokens if body.usage else None
        return Answer(_rows(self.address, body, len(texts)), tokens)

    def _post(self, texts: Sequence[str], input_type: InputType | None) -> str:
        import openai

        # NIM and those like it would else cut a long text, or read each as a query.
        told = {"input_type": input_type, "truncate": "NONE"} if input_type else {}
        body = {
            "model": self.address.model,
            "input": list(texts),
            "encoding_format": self._encoding,
            **told,
        }
        try:
            with self._places:
                # The library's own method would parse the answer leniently: missing fields pass.
                return self._client.post("/embeddings", body=body, cast_to=str)
        except openai.APIConnectionError as error:
            raise connection_refusal(self.address, error, self._retries) from error

    def _refusal(self, error: "APIStatusError", texts: int) -> ServerError:
        served = tuple(model.id for model in self.models()) if error.status_code == 404 else ()
        return status_refusal(self.address, error, texts, self._retries, served)


def _rows(address: ServerAddress, body: _Body, texts: int) -> Vectors:
    """Order and decode the rows of an answer, and scale them to unit length."""
    if sorted(row.index for row in body.data) != list(range(texts)):
        raise ServerError.unusable(
            address,
            f"rows numbered {[row.index for row in body.data][:8]} for {texts} texts",
            MISCOUNTED,
        )
    in_order = sorted(body.data, key=lambda row: row.index)
    rows = [_numbers(address, row.embedding) for row in in_order]
    dims = sorted({len(row) for row in rows})
    if len(dims) != 1 or dims[0] == 0:
        raise ServerError.unusable(address, f"rows of {dims} dimensions")
    stacked = np.stack(rows)
    if not np.isfinite(stacked).all():
        raise ServerError.unusable(address, "a row that holds NaN or infinity", OVERFLOW)
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    if not (norms > 0).all():
        raise ServerError.unusable(address, "a row of zeros", OVERFLOW)
    unit: Vectors = (stacked / norms).astype(np.float32)
    return unit


def _numbers(address: ServerAddress, embedding: str | list[float]) -> npt.NDArray[np.float64]:
    """Decode one row: little-endian float32 in base64, or a list."""
    if not isinstance(embedding, str):
        return np.array(embedding, np.float64)
    try:
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float64)
    except (binascii.Error, ValueError) as error:
        raise ServerError.unusable(address, "a row that is no base64 of float32") from error


def _wrong_shape(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "something that is not JSON"
    return f"JSON of another shape ({'.'.join(map(str, first['loc'])) or 'top'}: {first['msg']})"
