"""The command `python -m retriever eval`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from encoder.console import LoadEncoder, show_log, stderr, stdout
from encoder.errors import UsageError
from indexer.manifest import check_encoder, recorded_encoder
from indexer.store import Index, open_index
from retriever.balance import BalanceMode
from retriever.evaluation.beir import read_collection
from retriever.evaluation.collection import Collection, Relevance
from retriever.evaluation.encoding import Cutting, LanguageKind, PassageKind
from retriever.evaluation.heatmap import check_endings, draw_heatmap
from retriever.evaluation.matrix import Pool
from retriever.evaluation.metrics import trec_eval
from retriever.evaluation.mixed import Draw, MixedPlan, check_parallel
from retriever.evaluation.own_index import make_collection, read_questions, synthesize
from retriever.evaluation.run import Plan, Watch, evaluate_collection, evaluate_index
from retriever.evaluation.select import Selection, check_languages, select
from retriever.evaluation.table import print_report
from retriever.evaluation.vector_cache import clear_cache

Metric = Literal["recall@1", "recall@5", "recall@10", "nDCG@10", "MRR@10", "R-precision"]

SYNTHETIC = (
    "known items: headings and sentences drawn from the index itself, in the words and the "
    "language of their answer. Figures are optimistic, and say nothing across languages"
)


def evaluate(
    context: typer.Context,
    collection: Annotated[
        Path | None,
        typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv, or these .gz."),
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="Judge this index instead, with --questions.")
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="JSONL for --index: question, source; language, group if you like."),
    ] = None,
    synthesize_: Annotated[
        int,
        typer.Option("--synthesize", min=0, help="Draw so many known items from --index instead."),
    ] = 0,
    balance: Annotated[
        str, typer.Option(help="Language balance, several side by side: off,auto,full")
    ] = "auto",
    languages: Annotated[str, typer.Option(help="Only texts in these languages: de,fr,ja")] = "",
    groups: Annotated[int, typer.Option(min=0, help="Only so many groups, drawn at random.")] = 0,
    sample: Annotated[
        int, typer.Option(min=0, help="Only so many questions, drawn at random.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Decides what is drawn, and the intervals.")] = 0,
    relevance: Annotated[
        Relevance, typer.Option(help="What answers a question: the qrels, or all of its group.")
    ] = "qrels",
    qrels: Annotated[
        str, typer.Option(metavar="NAME", help="Judge by NAME.tsv of the folder.")
    ] = "",
    passages: Annotated[
        PassageKind, typer.Option(help="Encode documents whole, or cut as a build cuts them.")
    ] = "whole",
    balance_languages: Annotated[
        LanguageKind,
        typer.Option(help="Balance by the languages it detects, as search, or as declared."),
    ] = "detected",
    pool: Annotated[
        Pool | None,
        typer.Option(help="What competes in a cell. [default: language if parallel, else folder]"),
    ] = None,
    mixed: Annotated[
        Draw | None, typer.Option(help="Mixed folders: each group in one language, by chance.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Mixed folders to draw.")] = 10,
    apart: Annotated[
        str, typer.Option(help="In mixed folders, report these languages apart: ar,de")
    ] = "",
    metric: Annotated[Metric, typer.Option(help="Of the matrix and the heat map.")] = "recall@1",
    heatmap: Annotated[
        list[Path] | None, typer.Option(help="Draw the matrix: map.png, map.html (repeatable).")
    ] = None,
    save_run: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write run and qrels for trec_eval.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="[default: auto, or the one that the index names]")
    ] = None,
    accept_license: Annotated[
        bool, typer.Option("--accept-license", help="Accept a licence without commercial use.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear-cache", help="Delete the vectors kept by earlier runs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> int:
    """Measure how well questions find their answers, language by language.

    docs/evaluation.md explains every figure.
    """
    show_log(quiet=True)
    if clear:
        stderr.print(f"Deleted {clear_cache() / 1e6:,.1f} MB of vectors.")
        if collection is None and index is None:
            return 0
    trec_eval()
    check_endings(heatmap or [])
    if heatmap and mixed:
        raise UsageError("Mixed folders have no matrix to draw.", "Leave out --heatmap or --mixed.")
    load: LoadEncoder = context.obj
    plan = Plan(_modes(balance), pool, seed=seed, save_to=save_run)
    selection = Selection(_words(languages), groups, sample, seed)
    with _progress(quiet=as_json) as watch:
        if index is not None and collection is None:
            asked = _questions(index, questions, synthesize_, seed)
            opened, judged = asked[0], select(asked[1], selection)
            name = encoder or recorded_encoder(opened.manifest)
            loaded = load(name, accept_licence=accept_license)
            check_encoder(opened.manifest, loaded)
            report = evaluate_index(opened, judged, loaded, plan, watch)
        elif collection is not None and index is None:
            watch("Reading", 0, 1)
            judged = select(read_collection(collection, relevance, qrels), selection)
            if mixed is not None:
                plan = replace(plan, mixed=_mixed(mixed, seeds, apart, plan, judged))
            loaded = load(encoder or "auto", accept_licence=accept_license)
            cutting = Cutting(passages, languages=balance_languages)
            report = evaluate_collection(judged, loaded, cutting, plan, watch)
        else:
            raise UsageError(
                "Nothing to judge, or two things at once.",
                "Name a folder: python -m retriever eval ./collection; or an index: "
                "python -m retriever eval --index ./index --questions questions.jsonl",
            )
    if as_json:
        stdout.print_json(json.dumps(report.as_json()))
    else:
        print_report(report, metric)
    for path in heatmap or []:
        draw_heatmap(report, metric, path)
    return 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _modes(text: str) -> tuple[BalanceMode, ...]:
    known: dict[str, BalanceMode] = {name: name for name in get_args(BalanceMode)}
    words = tuple(dict.fromkeys(_words(text)))
    for word in words:
        if word not in known:
            raise UsageError(f"No balance is called {word}.", "Take off, auto or full, or several.")
    if not words:
        raise UsageError("--balance names no mode.", "Take off, auto or full, or several.")
    return tuple(known[word] for word in words)


def _questions(
    folder: Path, questions: Path | None, wanted: int, seed: int
) -> tuple[Index, Collection]:
    if (questions is None) == (wanted < 1):
        raise UsageError(
            "An index is judged by questions.",
            "Give a file with --questions questions.jsonl, or draw known items: --synthesize 200",
        )
    index = open_index(folder)
    with index.reading() as database:
        snapshot = index.snapshot(database)
    if questions is None:
        asked = synthesize(index, snapshot, wanted, seed)
        made = make_collection(folder.name, index, asked)
        return index, replace(made, notes=(SYNTHETIC,))
    asked = read_questions(questions, snapshot.sources)
    return index, make_collection(questions.name, index, asked)


def _mixed(draw: Draw, seeds: int, apart: str, plan: Plan, judged: Collection) -> MixedPlan:
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}.", "Draw at least one folder: --seeds 10")
    check_parallel(judged)
    check_languages(_words(apart), judged.languages)
    return MixedPlan(
        draw,
        tuple(range(plan.seed, plan.seed + seeds)),
        plan.modes,
        frozenset(_words(apart)),
    )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Watch]:
    """Show one line that grows."""
    if quiet:
        yield lambda what, done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=stderr, transient=True) as line:
        task = line.add_task("", total=None)

        def watch(what: str, done: int, total: int) -> None:
            line.update(task, description=what, completed=done, total=total or None)

        yield watch
