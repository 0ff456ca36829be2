"""What the tests of the readers share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.document import Document
from indexer.read import read_document

ReadBytes = Callable[[str, bytes], Document]


@pytest.fixture
def read_bytes(tmp_path: Path) -> ReadBytes:
    """Read bytes as the file of a given name."""

    def read(name: str, data: bytes) -> Document:
        path = tmp_path / name
        path.write_bytes(data)
        return read_document(path, name)

    return read
