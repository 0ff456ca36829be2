"""token batches -> vectors on a processor: several batches at a time, one thread each.

All threads on one batch wait for each other some hundred times in a forward pass. On an idle
machine that costs nothing; as soon as anything else runs, be it the build's own reading, each
thread in turn is the late one (benchmarks/busy_machine.py). Threads with batches of their own
never wait.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from encoder.batching import longest_first

# Tokens of one batch of one thread in torch, where each operation costs a call.
TOKENS_PER_BATCH = 2048
# A question is one batch of one thread: a second one would save 3 of its 20 ms on an idle machine,
# and cost 300 on a busy one.
LEAST_TOKENS_PER_BATCH = 256
# Batches shrink towards the end of many, so that no thread waits long for the last: down to this
# part of a batch.
AT_THE_END = 1 / 4
# Digits of a number of threads that nobody can mean.
LONGEST_NUMBER = 5


def plan_shrinking(
    lengths: Sequence[int], threads: int, most_tokens: int = TOKENS_PER_BATCH
) -> list[list[int]]:
    """Group texts into batches for so many threads, each of which takes the next when it is free.

    Args:
        lengths: Tokens of each text.
        threads: How many batches run at a time.
        most_tokens: Of a batch of several texts.

    Returns:
        Batches of positions in `lengths`; each position is in exactly one, and longer texts are in
        earlier batches. Where one batch for each thread is enough, they are of about one size.
    """
    left = sum(lengths)
    share = max(LEAST_TOKENS_PER_BATCH, -(-left // threads))
    at_the_end = max(LEAST_TOKENS_PER_BATCH, int(most_tokens * AT_THE_END))
    least = share if share <= most_tokens else at_the_end
    batches: list[list[int]] = []
    room = 0
    for position in longest_first(lengths):
        if not batches or lengths[position] > room:
            batches.append([])
            room = min(most_tokens, max(least, -(-left // threads)))
        batches[-1].append(position)
        room -= lengths[position]
        left -= lengths[position]
    return batches


def threads_here() -> int:
    """How many threads may compute: OMP_NUM_THREADS, or a thread for each core this process has."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isascii() and asked.isdigit() and len(asked) < LONGEST_NUMBER and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SideBySide:
    """Runs batches on so many threads, which are started when they are first needed."""

    def __init__(
        self,
        threads: int,
        begin: Callable[[], None] | None = None,
        most_tokens: int = TOKENS_PER_BATCH,
    ) -> None:
        """Start nothing yet.

        Args:
            threads: How many batches run at a time.
            begin: What each thread does first; without it, what is one batch needs no thread.
            most_tokens: Of a batch of several texts.
        """
        self.threads, self._begin, self._most_tokens = threads, begin, most_tokens
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0  # whose threads these are: a process that was forked off has none
        self._making = threading.Lock()

    def suits(self, lengths: Sequence[int]) -> bool:
        """Tell whether one thread for each batch is the better way for these texts.

        It is not where few long texts would leave threads without work.
        """
        enough = sum(lengths) >= self.threads * LEAST_TOKENS_PER_BATCH
        return len(lengths) >= self.threads or not enough

    def run(self, lengths: Sequence[int], step: Callable[[list[int]], None]) -> None:
        """Run a step over all texts, each of which is in exactly one batch.

        Args:
            lengths: Tokens of each text.
            step: Encodes the texts at these positions; called by several threads at a time.

        Raises:
            Exception: The first that a step has raised, once no step runs any more.
        """
        batches = plan_shrinking(lengths, self.threads, self._most_tokens)
        if len(batches) == 1 and self._begin is None:
            step(batches[0])
            return
        begun: list[Future[None]] = []
        try:
            for batch in batches:
                begun.append(self._threads().submit(step, batch))
            for future in begun:
                future.result()
        finally:  # nobody may compute on when this returns: a step writes what the caller reads
            for future in begun:
                future.cancel()
            for future in begun:
                if not future.cancelled():
                    future.exception()

    def _threads(self) -> ThreadPoolExecutor:
        with self._making:
            if self._pool is None or self._process != os.getpid():
                self._process = os.getpid()
                self._pool = ThreadPoolExecutor(self.threads, "encode", self._begin)
            return self._pool
