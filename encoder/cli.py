"""The commands of `python -m encoder`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from encoder.console import load_when_needed, plain, run, show_log, stderr, stdout
from encoder.errors import UsageError
from encoder.registry import REGISTRY

if TYPE_CHECKING:
    from encoder.attention import AttentionName
    from encoder.mteb import Judgement

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
    rows = [
        ("name", "dim", "tokens", "download", "licence"),
        *(
            (
                spec.name,
                str(spec.dim),
                str(spec.max_tokens),
                f"{spec.download_mb} MB" if spec.download_mb else "none",
                spec.licence if spec.commercial_use else f"no commercial use ({spec.licence})",
            )
            for spec in REGISTRY.values()
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:  # one line each, however narrow the terminal: its licence stands beside it
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        stdout.print("  ".join(cells).rstrip(), markup=False)


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


@app.command(epilog="Example: python -m encoder bench --encoder nemotron-8b --random-weights")
def bench(
    encoder: Annotated[str, typer.Option(help="A name from the list, or a folder.")] = "e5-small",
    tokens: Annotated[
        str, typer.Option(help="Tokens of a text; 0 stands for mixed lengths.")
    ] = "128,512,0",
    batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch.", min=16)] = 2048,
    attention: Annotated[
        str, typer.Option(help="flash-attn, varlen, packed, padded. [default: the best here]")
    ] = "",
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="The shape alone: no download.")
    ] = False,
    layers: Annotated[
        int | None, typer.Option(help="With random weights: fewer layers.", min=1)
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure tokens a second, memory, and the share of what plain matrix products reach."""
    show_log(quiet=as_json)
    from encoder.bench import Bench, as_data, run_bench

    asked = Bench(
        tuple(_number(part) for part in tokens.split(",")),
        batch_tokens,
        tuple(_attention(part) for part in attention.split(",") if part),
        random_weights,
        layers,
    )
    facts, speeds = run_bench(encoder, asked, offline=offline)
    if as_json:
        stdout.print_json(json.dumps(facts | {"speeds": [as_data(speed) for speed in speeds]}))
        return
    for name, value in facts.items():
        shown = f"{value:,}" if isinstance(value, int) else escape(str(value))
        stdout.print(f"{name:<31}  {shown}")
    for speed in speeds:
        memory = f", {speed.peak_gb:.1f} GB" if speed.peak_gb else ""
        stdout.print(
            f"{f'{speed.tokens} tokens' if speed.tokens else 'mixed':<12} {speed.attention:<10} "
            f"{speed.tokens_per_s:>10,.0f} tokens/s, {speed.gemm_share:.0%} of that rate{memory}"
        )


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise UsageError(f"{text!r} is not a number of tokens.", "For instance: --tokens 128,512,0")
    return int(text)


def _attention(text: str) -> "AttentionName":
    known: tuple[AttentionName, ...] = ("flash-attn", "varlen", "packed", "padded")
    for name in known:
        if text == name:
            return name
    raise UsageError(f"{text!r} is no way to compute attention.", f"Take {', '.join(known)}.")


@app.command(epilog="Example: python -m encoder mteb --encoder e5-small --task STS22.v2")
def mteb(
    encoder: Annotated[
        str, typer.Option(help="auto, a name from the list, or http://host:8000#model.")
    ] = "auto",
    task: Annotated[
        list[str] | None, typer.Option(help="Only this task. [default: all of the benchmark]")
    ] = None,
    benchmark: Annotated[str, typer.Option(help="Name of a benchmark.")] = "MTEB(Multilingual, v2)",
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the results; what is there is not rerun.")
    ] = Path("mteb-results"),
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a licence without commercial use.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Judge an encoder by mteb's tasks, with the instructions of the model's own evaluation.

    Downloads the data of each task. Exits with 1 if a task failed.
    """
    show_log(quiet=as_json)
    from encoder.mteb import find_tasks, judge

    tasks = find_tasks(benchmark, task or [])
    judgement = judge(load_when_needed(encoder, accept_licence=accept_license), tasks, results)
    if as_json:
        stdout.print_json(json.dumps(asdict(judgement)))
    else:
        print_judgement(judgement)
    return 1 if judgement.failed else 0


def print_judgement(judgement: "Judgement") -> None:
    """Print scores times 100, as leaderboards do: tasks, means by type, the mean."""
    rows = [(item.task, item.type, item.score) for item in judgement.scores]
    rows += [(f"mean of {name}", "", score) for name, score in judgement.means.items()]
    rows.append((f"mean of {len(judgement.scores)} tasks", "", judgement.mean))
    for name, kind, score in rows:
        stdout.print(f"{name:<40} {kind:<24} {100 * score:6.2f}", markup=False)
    for name, reason in judgement.failed:
        stderr.print(f"Failed: {name}: {plain(reason)}", markup=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m encoder")
