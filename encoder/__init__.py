"""text -> vectors. Public names are loaded when they are first used, so that nothing heavy is."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from encoder.errors import EncoderError, EncoderNotAvailable, EncoderRefused, RagError
    from encoder.load import load_encoder
    from encoder.spec import Encoder, EncoderSpec, Vectors

_MODULE_OF = {
    "Encoder": "spec",
    "EncoderError": "errors",
    "EncoderNotAvailable": "errors",
    "EncoderRefused": "errors",
    "EncoderSpec": "spec",
    "RagError": "errors",
    "Vectors": "spec",
    "load_encoder": "load",
}
__all__ = [
    "Encoder",
    "EncoderError",
    "EncoderNotAvailable",
    "EncoderRefused",
    "EncoderSpec",
    "RagError",
    "Vectors",
    "load_encoder",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'encoder' has no attribute {name!r}")
    return getattr(import_module(f"encoder.{_MODULE_OF[name]}"), name)
