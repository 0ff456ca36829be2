"""The compiled functions of a layer: made once for a width, ahead of time where that is known."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from threading import Lock
from typing import Any, NamedTuple

# The only width of heads that the compiled attention was written for.
HEAD_WIDTH = 32
# What is raised by a llvmlite of another version than pyproject.toml asks for, as numba may have
# brought it, or by one that does not fit the system.
UNFIT = (ImportError, OSError, AttributeError, TypeError, RuntimeError)

Function = Callable[..., Any]


class LayerFunctions(NamedTuple):
    """Attention, norms with rounding, and products by what follows them: "store", "add", "gelu"."""

    attention: Function
    norm: Function
    norm_exact: Function
    products: dict[str, Function]


def layer_functions(dim: int) -> LayerFunctions:
    """Compile the functions for states of a width; a second call gives the same ones.

    Raises:
        ImportError, OSError, AttributeError, TypeError, RuntimeError: `UNFIT`.
    """
    return _begun(dim).result()


def begin(dim: int) -> None:
    """Have them compiled by another thread meanwhile, where they can be used at all.

    LLVM takes 0.4 s of processor time; importing torch keeps one thread busy for longer.
    """
    if find_spec("llvmlite") is None:
        return
    with suppress(*UNFIT):  # whoever asks for the functions is told
        from llvmlite import binding

        from encoder.kernels.code import execution_fault

        if binding.get_host_cpu_features().get("avx512vnni") and execution_fault() is None:
            _begun(dim)


_futures: dict[int, "Future[LayerFunctions]"] = {}
_adding = Lock()


def _begun(dim: int) -> "Future[LayerFunctions]":
    with _adding:
        if dim not in _futures:
            compiler = ThreadPoolExecutor(1, "compile")
            _futures[dim] = compiler.submit(_compiled, dim)
            compiler.shutdown(wait=False)
        return _futures[dim]


def _compiled(dim: int) -> LayerFunctions:
    from encoder.kernels.attention import write_attention
    from encoder.kernels.norm import write_norm
    from encoder.kernels.product import write_product

    return LayerFunctions(
        write_attention(HEAD_WIDTH),
        write_norm(dim, exact=False),
        write_norm(dim, exact=True),
        {follow: write_product(follow) for follow in ("store", "add", "gelu")},
    )
