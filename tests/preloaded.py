"""What a writer needs, imported and read once for all processes that tests/warm.py forks."""

import ftfy  # noqa: F401
import opencc  # noqa: F401

import indexer.language_shares  # noqa: F401
import tests.faults
import tests.test_crash  # noqa: F401
from indexer.language import load_language_model

load_language_model()
