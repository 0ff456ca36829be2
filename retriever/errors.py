"""What can go wrong between a question and its hits. The tree is drawn in encoder/errors.py."""

from encoder.errors import RagError


class RetrieverError(RagError):
    """A question cannot be answered."""


class BlankQuery(RetrieverError):
    """There is nothing to search for."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("The question is blank.", "Type a question, in any language.")


class EvaluationError(RetrieverError):
    """Questions, documents or judgements make no sense."""

    exit_code = 2


class LibraryMissing(RetrieverError):
    """A library that only some commands need is not installed."""

    exit_code = 8

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"{library} is not installed.",
            f"Install it: pip install -c constraints.txt -e '.[{extra}]'",
        )
