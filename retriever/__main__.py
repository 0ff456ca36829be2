"""python -m retriever: ask an index."""

import os
import sys

# `python -m` puts the current folder first on the path, and a folder of documents may hold a
# numpy.py: unless the current folder is this program's own, it goes before anything is imported.
_HOME = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_HERE = os.path.realpath(os.getcwd())
if _HERE != _HOME:
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != _HERE]

try:
    from encoder.console import leave
    from retriever.cli import main

    leave(main())
except KeyboardInterrupt:
    sys.exit(130)
