"""The commands of `python -m encoder`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from encoder.console import run, show_log, stdout
from encoder.registry import REGISTRY

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Which encoders there are, and what this machine makes of them.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list", epilog="Example: python -m encoder list")
def list_encoders(as_json: AsJson = False) -> None:
    """List the encoders that are known by name."""
    if as_json:
        stdout.print_json(json.dumps([asdict(spec) for spec in REGISTRY.values()]))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "dim", "tokens", "languages", "download", "licence"):
        table.add_column(heading)
    for spec in REGISTRY.values():
        table.add_row(
            spec.name,
            str(spec.dim),
            str(spec.max_tokens),
            spec.languages,
            f"{spec.download_mb} MB" if spec.download_mb else "none",
            spec.licence + ("" if spec.commercial_use else " (no commercial use)"),
        )
    stdout.print(table, soft_wrap=False)


@app.command(epilog="Example: python -m encoder doctor --encoder e5-small")
def doctor(
    encoder: Annotated[
        str, typer.Option(help="auto, a name from the list, or http://host:8000#model.")
    ] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a licence without commercial use.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load an encoder, test it, and say what was found on this machine.

    Exits with 8 if it cannot be loaded or would give wrong vectors.
    """
    show_log(quiet=as_json)
    from encoder.doctor import examine

    facts = examine(encoder, accept_licence=accept_license, offline=offline)
    if as_json:
        stdout.print_json(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        stdout.print(f"{name:<{width}}  {escape(value)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m encoder")
