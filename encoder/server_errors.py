"""What can go wrong with a server, each as one sentence and the next step."""

from typing import TYPE_CHECKING, Self

from encoder.address import ServerAddress
from encoder.errors import EncoderError

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError

# How much of a server's own words is shown.
MOST_CHARS = 200

NO_EMBEDDINGS = "Is it a server of /v1/embeddings, and the model one that embeds? Look at its log."
OVERFLOW = "Start it with --dtype bfloat16 or float32: in float16 some models overflow."
MISCOUNTED = "Send one text at a time, after the model's name: ?batch=1; or use another server."


class ServerError(EncoderError):
    """The server that was named gave no vectors, or none that can be used."""

    exit_code = 8

    @classmethod
    def unusable(cls, address: ServerAddress, got: str, advice: str = NO_EMBEDDINGS) -> Self:
        """An answer that cannot be right."""
        return cls(f"{address.host} answered with {got}.", advice)


def connection_refusal(
    address: ServerAddress, error: "APIConnectionError", retries: int
) -> ServerError:
    """No answer at all."""
    cause, tried = error.__cause__, f" (tried {retries + 1} times)" if retries else ""
    kind = type(cause).__name__  # by name: it is httpx's or httpx2's, as the client's version is
    if kind in ("ConnectError", "ConnectTimeout"):
        return ServerError(
            f"No server can be reached at {address.host}: {cause or 'no connection'}.",
            "Start it, or correct the address; docs/servers.md has commands for several servers.",
        )
    if kind.endswith("Timeout"):
        return ServerError(
            f"{address.host} did not answer within {address.timeout_s} s{tried}.",
            "Give it longer or less at once, after the model's name: "
            f"?timeout={address.timeout_s * 5}&batch={max(1, address.batch_texts // 4)}",
        )
    return ServerError(
        f"{address.host} cut the connection{tried}.",
        "Look at its log: it may have run out of memory. Send less at once, after the model's "
        f"name: ?batch={max(1, address.batch_texts // 4)}&parallel=1",
    )


def status_refusal(
    address: ServerAddress,
    error: "APIStatusError",
    texts: int,
    retries: int,
    served: tuple[str, ...] = (),
) -> ServerError:
    """An answer whose status says no.

    Args:
        address: Whom we asked.
        error: As the client raised it.
        texts: How many texts were in the request.
        retries: How often the client asked again where that may help.
        served: The models that the server lists.
    """
    status, said = error.status_code, _said(error)
    again = f" (tried {retries + 1} times)" if retries else ""
    if status < 400:
        target = error.response.headers.get("location", "elsewhere")
        return ServerError(
            f"{address.host} sends us on to {target[:MOST_CHARS]}.",
            "Texts and keys are not sent on. If you trust that address, name it yourself.",
        )
    if status in (401, 403):
        return ServerError(
            f"{address.host} does not let us in ({status}): {said}",
            f"Put its API key into the environment variable {address.key_variable}; it is sent to "
            "this host only.",
        )
    if status == 404:
        listed = f"It serves: {', '.join(served[:8])}." if served else "It lists no models."
        return ServerError(
            f"{address.base_url} has no model {address.model!r} (404): {said}",
            f"{listed} Correct the name after #, or the path: {address.host}/v1#NAME",
        )
    if status == 429:
        return ServerError(
            f"{address.host} is overloaded{again} (429): {said}",
            "Ask less at a time, after the model's name: "
            f"?parallel=1&batch={max(1, address.batch_texts // 4)}",
        )
    if status >= 500:
        return ServerError(
            f"{address.host} failed{again} ({status}): {said}",
            "Look at the server's log; if it is still loading its model, try again later.",
        )
    many = f" of {texts} texts" if texts > 1 else ""
    return ServerError(
        f"{address.host} refused a request{many} ({status}): {said}",
        "If a text is too long for it, say how many tokens it reads, after the model's name: "
        "?tokens=512",
    )


def _said(error: "APIStatusError") -> str:
    """The server's own words, shortened."""
    body = error.body
    if isinstance(body, dict):
        for name in ("message", "detail", "error"):
            if isinstance(body.get(name), str):
                body = body[name]
                break
    text = " ".join(str(body if body else "no reason given").split())
    short = text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"
    return short if short.endswith((".", "…", "!", "?")) else f"{short}."
