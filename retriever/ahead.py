"""What a first search reads in a thread of its own, while torch is imported and the encoder read.

Only what runs without the interpreter's lock gains by that, and of a search's start this is the
language model alone: importing torch, and reading a tokeniser whole, hold the lock from beginning
to end (tokenizers 0.23), so a thread for them would only wait.
"""

from threading import Thread

from indexer.language import load_language_model


def read_ahead() -> Thread:
    """Begin to read; whoever needs the language model before it is there waits for it."""
    thread = Thread(target=load_language_model, name="read-ahead", daemon=True)
    thread.start()
    return thread
