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


def valid_text(text: str) -> str:
    """Replace lone surrogates, as a shell passes on for invalid bytes; the length stays."""
    return text.encode("utf-8", "replace").decode("utf-8")
