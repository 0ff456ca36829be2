"""What a build tells while it runs, and when it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from indexer.errors import UnreadableDocument
from indexer.health import Finding
from indexer.store import Unread


@dataclass(slots=True)
class Progress:
    """How far a build is; the numbers grow.

    Work is counted in bytes of the files, each spread evenly over its passages: what a passage
    costs is known only when it is there.
    """

    documents: int = 0
    documents_planned: int = 0
    work_done: float = 0.0
    work_planned: int = 0
    passages: int = 0
    tokens: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        read: Documents that were read: new ones and changed ones.
        unchanged, renamed, removed: Numbers of documents.
        ignored: Files that patterns or hidden names left out.
        passages, encoded, tokens: Passages that were stored; those among them that were encoded
            and not copied; and tokens of the encoded ones.
        formats, languages: Documents read by format and by language.
        seconds: Seconds by stage. Reading and cutting go on in the background, summed over all
            workers; "wait" is how long the encoder had nothing to do because of them.
        unread: Every file that is not in the index, with its reason.
        notes: Source and note of documents of which something should be known.
        health: Source and finding of documents whose text seems damaged.
    """

    read: int
    unchanged: int
    renamed: int
    removed: int
    ignored: int
    passages: int
    encoded: int
    tokens: int
    formats: dict[str, int]
    languages: dict[str, int]
    seconds: dict[str, float]
    unread: tuple[Unread, ...]
    notes: tuple[tuple[str, str], ...]
    health: tuple[tuple[str, Finding], ...]


def why_unread(error: UnreadableDocument | OSError | MemoryError | None, *, known: bool) -> str:
    """Say why a file was not read, and what became of it if the index knew it."""
    if isinstance(error, UnreadableDocument):
        reason = f"{error.reason} {error.next_step}".strip()
    elif isinstance(error, OSError):
        reason = f"It cannot be read: {error.strerror or error}."
    else:
        reason = "It needs more memory than there is. Cut it into smaller files."
    return f"{reason} In the index its last readable version is kept." if known else reason


def by_count(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
