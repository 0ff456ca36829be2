r"""`http://host:8000#model?option=value&...` -> a server, and what the caller says about its model.

Everything after `#` is for us and is never part of an address that is asked. `%xx` stands for any
character, `\n` for a line break.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from encoder.errors import UsageError

EXAMPLE = "http://localhost:8000#nvidia/llama-embed-nemotron-8b"
OPTIONS = (
    "as", "query", "passage", "task", "templates", "tokens", "tokenizer",
    "batch", "parallel", "timeout", "key",
)  # fmt: skip
# TEI takes 32 texts in a request unless it is told otherwise, the others more.
BATCH_TEXTS, PARALLEL_REQUESTS, TIMEOUT_S = 32, 4, 120
KEY_VARIABLE = "CROSSTONGUE_API_KEY"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server of `/v1/embeddings` as the caller named it.

    Attributes:
        base_url: With the path before `/embeddings`: "http://host:8000/v1".
        model: What the server calls the model.
        row: Name of the registry row that describes the model; empty if its own name does.
        query_template, passage_template: For a model that is no row; empty if not given.
        task: The default instruction for `{task}` in the query template.
        templates: Who puts the templates around a text. A "server" is told by `input_type` whether
            a text is a query or a passage.
        max_tokens: Longest input that the server reads; None if not given.
        tokenizer: A `tokenizer.json` to count with; None if not given.
        batch_texts: Most texts in one request.
        parallel: Most requests at a time.
        timeout_s: How long one request may take.
        key_variable: The environment variable that holds the API key.
    """

    base_url: str
    model: str
    row: str = ""
    query_template: str = ""
    passage_template: str = ""
    task: str = ""
    templates: Literal["client", "server"] = "client"
    max_tokens: int | None = None
    tokenizer: Path | None = None
    batch_texts: int = BATCH_TEXTS
    parallel: int = PARALLEL_REQUESTS
    timeout_s: int = TIMEOUT_S
    key_variable: str = KEY_VARIABLE

    @property
    def host(self) -> str:
        """The server without the path, for messages: "http://host:8000"."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_this_machine(self) -> bool:
        """Whether no network is needed to reach it."""
        name = urlsplit(self.base_url).hostname or ""
        try:
            return name == "localhost" or ip_address(name).is_loopback
        except ValueError:
            return False


def is_address(name: str) -> bool:
    """Tell whether the name of an encoder is the address of a server."""
    return name.lower().startswith(("http://", "https://"))


def parse_address(name: str) -> ServerAddress:
    """Read what the caller gave as `--encoder`.

    Raises:
        UsageError: It is no address, holds a password, or an option makes no sense.
    """
    url, _, rest = name.partition("#")
    model, _, options = rest.partition("?")
    base_url = _base_url(url)
    if not model:
        raise UsageError(
            f"{url} names a server, but no model.", f"Add its name: --encoder {url}#NAME"
        )
    values = dict(_option(item) for item in options.split("&") if item)
    templates = values.get("templates", "client")
    if templates not in ("client", "server"):
        raise UsageError(
            f"templates={templates} makes no sense.", "Say templates=server or client."
        )
    return ServerAddress(
        base_url,
        unquote(model),
        row=values.get("as", ""),
        query_template=_template(values, "query"),
        passage_template=_template(values, "passage"),
        task=values.get("task", ""),
        templates="server" if templates == "server" else "client",
        max_tokens=_number(values, "tokens", 8) if "tokens" in values else None,
        tokenizer=Path(values["tokenizer"]) if "tokenizer" in values else None,
        batch_texts=_number(values, "batch", 1, BATCH_TEXTS),
        parallel=_number(values, "parallel", 1, PARALLEL_REQUESTS),
        timeout_s=_number(values, "timeout", 1, TIMEOUT_S),
        key_variable=values.get("key", KEY_VARIABLE),
    )


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for what is no number
    except ValueError as error:
        raise UsageError(f"{url} is no address: {error}.", f"Write it as {EXAMPLE}") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "The address holds a user name or password, which would show in logs and histories.",
            f"Put the key into the environment variable {KEY_VARIABLE}.",
        )
    if not parts.hostname or parts.query:
        raise UsageError(f"{url} is no address of a server.", f"Write it as {EXAMPLE}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/embeddings") or "/v1"
    return f"{parts.scheme.lower()}://{host}{'' if port is None else f':{port}'}{path}"


def _option(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    if name not in OPTIONS or not value:
        raise UsageError(
            f"{item!r} after the model's name makes no sense.",
            f"Options are name=value with & between: {', '.join(OPTIONS)}; see docs/servers.md.",
        )
    return name, unquote(value.replace("\\n", "\n"))


def _template(values: dict[str, str], name: str) -> str:
    template = values.get(name, "")
    if template and template.count(f"{{{name}}}") != 1:
        raise UsageError(
            f"The template {name}={template!r} does not hold {{{name}}} once.",
            f"Write it like {name}='{name}: {{{name}}}', or {name}={{{name}}} for none.",
        )
    return template


def _number(values: dict[str, str], name: str, least: int, default: int = 0) -> int:
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise UsageError(f"{name}={text} makes no sense.", f"Give a number of at least {least}.")
    return int(text)
