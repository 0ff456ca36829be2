"""The commands of `python -m retriever`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from encoder.console import LoadEncoder, load_when_needed, run, show_log, stderr, stdout
from encoder.spec import Reranker
from retriever.balance import BalanceMode
from retriever.context import also_in, cite
from retriever.errors import BlankQuery
from retriever.evaluation.commands import evaluate
from retriever.hit import Hit, Label, SearchMode
from retriever.snippet import Snippet, clean_line
from retriever.why import Why

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Ask an index, in any language.")

NOTHING_FOUND = 3
CONFIDENCE_STYLE: dict[Label, str] = {"strong": "bold green", "possible": "yellow", "weak": "dim"}
DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


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
        datetime | None,
        typer.Option(formats=DATES, metavar="DATE", help="Only files written to since: 2026-01-31"),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option(formats=DATES, metavar="DATE", help="Only files written to before this day."),
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
    from retriever.ahead import read_ahead
    from retriever.retriever import Retriever
    from retriever.snippet import show
    from retriever.why import explain_hits

    if not question.strip():
        raise BlankQuery  # before seconds go into loading an encoder
    load: LoadEncoder = context.obj
    name = encoder or recorded_encoder(open_index(index).manifest)
    read_ahead()
    retriever = Retriever.open(index, load(name, accept_licence=accept_license))
    held = {code.lower(): code for code in retriever.languages()}
    languages = tuple(held.get(code.lower(), code) for code in _listed(lang))
    hits = retriever.search(
        question,
        k,
        languages=languages,
        path=path,
        formats=_listed(formats),
        modified_after=after,
        modified_before=before,
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
        stderr.print(f"Balance: {retriever.balance_choice(question, balance).reason}.")
        stderr.print(f"Search: {retriever.card_choice(balance).reason}.", markup=False)
    whys: tuple[Why, ...] = ()
    if explain or not as_json:
        whys = explain_hits(question, hits, retriever.encoder, instruction)
    if as_json:
        stdout.print_json(json.dumps(_as_data(hits, whys)))
    else:
        for hit, why in zip(hits, whys, strict=True):
            _print_hit(hit, show(hit.passage.text, why), explain=explain)
        if explain and whys:
            stderr.print(_how_explained(whys[0]))
    if not hits:
        given = {
            "--lang": lang,
            "--path": path,
            "--format": formats,
            "--after": after,
            "--before": before,
            "--min-score": min_score,
            "--min-confidence": min_confidence,
        }
        used = [option for option, value in given.items() if value not in (None, "")]
        _explain_nothing(retriever.languages(), languages, used, mode)
    return NOTHING_FOUND if fail_empty and not hits else 0


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _load_reranker(name: str, accept_licence: bool) -> Reranker:
    from encoder.reranker import load_reranker

    return load_reranker(name, accept_licence=accept_licence)


def _as_data(hits: Sequence[Hit], whys: Sequence[Why]) -> list[dict[str, object]]:
    """What `--json` prints; with `--explain` each hit says why."""
    data = [asdict(hit) for hit in hits]
    for item, why in zip(data, whys, strict=False):
        item["why"] = asdict(why)
    return data


def _how_explained(why: Why) -> str:
    if why.by == "tokens":
        return "Underlined: the words in which the question found most of what it asks for."
    return "No words are marked: this encoder shows no token states, so sentences were encoded."


def _print_hit(hit: Hit, snippet: Snippet, *, explain: bool) -> None:
    """One line of facts; the text below on a line of its own, so that it can run right to left."""
    heading = f"  {clean_line(hit.passage.heading)}" if hit.passage.heading else ""
    facts = Text()
    facts.append(f"{hit.rank:>3}  ", "bold")
    facts.append(f"{hit.score:.3f}  ", "green")
    if hit.confidence is not None:
        facts.append(f"{hit.confidence.label:<8}  ", CONFIDENCE_STYLE[hit.confidence.label])
    if explain and hit.confidence is not None:
        facts.append(f"{hit.confidence.probability:.0%}  ", "dim")
    if explain:
        facts.append(f"cosine {hit.cosine:.3f}  ", "dim")
    facts.append(f"{clean_line(hit.passage.language):<3}  ", "cyan")
    facts.append(cite(hit.passage), "bold")
    facts.append(heading, "dim")
    if hit.also_in:
        facts.append(f"  also in: {also_in(hit)}", "cyan")
    text = Text(snippet.text)
    text.stylize("bold", snippet.best_start, snippet.best_end)
    for start, end in snippet.words if explain else ():
        text.stylize("underline", start, end)
    stdout.print(facts)
    stdout.print(text, soft_wrap=True)
    stdout.print()


def _explain_nothing(
    held: dict[str, int], asked: Sequence[str], used: Sequence[str], mode: SearchMode
) -> None:
    """Say why there may be no hit; `used` are the options that left passages out."""
    strange = [code for code in asked if code not in held]
    if not held:
        stderr.print("Nothing found: the index holds no passages. See: python -m indexer ls")
    elif strange:
        stderr.print(
            f"Nothing found: no passage is in {', '.join(strange)}; the index holds "
            f"{', '.join(f'{clean_line(code)} ({number})' for code, number in held.items())}.",
            markup=False,
        )
    elif used:
        *first, last = used
        options = f"{', '.join(first)} or {last}" if first else last
        stderr.print(f"Nothing found: loosen {options}.")
    elif mode == "lexical":
        stderr.print(
            "Nothing found: no passage holds a word of the question that counts. "
            "Search by meaning too: --mode hybrid"
        )
    else:
        stderr.print("Nothing found.")


app.command(
    "eval",
    epilog="Example: python -m retriever eval --index ./index --questions questions.jsonl",
)(evaluate)


def main(argv: Sequence[str] | None = None, load: LoadEncoder = load_when_needed) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m retriever", load)
