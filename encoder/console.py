"""What all commands have in common: streams, log lines, error messages and exit codes."""

import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

import typer
from rich.console import Console
from rich.markup import escape

from encoder.errors import OutputNotWritten, RagError
from encoder.spec import Encoder


# Results go to stdout; progress, logs and errors to stderr, so that results can be piped.
class _PipedConsole(Console):
    """Ends quietly when the reader of a pipe has seen enough ("| head").

    Raises:
        OutputNotWritten: The file that stdout leads to cannot be written.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except OSError as error:
            raise OutputNotWritten(error.strerror or str(error)) from error

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0)


stdout = _PipedConsole(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)

INTERRUPTED = 130
# Of a value that makes no sense, what a message repeats.
MOST_VALUE_CHARS = 40


class LoadEncoder(Protocol):
    """What commands load encoders with; `encoder.load.load_encoder` or a test's own."""

    def __call__(
        self,
        name: str,
        *,
        accept_licence: bool = False,
        offline: bool = False,
        one_question: bool = False,
    ) -> Encoder: ...


def load_when_needed(
    name: str,
    *,
    accept_licence: bool = False,
    offline: bool = False,
    one_question: bool = False,
) -> Encoder:
    """Load an encoder, and torch only now: `--help` should not take seconds."""
    from encoder.load import load_encoder

    return load_encoder(
        name, accept_licence=accept_licence, offline=offline, one_question=one_question
    )


def run(
    app: typer.Typer,
    argv: Sequence[str] | None,
    program: str,
    load: LoadEncoder = load_when_needed,
) -> int:
    """Run a command line and return its exit code; errors become one message on stderr.

    Args:
        app: The commands.
        argv: Arguments without the program's name; None takes those of the process.
        program: How the user called it, for the help.
        load: Handed to the commands as `context.obj`.
    """
    _escape_what_the_terminal_lacks()
    try:
        code = app(
            args=None if argv is None else list(argv),
            prog_name=program,
            standalone_mode=False,
            obj=load,
        )
    except RagError as error:
        stderr.print(f"[bold red]Error:[/] {escape(plain(error.what))}")
        if error.next_step:
            stderr.print(escape(plain(error.next_step)))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        stderr.print("Interrupted.")
        code = INTERRUPTED
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own usage errors have it
            raise
        _say_plainly(error)
        error.show()  # type: ignore[attr-defined]
        return 2
    return int(code or 0)


def _say_plainly(error: Any) -> None:
    """Put a refused value into plain words; typer 0.29 passes on what pydantic says of it."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return
    detail = error.__cause__.errors()[0]
    kind, facts = detail["type"], detail.get("ctx", {})
    given = repr(plain(str(detail["input"])[:MOST_VALUE_CHARS]))
    if kind.startswith("int_"):
        error.message = f"{given} is not a whole number."
    elif kind.startswith("float_"):
        error.message = f"{given} is not a number."
    elif kind == "greater_than_equal":
        error.message = f"{given} is less than {facts['ge']}."
    elif kind == "less_than_equal":
        error.message = f"{given} is more than {facts['le']}."
    elif kind == "value_error":
        error.message = plain(str(facts["error"]))


def _escape_what_the_terminal_lacks() -> None:
    """Where the locale's encoding lacks a character, print its number instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave(code: int) -> NoReturn:
    """End the process at once, with this exit code.

    The usual way out takes the tokeniser's quarter of a million pieces apart one by one, half a
    second that nobody waits for. Only for the end of a command that has closed what it opened.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader of the pipe has gone, or the disk is full
        code = code or 120  # as the usual way out has it
    os._exit(code)


def plain(text: str) -> str:
    """A text from outside, safe for a terminal: what is not printable is shown as an escape."""
    return "".join(ch if ch.isprintable() else f"\\u{ord(ch):04x}" for ch in text)


def show_log(*, quiet: bool) -> None:
    """Print what the packages log, one line each, on stderr."""
    handler = _LogLines()
    for package in ("encoder", "indexer", "retriever", "app"):
        logger = logging.getLogger(package)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
        logger.propagate = False


class _LogLines(logging.Handler):
    """Prints log lines; one that is marked `once` is not said again right after itself."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "once", False) and record.getMessage() == self.last:
            return
        self.last = record.getMessage()
        mark = "[yellow]Warning:[/] " if record.levelno >= logging.WARNING else ""
        stderr.print(f"{mark}{escape(plain(record.getMessage()))}")
