"""Threads of which each computes alone in torch, whatever the others do."""

import threading

import torch

_starting = threading.Lock()


def compute_alone() -> None:
    """Let torch use one thread for each of its operations in this new thread, and only here.

    torch has one number for all threads, which each takes over when it first asks and keeps from
    then on. So it is 1 for a moment, and a thread that ends at once puts it back: every other
    thread that has asked before keeps its own.
    """
    with _starting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        back = threading.Thread(target=torch.set_num_threads, args=(before,))
        back.start()
        back.join()
