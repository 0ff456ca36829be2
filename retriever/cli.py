"""The commands of `python -m retriever`."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from encoder.console import LoadEncoder, load_when_needed, run, show_log, stderr, stdout
from encoder.errors import UsageError
from encoder.spec import Reranker
from retriever import show
from retriever.balance import BalanceMode
from retriever.errors import BlankQuery
from retriever.evaluation.commands import evaluate
from retriever.hit import SearchMode
from retriever.why import Why

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Ask an index, in any language.")

NOTHING_FOUND = 3
DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M")


@app.callback()
def _commands() -> None:
    """Keep `search` a command of its own, as others will stand beside it."""


@app.command(
    epilog='Example: python -m retriever search "Wie lange gilt die Garantie?" --lang ja,ar -k 5'
)
def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question, in any language.")],
    index: Annotated[Path, typer.Option("--index", help="Folder of the index.")] = Path("index"),
    k: Annotated[int, typer.Option("-k", help="Most hits wanted.")] = 10,
    lang: Annotated[str, typer.Option(help="Only passages in these languages: de,fr")] = "",
    path: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only sources that match: 'manuals/'")
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="TEXT", help="Only these formats: pdf,md")
    ] = "",
    after: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only files written to since: 2026-01-31")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only files written to before this day.")
    ] = None,
    per_document: Annotated[
        int | None, typer.Option(help="Most hits of one document. [default: any number]")
    ] = None,
    mode: Annotated[
        SearchMode,
        typer.Option(
            help="Find by meaning (dense), by the question's words (lexical), or by both."
        ),
    ] = "hybrid",
    instruction: Annotated[
        str | None, typer.Option(help="Task put before the question, if the encoder takes one.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Only hits of at least this score.")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(help="Only hits that answer with this probability: 0.5")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="The index's encoder, or a server that runs it. [default: its own]"),
    ] = None,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a licence without commercial use.")
    ] = False,
    balance: Annotated[
        BalanceMode, typer.Option(help="Take the languages' own lean out of the ranking.")
    ] = "auto",
    rerank: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A reranker that reads the first hits again."),
    ] = None,
    fold: Annotated[
        bool,
        typer.Option("--fold/--no-fold", help="Show translations and copies as one hit."),
    ] = True,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say how hits were ranked, and which words carried them."),
    ] = False,
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit with 3 if nothing was found.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the hits as JSON.")] = False,
) -> int:
    """Find the passages that answer a question, whatever language they are written in."""
    show_log(quiet=True)
    from indexer.manifest import recorded_encoder
    from indexer.store import open_index
    from retriever import remarks
    from retriever.ahead import read_ahead
    from retriever.filters import Filters
    from retriever.remarks import Asked
    from retriever.retriever import Retriever
    from retriever.snippet import Snippets
    from retriever.why import explain_hits

    if not question.strip():
        raise BlankQuery  # before seconds go into loading an encoder
    since, until = _moment("--after", after), _moment("--before", before)
    load: LoadEncoder = context.obj
    name = encoder or recorded_encoder(open_index(index).manifest)
    read_ahead()
    # A reranker brings torch along anyway.
    loaded = load(name, accept_licence=accept_license, one_question=rerank is None)
    retriever = Retriever.open(index, loaded)
    held = {code.lower(): code for code in retriever.languages()}
    languages = tuple(held.get(code.lower(), code) for code in _listed(lang))
    filters = Filters(languages, path, _listed(formats), since, until)
    asked = Asked(question, filters, mode, balance)
    hits = retriever.search(
        question,
        k,
        languages=filters.languages,
        path=filters.path,
        formats=filters.formats,
        modified_after=filters.modified_after,
        modified_before=filters.modified_before,
        min_score=min_score,
        min_confidence=min_confidence,
        per_document=per_document,
        instruction=instruction,
        mode=mode,
        balance=balance,
        rerank=None if rerank is None else _load_reranker(rerank, accept_license),
        fold=fold,
    )
    if explain:
        show.print_ranking(retriever, asked)
    whys: tuple[Why, ...] = ()
    if explain or not as_json:
        whys = explain_hits(question, hits, retriever.encoder, instruction)
    if as_json:
        stdout.print_json(json.dumps(show.as_data(hits, whys)))
    else:
        snippets = Snippets()
        for hit, why in zip(hits, whys, strict=True):
            show.print_hit(hit, snippets.show(hit, why), explain=explain)
        if explain and whys:
            stderr.print(show.how_explained(whys[0]), markup=False)
    for remark in remarks.missing_phrases(retriever, asked):
        show.print_remark(remark)
    if hits:
        wanted = explain or min_confidence is not None
        for remark in (
            *remarks.absent(retriever, filters),
            *remarks.unknown_confidence(retriever, asked, wanted=wanted),
            *remarks.only_weak(hits),
        ):
            show.print_remark(remark)
        return 0
    least = {"--min-score": min_score, "--min-confidence": min_confidence}
    used = [*filters.options(), *(name for name, value in least.items() if value is not None)]
    show.print_nothing_found(remarks.nothing_found(retriever, asked, used))
    return NOTHING_FOUND if fail_empty else 0


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _moment(option: str, text: str | None) -> datetime | None:
    """Read a day, or a day and a time."""
    if text is None:
        return None
    for form in DATES:
        with suppress(ValueError):
            moment = datetime.strptime(text, form)
            moment.timestamp()  # the first day of the year 1 has none
            return moment
    what = f"{option} is {text[:40]!r}, which is no date."
    raise UsageError(what, f"Write it like this: {option} 2026-01-31")


def _load_reranker(name: str, accept_licence: bool) -> Reranker:
    from encoder.reranker import load_reranker

    return load_reranker(name, accept_licence=accept_licence)


app.command(
    "eval",
    epilog="Example: python -m retriever eval --index ./index --questions questions.jsonl",
)(evaluate)


def main(argv: Sequence[str] | None = None, load: LoadEncoder = load_when_needed) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m retriever", load)
