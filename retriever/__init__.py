"""question -> hits. Public names are loaded when they are first used, so that nothing heavy is."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from retriever.context import format_context
    from retriever.hit import Hit
    from retriever.retriever import Retriever

_MODULE_OF = {"Hit": "hit", "Retriever": "retriever", "format_context": "context"}
__all__ = ["Hit", "Retriever", "format_context"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'retriever' has no attribute {name!r}")
    return getattr(import_module(f"retriever.{_MODULE_OF[name]}"), name)
