"""text -> what the model reads: the template around a passage, and the instruction and query."""

from encoder.errors import UsageError
from encoder.spec import EncoderSpec


def passage_text(spec: EncoderSpec, text: str) -> str:
    """Put a passage into the encoder's template."""
    return spec.passage_template.replace("{passage}", text)


def query_text(spec: EncoderSpec, text: str, instruction: str | None) -> str:
    """Put a query and its instruction into the encoder's template; None takes the default task.

    Raises:
        UsageError: An instruction for an encoder that takes none.
    """
    template = spec.query_template
    if not spec.takes_instructions:
        if instruction is not None:
            raise UsageError(
                f"{spec.name} takes no instruction.",
                "Leave --instruction out, or use an encoder that takes one: nemotron-8b.",
            )
        return template.replace("{query}", text)
    task = spec.default_task if instruction is None else instruction
    # The query goes in last, so that braces inside it stay as they are.
    head, tail = template.replace("{task}", task).rsplit("{query}", 1)
    return f"{head}{text}{tail}"


def placed_passage(spec: EncoderSpec, text: str) -> tuple[str, int, int]:
    """A passage in its template, and the span [start, end) of the passage in that."""
    start = spec.passage_template.index("{passage}")
    return passage_text(spec, text), start, start + len(text)


def placed_query(spec: EncoderSpec, text: str, instruction: str | None) -> tuple[str, int, int]:
    """A query in its template, and the span [start, end) of the query in that.

    Raises:
        UsageError: An instruction for an encoder that takes none.
    """
    start = query_text(spec, "\0", instruction).rindex("\0")
    return query_text(spec, text, instruction), start, start + len(text)


def valid_text(text: str) -> str:
    """Replace lone surrogates, as a shell passes on for invalid bytes; the length stays."""
    return text.encode("utf-8", "replace").decode("utf-8")
