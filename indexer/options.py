"""What the user of a build may choose."""

from dataclasses import dataclass

from indexer.chunk import Chunking


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the user may choose.

    Attributes:
        chunking: None takes that of the index, or the default for a new one.
        include, exclude: Patterns in gitignore syntax.
        fresh: Make everything anew in a new generation.
        allow_removals: More than half of the documents may go.
        root_moved: The folder of documents has another path now.
        workers: How many files are read at a time; None chooses by what there is to read.
    """

    chunking: Chunking | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    fresh: bool = False
    allow_removals: bool = False
    root_moved: bool = False
    workers: int | None = None
