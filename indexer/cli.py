"""The commands of `python -m indexer`."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from encoder.console import (
    INTERRUPTED,
    LoadEncoder,
    load_when_needed,
    run,
    show_log,
    stderr,
    stdout,
)
from indexer import show
from indexer.backup import back_up
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.compact import compact_index
from indexer.errors import IndexNotFound
from indexer.manifest import read_manifest, recorded_encoder
from indexer.options import BuildOptions
from indexer.plan import plan_build
from indexer.store import open_index
from indexer.verify import verify_index

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make an index of a folder of documents, and look after it.",
)

Index = Annotated[Path, typer.Option("--index", help="Folder of the index.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

FILES_UNREAD = 7


@app.command(epilog="Example: python -m indexer build ./docs --exclude 'drafts/' --index ./index")
def build(
    context: typer.Context,
    docs: Annotated[Path, typer.Argument(metavar="DOCS", help="Folder of documents.")],
    index: Index = Path("index"),
    encoder: Annotated[
        str,
        typer.Option(
            help="auto, a name from: python -m encoder list, or a server: http://host:8000#model"
        ),
    ] = "auto",
    max_tokens: Annotated[
        int | None, typer.Option(help="Most tokens of a passage. [default: 256]")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Tokens repeated in the next passage. [default: 32]")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Read only files that match.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave out files that match.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Files read at a time. [default: by what there is]"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make everything anew.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False,
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="More than half of the documents may go.")
    ] = False,
    root_moved: Annotated[
        bool, typer.Option("--root-moved", help="The same folder has another path now.")
    ] = False,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a licence without commercial use.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 7 if a file could not be read.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make an index of a folder, or bring it up to date.

    Run it again after documents were added, edited, renamed or deleted: only what has changed is
    encoded. An interrupted build goes on where it stopped.
    """
    show_log(quiet=quiet)
    options = BuildOptions(
        _chunking(index, max_tokens, overlap, fresh=fresh),
        tuple(include or ()),
        tuple(exclude or ()),
        fresh,
        allow_removals,
        root_moved,
        workers,
    )
    if dry_run:
        found, changes = plan_build(docs, index, options)
        show.plan(found, changes, as_json=as_json)
        return 0
    load: LoadEncoder = context.obj
    name = _encoder_name(index, encoder, fresh=fresh)
    loaded = load(name, accept_licence=accept_license, offline=offline)
    try:
        with show.progress(quiet=quiet or as_json) as watch:
            report = build_index(docs, index, loaded, options, watch)
    except KeyboardInterrupt:
        kept = "What was committed is kept; the same command goes on from it."
        stderr.print(f"Interrupted. {'--fresh begins anew next time.' if fresh else kept}")
        return INTERRUPTED
    if as_json:
        stdout.print_json(json.dumps(asdict(report)))
    elif not quiet:
        show.report(report, index)
    return FILES_UNREAD if strict and report.unread else 0


@app.command(epilog="Example: python -m indexer status --index ./index")
def status(index: Index = Path("index"), as_json: AsJson = False) -> None:
    """Say what the index holds, of what, made with what and when."""
    facts = show.facts(open_index(index))
    show.mapping(facts, as_json=as_json)


@app.command(epilog="Example: python -m indexer ls --index ./index --json")
def ls(index: Index = Path("index"), as_json: AsJson = False) -> None:
    """List the documents of the index, and the files that could not be read."""
    opened = open_index(index)
    with opened.reading() as database:
        documents, unread = opened.documents(database), opened.unread(database)
    show.listing(documents, unread, as_json=as_json)


@app.command(epilog="Example: python -m indexer verify --index ./index")
def verify(index: Index = Path("index"), as_json: AsJson = False) -> None:
    """Read everything in the index and compare it with its checksums.

    Exits with 6 if something is damaged.
    """
    checked = verify_index(index)
    show.mapping(checked, as_json=as_json)


@app.command(epilog="Example: python -m indexer compact --index ./index")
def compact(index: Index = Path("index"), as_json: AsJson = False) -> None:
    """Leave out the rows of deleted and edited documents, so that the index shrinks.

    A build does this by itself when over a quarter of the rows are dead. The old files stay until
    the next build, for those who are just reading them.
    """
    done = compact_index(index)
    if as_json:
        stdout.print_json(json.dumps(asdict(done)))
    else:
        dead = done.rows_before - done.rows_after
        stdout.print(f"{dead} of {done.rows_before} rows were dead. In use: {done.generation}")


@app.command(epilog="Example: python -m indexer backup ./index-copy --index ./index")
def backup(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A folder to make.")],
    index: Index = Path("index"),
) -> None:
    """Copy the index, also while a build is running."""
    back_up(index, destination)
    stdout.print(f"Copied to {destination}", markup=False)


def _chunking(
    index: Path, max_tokens: int | None, overlap: int | None, *, fresh: bool
) -> Chunking | None:
    """None where nothing was asked for; else what was asked for over what the index has."""
    if max_tokens is None and overlap is None:
        return None
    base = Chunking()
    if not fresh:
        with suppress(IndexNotFound):
            base = read_manifest(index).chunking
    chosen = base.max_tokens if max_tokens is None else max_tokens
    default_overlap = min(base.overlap_tokens, chosen // 4)
    return Chunking(chosen, default_overlap if overlap is None else overlap)


def _encoder_name(index: Path, asked: str, *, fresh: bool) -> str:
    """An existing index decides what `auto` means."""
    if asked != "auto" or fresh:
        return asked
    try:
        return recorded_encoder(read_manifest(index))
    except IndexNotFound:
        return asked


def main(argv: Sequence[str] | None = None, load: LoadEncoder = load_when_needed) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m indexer", load)
