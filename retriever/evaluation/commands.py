"""The command `python -m retriever eval`: its options. What it does is in session.py."""

from pathlib import Path
from typing import Annotated

import typer

from encoder.console import show_log, stderr
from retriever.evaluation.options import (
    Draw,
    LanguageKind,
    Metric,
    Mode,
    Options,
    PassageKind,
    Pool,
    Relevance,
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
    mode: Annotated[
        Mode, typer.Option(help="Rank by meaning and the question's words, or by meaning alone.")
    ] = "hybrid",
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
    from retriever.evaluation.session import run
    from retriever.evaluation.vector_cache import clear_cache

    if clear:
        stderr.print(f"Deleted {clear_cache() / 1e6:,.1f} MB of vectors.")
        if collection is None and index is None:
            return 0
    options = Options(
        collection, index, questions, synthesize_, mode, balance, languages, groups, sample,
        seed, relevance, qrels, passages, balance_languages, pool, mixed, seeds, apart, metric,
        tuple(heatmap or ()), save_run, encoder, accept_license, as_json,
    )  # fmt: skip
    run(options, context.obj)
    return 0
