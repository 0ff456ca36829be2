"""What reading one file may cost, and how a reading process is held to it.

Processor time, memory, open files and written files are limits of the operating system (setrlimit).
macOS knows no limit on memory; there a burst ends with the machine's own means. Time on the clock
and the size of the answer are watched by the parent, everywhere.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

MEGABYTE = 2**20
# A child needs some 100 MB for itself, a PDF of 1,000 pages another 200.
MIN_MEMORY_BYTES, MAX_MEMORY_BYTES = 2 * 2**30, 8 * 2**30
# Plain text is held up to six times while it is decoded and cleaned, some of it with four bytes a
# character.
MEMORY_PER_BYTE = 12
# The slowest format, PDF, is read at 0.3 MB/s and more; a machine may be several times slower.
CPU_S, CPU_S_PER_MEGABYTE = 60, 10
# Other work on the machine and slow disks stretch the time on the clock.
WALL_PER_CPU = 4
MAX_ANSWER_BYTES = 256 * MEGABYTE
OPEN_FILES = 64

_PR_SET_PDEATHSIG = 1  # sys/prctl.h


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost.

    Attributes:
        cpu_s: Processor time in seconds.
        wall_s: Time on the clock in seconds.
        memory_bytes: Address space of the whole process.
        answer_bytes: Size of what the process sends back: the text and its structure.
    """

    cpu_s: int = CPU_S
    wall_s: float = WALL_PER_CPU * CPU_S
    memory_bytes: int = MIN_MEMORY_BYTES
    answer_bytes: int = MAX_ANSWER_BYTES


def limits_for(size_bytes: int) -> Limits:
    """Return what a file of this size may cost: large honest files need more than small ones."""
    cpu_s = CPU_S + CPU_S_PER_MEGABYTE * size_bytes // MEGABYTE
    memory = min(MIN_MEMORY_BYTES + MEMORY_PER_BYTE * size_bytes, MAX_MEMORY_BYTES)
    return Limits(cpu_s, WALL_PER_CPU * cpu_s, memory)


def limit_process() -> None:
    """Set, for the calling process and for good, what no file needs: to write, to dump core."""
    import resource

    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)


def limit_file(cpu_s: int, memory_bytes: int) -> None:
    """Set what the calling process may use for its next file."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + cpu_s)
    with suppress(ValueError, OSError):  # macOS refuses it
        _lower(resource.RLIMIT_AS, memory_bytes)


def die_with(parent: int) -> None:
    """End the calling process when its parent ends, even by SIGKILL.

    Linux does it by itself; elsewhere the end of the pipe does, once the file at hand is read.
    """
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before this was set
        os._exit(1)


def _lower(kind: int, soft: int) -> None:
    """Set a soft limit; the hard one stays, so that the next file may be given more."""
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard < 0 else min(soft, hard), hard))
