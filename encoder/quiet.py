"""Keep what transformers says while it loads a model from standing among our own lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hide its progress bars and its warnings about names; its errors still come through."""
    from transformers.utils import logging

    # Where torchao is installed, transformers imports it, and it lists the kernels it cannot load.
    others = [getLogger(name) for name in ("torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in others]
    for logger in others:
        logger.setLevel(ERROR)
    before = logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        for logger, level in zip(others, levels, strict=True):
            logger.setLevel(level)
