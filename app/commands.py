"""The console script `crosstongue`: the same commands as `python -m ...`, under one name.

It is what to use outside a clone: `python -m` looks for modules in the current folder first, and a
folder of documents may hold anything.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

import encoder.cli
import indexer.cli
import retriever.cli
import retriever.evaluation.commands
from app.launch import page
from encoder.console import LoadEncoder, leave, load_when_needed, run, stdout

app = typer.Typer(
    no_args_is_help=True,
    help="Ask in any language, find it in every language: search over a folder of documents.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        stdout.print(f"crosstongue {version('crosstongue')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    pass


app.command("build")(indexer.cli.build)
app.command("search")(retriever.cli.search)
app.command("eval")(retriever.evaluation.commands.evaluate)
app.command("page")(page)
app.command("status")(indexer.cli.status)
app.command("ls")(indexer.cli.ls)
app.command("verify")(indexer.cli.verify)
app.command("backup")(indexer.cli.backup)
app.command("encoders")(encoder.cli.list_encoders)
app.command("doctor")(encoder.cli.doctor)


def main(argv: Sequence[str] | None = None, load: LoadEncoder = load_when_needed) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "crosstongue", load)


def script() -> NoReturn:
    """What the console script runs."""
    leave(main())
