"""Arrays that were made once, kept in the user's cache for the next time.

The file holds a checksum (blake2b) and then arrays as safetensors.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from encoder.workplace import workplace

Arrays = Mapping[str, npt.NDArray[Any]]

_DIGEST_BYTES = hashlib.blake2b().digest_size


def digest_of(path: Path) -> str:
    """What tells a file's content from any other.

    Raises:
        OSError: It cannot be read.
    """
    return hashlib.blake2b(path.read_bytes()).hexdigest()


def write_arrays(arrays: Arrays, path: Path) -> None:
    """Write the file whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    data = save(dict(arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    with workplace(path.parent, f"{path.stem}-") as made:
        with made.open("wb") as file:
            file.write(hashlib.blake2b(data).digest())
            file.write(data)
        made.replace(path)


def read_arrays(path: Path) -> Arrays:
    """Read what `write_arrays` wrote.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is damaged.
    """
    data = path.read_bytes()
    digest, data = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.blake2b(data).digest() != digest:
        raise ValueError(f"{path} is damaged")
    try:
        return load(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is of another version: {error}") from error
