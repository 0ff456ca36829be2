"""What can go wrong between a question and its hits. The tree is drawn in encoder/errors.py."""

from encoder.errors import RagError


class RetrieverError(RagError):
    """A question cannot be answered."""


class BlankQuery(RetrieverError):
    """There is nothing to search for."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("The question is blank.", "Type a question, in any language.")
