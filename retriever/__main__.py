"""python -m retriever: ask an index."""

import os
import sys

# `python -m` puts the current folder first on the path, and a folder of documents may hold a
# numpy.py: unless that folder is this program's own, it goes before anything else is imported.
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if os.path.realpath(os.getcwd()) != _OURS:
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]

from retriever.cli import main  # noqa: E402 - the path comes first

sys.exit(main())
