"""The compiled functions of a layer: made once for a width, while other things are loaded."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from threading import Lock
from typing import Any, NamedTuple

from encoder.weights import told

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


def features() -> Mapping[str, bool]:
    """What this processor has, as LLVM names it.

    Raises:
        ImportError, OSError, AttributeError, TypeError, RuntimeError: `UNFIT`.
    """
    from llvmlite import binding

    return binding.get_host_cpu_features()  # type: ignore[no-any-return]


def obstacle() -> str | None:
    """Say what forbids compiled layers on this machine, if anything does."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed (extra [cpu])"
    try:
        if not features().get("avx512vnni"):
            return "compiled layers need a processor with AVX-512 VNNI"
        from encoder.kernels.code import execution_fault

        return execution_fault()
    except UNFIT as error:
        return unfit(error)


def unfit(error: Exception) -> str:
    """What is said where llvmlite does not do what it should."""
    return f"the llvmlite that is installed cannot compile layers ({told(error)})"


def layer_functions(dim: int) -> LayerFunctions:
    """Compile the functions for states of a width; a second call gives the same ones.

    Raises:
        ImportError, OSError, AttributeError, TypeError, RuntimeError: `UNFIT`.
    """
    return begin(dim).result()


_futures: dict[int, "Future[LayerFunctions]"] = {}
_adding = Lock()


def begin(dim: int) -> "Future[LayerFunctions]":
    """Have them compiled by another thread; LLVM takes 0.4 s of processor time."""
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
