"""folder -> index. Public names are loaded when they are first used, so that nothing heavy is."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from indexer.build import build_index
    from indexer.chunk import Chunking, Passage
    from indexer.document import Document, Heading, Page
    from indexer.options import BuildOptions
    from indexer.report import BuildReport
    from indexer.store import open_index

_MODULE_OF = {
    "BuildOptions": "options",
    "BuildReport": "report",
    "Chunking": "chunk",
    "Document": "document",
    "Heading": "document",
    "Page": "document",
    "Passage": "chunk",
    "build_index": "build",
    "open_index": "store",
}
__all__ = [
    "BuildOptions",
    "BuildReport",
    "Chunking",
    "Document",
    "Heading",
    "Page",
    "Passage",
    "build_index",
    "open_index",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'indexer' has no attribute {name!r}")
    return getattr(import_module(f"indexer.{_MODULE_OF[name]}"), name)
