"""What the commands print: progress while a build runs, and summaries."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.progress import (
    BarColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as ProgressLine,
)

from encoder.console import plain, stderr, stdout
from indexer.language import language_name
from indexer.plan import Changes
from indexer.report import BuildReport, Progress, Watch
from indexer.scan import Scan
from indexer.store import Index, StoredDocument, Unread

Facts = Mapping[str, object]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Watch]:
    """Show one line that grows: documents, passages, tokens a second, time left."""
    if quiet:
        yield lambda progress: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with ProgressLine(*columns, console=stderr, transient=True) as line:
        task = line.add_task("Indexing", total=None, counts="")

        def watch(now: Progress) -> None:
            rate = now.tokens / max(1e-9, now.seconds.get("encode", 0.0))
            counts = (
                f"{now.documents}/{now.documents_planned} documents, {now.passages} passages, "
                f"{rate:,.0f} tokens/s"
            )
            line.update(
                task, total=now.work_planned or None, completed=now.work_done, counts=counts
            )

        yield watch


def report(done: BuildReport, index: Path) -> None:
    """Print the summary of a build."""
    changes = ", ".join(
        f"{number} {what}"
        for number, what in (
            (done.read, "read"),
            (done.unchanged, "unchanged"),
            (done.renamed, "renamed"),
            (done.removed, "removed"),
            (done.ignored, "left out by patterns or hidden"),
        )
        if number
    )
    stdout.print(f"Documents: {changes or 'none'}")
    if done.formats:
        formats = ", ".join(f"{kind} {number}" for kind, number in done.formats.items())
        languages = ", ".join(
            f"{language_name(code)} {number}" for code, number in done.languages.items()
        )
        stdout.print(f"Formats:   {formats}")
        stdout.print(f"Languages: {languages}")
        copied = done.passages - done.encoded
        stdout.print(
            f"Passages:  {done.passages} ({done.encoded} encoded, {done.tokens:,} tokens; "
            f"{copied} copied)"
        )
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in done.seconds.items())
    stdout.print(f"Seconds:   {stages}")
    for source, note in done.notes:
        stdout.print(f"[yellow]Note:[/] {line(source)}: {line(note)}")
    for source, finding in done.health:
        stdout.print(f"[red]Health:[/] {line(source)}: {line(finding.message)}")
    _print_unread(done.unread)
    stdout.print(f"Index:     {line(str(index))}")


def plan(found: Scan, changes: Changes, *, as_json: bool) -> None:
    """Print what a build would do."""
    summary = {
        "to_read": [file.source for file, _ in changes.to_read],
        "renamed": [list(pair) for pair in changes.renamed],
        "removed": list(changes.removed),
        "unchanged": changes.unchanged,
        "ignored": found.ignored,
        "unread": [asdict(item) for item in (*found.unread, *changes.unread)],
    }
    if as_json:
        stdout.print_json(json.dumps(summary))
        return
    for source in changes.to_read:
        stdout.print(f"read    {line(source[0].source)}")
    for old, new in changes.renamed:
        stdout.print(f"rename  {line(old)} -> {line(new)}")
    for source_gone in changes.removed:
        stdout.print(f"remove  {line(source_gone)}")
    stdout.print(f"{changes.unchanged} unchanged, {found.ignored} left out. Nothing was done.")
    _print_unread((*found.unread, *changes.unread))


def facts(index: Index) -> Facts:
    """What `status` says of an index."""
    with index.reading() as database:
        documents, unread = index.documents(database), index.unread(database)
        snapshot, finished = index.snapshot(database), index.finished_at_utc(database)
    manifest = index.manifest
    languages = Counter(document.language for document in documents)
    health = Counter(kind for document in documents for kind in {f.kind for f in document.health})
    rows = len(snapshot.live)
    return {
        "index": str(index.index_dir),
        "corpus": manifest.corpus_root,
        "state": f"finished {finished}" if finished else "unfinished: run the same build again",
        "documents": len(documents),
        "languages": dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
        "unread": len(unread),
        "health": dict(sorted(health.items())) or "no document looks damaged",
        "passages": int(snapshot.live.sum()),
        "deleted_rows": rows - int(snapshot.live.sum()),
        "encoder": manifest.encoder.name,
        "licence": manifest.encoder.licence,
        "dim": manifest.encoder.dim,
        "max_tokens": manifest.chunking.max_tokens,
        "overlap_tokens": manifest.chunking.overlap_tokens,
        "generation": manifest.generation,
        "created_at_utc": manifest.created_at_utc,
        "libraries": manifest.libraries,
    }


def mapping(facts: Facts, *, as_json: bool) -> None:
    """Print names and values, one a line."""
    if as_json:
        stdout.print_json(json.dumps(facts))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {number}" for key, number in value.items())
        stdout.print(f"{name.replace('_', ' '):<{width}}  {line(str(value))}")


def listing(
    documents: Sequence[StoredDocument], unread: Sequence[Unread], *, as_json: bool
) -> None:
    """Print the documents, and the files that are not in the index."""
    if as_json:
        stdout.print_json(
            json.dumps(
                {
                    "documents": [asdict(document) for document in documents],
                    "unread": [asdict(item) for item in unread],
                }
            )
        )
        return
    for document in documents:
        notes = f"  ({line('; '.join(document.notes))})" if document.notes else ""
        stdout.print(
            f"{document.language:<4} {document.format:<5} {document.passages:>6}  "
            f"{line(document.source)}{notes}"
        )
        for finding in document.health:
            stdout.print(f"  [red]{finding.kind}:[/] {line(finding.message)}")
    _print_unread(unread)


def line(text: str) -> str:
    """A text from outside, safe to print: no control characters, no markup."""
    return escape(plain(text))


def _print_unread(unread: Sequence[Unread]) -> None:
    if not unread:
        return
    stdout.print(f"[yellow]{len(unread)} not read:[/]")
    for item in unread:
        stdout.print(f"  {line(item.source)}: {line(item.reason)}")
