"""Report -> what a person reads in the terminal."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from encoder.console import plain, stdout
from retriever.evaluation.bootstrap import Estimate
from retriever.evaluation.metrics import METRICS
from retriever.evaluation.report import Cell, Figures, MixedRanking, Ranking, Report

# Languages whose matrix fits into a terminal.
MOST_IN_A_MATRIX = 14
# Wider than any table: rich would cut figures to fit the terminal, or 80 columns in a pipe.
WIDTH = 1000

CELLS = {"same": "pairs, same language", "cross": "pairs, other language"}
FOLDER = {
    "all": "folder, any language",
    "cross": "folder, other language",
    "same": "folder, same language",
}
KINDS = {"cross": "answer in another language", "same": "answer in the same language"}
SHARES = ("own-language share", "fair share")


def print_report(report: Report, metric: str) -> None:
    """Print facts, summary and, where it fits, the matrix of one metric."""
    _print_facts(report)
    if report.mixed:
        _print(_mixed_table(report.mixed))
        if len(report.mixed) > 1:
            stdout.print()
            _print(_gain_table(report.mixed))
    else:
        _print(_summary_table(report.rankings))
    for ranking in report.rankings:
        _print_parallel(ranking, named=len(report.rankings) > 1)
    small = len(report.facts.languages) <= MOST_IN_A_MATRIX
    for ranking in report.rankings if small else ():
        stdout.print()
        _print_matrix(ranking, metric)
    if report.rankings and not small:
        stdout.print()
        _print_languages(report.rankings, metric)


def _print_facts(report: Report) -> None:
    facts = report.facts
    cut = f", {facts.cut_documents:,} cut" if facts.cut_documents else ""
    lines = [
        f"{facts.collection}: {facts.documents:,} documents ({facts.passages:,} passages{cut}), "
        f"{facts.questions:,} questions, {len(facts.languages)} languages; {facts.encoder}",
        "; ".join(f"{name}: {value}" for name, value in facts.settings.items()),
        *(f"Note: {note}" for note in facts.notes),
    ]
    for line in lines:
        stdout.print(Text(plain(line)))
    stdout.print()


def _summary_table(rankings: Sequence[Ranking]) -> Table:
    table = _table("balance", "", "n", *METRICS)
    for ranking in rankings:
        rows = [(FOLDER[name], figures) for name, figures in ranking.folder.items()]
        if (ranking.same, ranking.cross) != (ranking.folder["same"], ranking.folder["cross"]):
            rows = [(CELLS["same"], ranking.same), (CELLS["cross"], ranking.cross), *rows]
        for i, (name, figures) in enumerate(rows):
            _add(table, "" if i else ranking.balance, name, figures, METRICS)
    return table


def _mixed_table(rankings: Sequence[MixedRanking]) -> Table:
    shown = ("recall@1", "recall@10", "nDCG@10", "MRR@10", *SHARES)
    table = _table("balance", "", "n", *shown)
    for ranking in rankings:
        for i, part in enumerate(ranking.parts):
            name = KINDS[part.kind] + ("" if part.languages == "all" else f", {part.languages}")
            _add(table, "" if i else ranking.balance, name, part.figures, shown)
    return table


def _gain_table(rankings: Sequence[MixedRanking]) -> Table:
    shown = ("recall@1", "MRR@10")
    table = _table(f"gain over {rankings[0].balance}", "", *shown)
    for ranking in rankings[1:]:
        for i, part in enumerate(ranking.parts):
            name = KINDS[part.kind] + ("" if part.languages == "all" else f", {part.languages}")
            gain = part.gain or {}
            values = [_interval(gain[column]) for column in shown]
            table.add_row("" if i else ranking.balance, name, *values)
    return table


def _print_parallel(ranking: Ranking, *, named: bool) -> None:
    found = ranking.parallel
    if found is None:
        return
    mode = f" (balance {ranking.balance})" if named else ""
    share = found.own_share.mean
    stdout.print(
        f"Own language among the first ten{mode}: {_short(found.own_share)}, fair would be "
        f"{found.fair_share:.3f}: {share / max(found.fair_share, 1e-9):.1f} times; "
        f"with the right documents first {found.perfect_share:.3f}: "
        f"{share / max(found.perfect_share, 1e-9):.1f} times"
    )
    if found.wrong is not None:
        stdout.print(
            f"Of those that do not answer{mode}: {_short(found.wrong.among_ten)}, fair would be "
            f"{found.wrong.fair:.3f}: "
            f"{found.wrong.among_ten.mean / max(found.wrong.fair, 1e-9):.1f} times"
        )
    if found.overlap is not None and found.rank_biased_overlap is not None:
        stdout.print(
            f"One question in two languages{mode}: overlap of the first ten "
            f"{_short(found.overlap)}, rank-biased {_short(found.rank_biased_overlap)} "
            f"({found.questions:,} questions)"
        )


def _print_matrix(ranking: Ranking, metric: str) -> None:
    held = sorted({cell.passage_language for cell in ranking.cells})
    cells = {(cell.question_language, cell.passage_language): cell for cell in ranking.cells}
    stdout.print(f"{metric}, balance {ranking.balance}; question language by passage language:")
    table = _table("", *held)
    for language in sorted({asked for asked, _ in cells}):
        row = (cell_text(cells[language, other], metric) for other in held)
        table.add_row(plain(language), *row)
    _print(table)


def _print_languages(rankings: Sequence[Ranking], metric: str) -> None:
    """One line for each language, where the matrix is too large: means over its cells."""
    cells = rankings[0].cells
    names = {cell.question_language for cell in cells} | {c.passage_language for c in cells}
    stdout.print(f"{metric} by language; all pairs are in --json and --heatmap:")
    kinds = ("question and answer", "question alone", "answer alone")
    table = _table(
        "in the language:", *(f"{r.balance}: {kind}" for r in rankings for kind in kinds)
    )
    for name in sorted(names):
        row: list[str] = []
        for ranking in rankings:
            asked = [c for c in ranking.cells if c.question_language == name]
            answered = [c for c in ranking.cells if c.passage_language == name]
            row.append(_mean([c for c in asked if c in answered], metric))
            row.append(_mean([c for c in asked if c not in answered], metric))
            row.append(_mean([c for c in answered if c not in asked], metric))
        table.add_row(plain(name), *row)
    _print(table)


def _mean(cells: Sequence[Cell], metric: str) -> str:
    n = sum(cell.figures.n for cell in cells)
    if not n:
        return "n=0"
    held = [cell.figures for cell in cells if cell.figures.n]
    return f"{sum(found.metrics[metric].mean * found.n for found in held) / n:.3f}"


def cell_text(cell: Cell, metric: str) -> str:
    """A cell of the matrix: the mean, or that nothing was asked."""
    return f"{cell.figures.metrics[metric].mean:.2f}" if cell.figures.n else "n=0"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        words = (i < 2 and heading in ("", "balance")) or heading.startswith(("gain", "in the"))
        table.add_column(heading, justify="left" if words else "right", no_wrap=True)
    return table


def _add(table: Table, mode: str, name: str, figures: Figures, columns: Sequence[str]) -> None:
    if not figures.n:
        table.add_row(mode, name, "0", *("n=0" for _ in columns))
        return
    values = (_short(figures.metrics[column]) for column in columns)
    table.add_row(mode, name, f"{figures.n:,}", *values)


def _short(estimate: Estimate) -> str:
    return f"{estimate.mean:.3f} ±{(estimate.high - estimate.low) / 2:.3f}"


def _interval(estimate: Estimate) -> str:
    # Adding 0 makes a rounded -0.0 positive.
    mean, low, high = (round(x, 3) + 0.0 for x in (estimate.mean, estimate.low, estimate.high))
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _print(table: Table) -> None:
    wide = Console(file=StringIO(), width=WIDTH, highlight=False)
    with wide.capture() as lines:
        wide.print(table)
    for line in lines.get().splitlines():
        stdout.print(Text(line.rstrip()))
