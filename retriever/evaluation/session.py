"""Options -> report, printed: what `python -m retriever eval` does, in order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from encoder.console import LoadEncoder, stderr, stdout
from encoder.errors import UsageError
from indexer.manifest import check_encoder, recorded_encoder
from indexer.store import Index, open_index
from retriever.balance import BalanceMode
from retriever.evaluation.beir import read_collection
from retriever.evaluation.collection import Collection
from retriever.evaluation.encoding import Cutting
from retriever.evaluation.heatmap import check_endings, draw_heatmap
from retriever.evaluation.metrics import trec_eval
from retriever.evaluation.mixed import MixedPlan, check_parallel
from retriever.evaluation.options import Draw, Options
from retriever.evaluation.own_index import make_collection, read_questions, synthesize
from retriever.evaluation.report import Report
from retriever.evaluation.run import Plan, Watch, evaluate_collection, evaluate_index
from retriever.evaluation.select import Selection, check_languages, select
from retriever.evaluation.table import print_report

SYNTHETIC = (
    "known items: headings and sentences drawn from the index itself, in the words and the "
    "language of their answer. Figures are optimistic, and say nothing across languages"
)


def run(options: Options, load: LoadEncoder) -> None:
    """Measure what the options ask for, and print and draw it."""
    trec_eval()
    check_endings(options.heatmaps)
    if options.heatmaps and options.mixed:
        raise UsageError("Mixed folders have no matrix to draw.", "Leave out --heatmap or --mixed.")
    modes = _modes(options.balance)
    plan = Plan(modes, options.mode, options.pool, seed=options.seed, save_to=options.save_run)
    with _progress(quiet=options.as_json) as watch:
        if options.collection is not None and options.index is None:
            report = _judge_collection(options.collection, options, plan, load, watch)
        elif options.index is not None and options.collection is None:
            report = _judge_index(options.index, options, plan, load, watch)
        else:
            raise UsageError(
                "Nothing to judge, or two things at once.",
                "Name a folder: python -m retriever eval ./collection; or an index: "
                "python -m retriever eval --index ./index --questions questions.jsonl",
            )
    if options.as_json:
        stdout.print_json(json.dumps(report.as_json()))
    else:
        print_report(report, options.metric)
    for path in options.heatmaps:
        draw_heatmap(report, options.metric, path)


def _judge_collection(
    folder: Path, options: Options, plan: Plan, load: LoadEncoder, watch: Watch
) -> Report:
    watch("Reading", 0, 1)
    whole = read_collection(folder, options.relevance, options.qrels)
    judged = select(whole, _selection(options))
    if options.mixed is not None:
        plan = replace(plan, mixed=_mixed(options.mixed, options, plan, judged))
    encoder = load(options.encoder or "auto", accept_licence=options.accept_licence)
    cutting = Cutting(options.passages, languages=options.balance_languages)
    return evaluate_collection(judged, encoder, cutting, plan, watch)


def _judge_index(
    folder: Path, options: Options, plan: Plan, load: LoadEncoder, watch: Watch
) -> Report:
    index, asked = _questions(folder, options)
    judged = select(asked, _selection(options))
    name = options.encoder or recorded_encoder(index.manifest)
    encoder = load(name, accept_licence=options.accept_licence)
    check_encoder(index.manifest, encoder)
    return evaluate_index(index, judged, encoder, plan, watch)


def _selection(options: Options) -> Selection:
    return Selection(_words(options.languages), options.groups, options.sample, options.seed)


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


def _questions(folder: Path, options: Options) -> tuple[Index, Collection]:
    if (options.questions is None) == (options.synthesize < 1):
        raise UsageError(
            "An index is judged by questions.",
            "Give a file with --questions questions.jsonl, or draw known items: --synthesize 200",
        )
    index = open_index(folder)
    with index.reading() as database:
        snapshot = index.snapshot(database)
    if options.questions is None:
        asked = synthesize(index, snapshot, options.synthesize, options.seed)
        made = make_collection(folder.name, index, asked)
        return index, replace(made, notes=(SYNTHETIC,))
    asked = read_questions(options.questions, snapshot.sources)
    return index, make_collection(options.questions.name, index, asked)


def _mixed(draw: Draw, options: Options, plan: Plan, judged: Collection) -> MixedPlan:
    if options.seeds < 1:
        raise UsageError(f"--seeds is {options.seeds}.", "Draw at least one folder: --seeds 10")
    check_parallel(judged)
    check_languages(_words(options.apart), judged.languages)
    return MixedPlan(
        draw,
        tuple(range(plan.seed, plan.seed + options.seeds)),
        plan.modes,
        frozenset(_words(options.apart)),
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
