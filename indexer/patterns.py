"""Patterns in gitignore syntax, as people type them."""

from collections.abc import Iterable

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.base import GitIgnorePatternError

from encoder.errors import UsageError


def compile_patterns(lines: Iterable[str], where: str) -> GitIgnoreSpec:
    """Compile patterns, one a line.

    Args:
        lines: The patterns.
        where: What to name in the message: "--path", ".ragignore".

    Raises:
        UsageError: One of them makes no sense.
    """
    lines = list(lines)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except GitIgnorePatternError as error:
        raise UsageError(
            f"{where} holds a pattern that makes no sense: {error}.",
            "Patterns are in gitignore syntax: 'manuals/' or '*.pdf'.",
        ) from error
