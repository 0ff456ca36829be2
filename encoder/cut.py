"""What is said of texts that are longer than an encoder reads: once, where they are encoded."""

import logging
from collections.abc import Sequence

log = logging.getLogger(__name__)


def tell_of_cut_passages(over: Sequence[int], limit: int) -> None:
    """Warn of passages whose end is not read.

    Args:
        over: For each how many tokens it has above the limit, 0 for those that fit.
        limit: Most tokens that are read.
    """
    cut = sum(tokens > 0 for tokens in over)
    if cut:
        log.warning("%d of %d texts exceed %d tokens and were cut there", cut, len(over), limit)


def tell_of_cut_queries(over: Sequence[int], limit: int) -> None:
    """Warn of questions whose end is not read; arguments as for passages."""
    cut = sum(tokens > 0 for tokens in over)
    if cut and len(over) == 1:
        # It may be encoded again, to explain its hits.
        message = "the question is too long: its last %d tokens were not read"
        log.warning(message, over[0], extra={"once": True})
    elif cut:
        log.warning("%d of %d questions exceed %d tokens and were cut there", cut, len(over), limit)
