"""manifest.json: what an index says about itself.

An index may come from a stranger, so nothing in here is believed before it was checked: types,
ranges and lengths, and the name of the generation, which becomes part of a path. No model is ever
loaded from an id, path or URL that stands here; only the encoder's name is looked up in the
registry.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from encoder.errors import UnknownEncoder
from encoder.registry import find_spec
from encoder.spec import Encoder, EncoderSpec, Vectors
from indexer.chunk import Chunking
from indexer.errors import IndexDamaged, IndexMismatch, IndexNotFound, StorageError

FILE_NAME = "manifest.json"
UNFINISHED = ".manifest-"
# Two runs of one model on different hardware agree to 0.9999; another model, another prompt or
# causal attention falls far below.
SAME_ENCODER_COSINE = 0.999
# Where the index or the encoder has weights of 8 bits.
ROUNDED_ENCODER_COSINE = 0.995
NO_SHA256 = "0" * 64
LIBRARIES = ("torch", "transformers", "tokenizers", "faiss-cpu", "faiss-gpu", "icu4py")

# One sentence in several scripts, repeated to several hundred tokens: a difference in tokeniser,
# pooling, attention or truncation shows in its vector.
PROBE_PASSAGE = (
    "The warranty covers repairs for two years. Die Garantie gilt zwei Jahre. "
    "保証期間は二年間です。 الضمان صالح لمدة عامين. Гарантия действует два года. "
) * 8
PROBE_QUERY = "How long is the warranty valid?"


@dataclass(frozen=True, slots=True)
class _HasVersion:
    format_version: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A text and the vector that the index's encoder gave it."""

    kind: Literal["passage", "query"]
    text: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What never changes within a generation, and the name of the current one.

    Attributes:
        corpus_root: Absolute path of the folder of documents.
        generation: Name of the folder that holds the current files: "g0001".
        libraries: Name and version of what made the vectors, for a person who has to find out.
        sha256: Of the file as it is written, with zeros in this place; set by `write_manifest`.
    """

    encoder: EncoderSpec
    chunking: Chunking
    probes: Annotated[tuple[Probe, ...], Field(min_length=2)]
    corpus_root: str
    generation: Annotated[str, Field(pattern=r"^g\d{4}$")]
    created_at_utc: str
    libraries: dict[str, str]
    format_version: Literal[3] = 3
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = NO_SHA256


_FORMAT: TypeAdapter[Manifest] = TypeAdapter(Manifest)
_VERSION: TypeAdapter[_HasVersion] = TypeAdapter(_HasVersion)


def make_probes(encoder: Encoder) -> tuple[Probe, ...]:
    """Encode the probe texts."""
    ends = encoder.token_ends(PROBE_PASSAGE)
    text = PROBE_PASSAGE
    if len(ends) > encoder.passage_room:  # the encoder would cut it, and say so at every opening
        text = text[: int(ends[encoder.passage_room - 1])]
    passage = encoder.encode_passages([text])[0]
    query = encoder.encode_queries([PROBE_QUERY])[0]
    return (
        Probe("passage", text, tuple(passage.tolist())),
        Probe("query", PROBE_QUERY, tuple(query.tolist())),
    )


def check_encoder(manifest: Manifest, encoder: Encoder) -> None:
    """Refuse an encoder whose vectors cannot be compared with those of the index.

    Raises:
        IndexMismatch: Another model, or the same one run differently.
    """
    # A model's own folder has another path on another machine; there the probes alone decide.
    is_folder = "folder" in (encoder.spec.weights, manifest.encoder.weights)
    same_name = is_folder or encoder.spec.name == manifest.encoder.name
    if not same_name or encoder.spec.dim != manifest.encoder.dim:
        raise IndexMismatch(
            f"The index was made with {manifest.encoder.name}, not with {encoder.spec.name}.",
            f"Use --encoder {manifest.encoder.name}, or build anew: python -m indexer build DOCS "
            "--fresh",
        )
    rounded = encoder.spec.int8_weights or manifest.encoder.int8_weights
    least = ROUNDED_ENCODER_COSINE if rounded else SAME_ENCODER_COSINE
    for probe in manifest.probes:
        encode = encoder.encode_queries if probe.kind == "query" else encoder.encode_passages
        stored: Vectors = np.array(probe.vector, np.float32)
        cosine = float(encode([probe.text])[0] @ stored)
        if not cosine >= least:  # also refuses NaN
            raise IndexMismatch(
                f"{encoder.spec.name} gives other vectors now than when the index was made "
                f"(probe {probe.kind}: cosine {cosine:.4f}, at least {least}).",
                "Run python -m encoder doctor; then build anew: python -m indexer build DOCS "
                "--fresh",
            )


def recorded_encoder(manifest: Manifest) -> str:
    """The name of the encoder that an index was made with.

    An index may come from a stranger, so only names of the registry are loaded because it says so.

    Raises:
        IndexMismatch: It names something else: a path, a model id, an address.
    """
    name = manifest.encoder.name
    try:
        find_spec(name)
    except UnknownEncoder as error:
        where = {
            "served": f"'http://HOST:8000#{name}' with the server that runs it",
            "folder": f"{name}, or the folder of that model on this machine",
        }.get(manifest.encoder.weights, name)
        raise IndexMismatch(
            f"The index was made with {name}, which is not a name of the registry.",
            f"If you trust it, say so: --encoder {where}",
        ) from error
    return name


def installed_libraries() -> dict[str, str]:
    """Name and version of the libraries that decide about vectors and spans."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_manifest(index_dir: Path, manifest: Manifest) -> None:
    """Replace the manifest atomically, and remove what a killed writer left of its own.

    Of writers of one folder there is one at a time: the caller holds its lock.
    """
    with tempfile.NamedTemporaryFile(dir=index_dir, prefix=UNFINISHED, delete=False) as file:
        file.write(sealed(_FORMAT.dump_json(replace(manifest, sha256=NO_SHA256), indent=2)))
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(index_dir / FILE_NAME)
    for left_behind in index_dir.glob(f"{UNFINISHED}*"):
        left_behind.unlink(missing_ok=True)
    fsync_folder(index_dir)


def sealed(data: bytes) -> bytes:
    """Put the checksum of a manifest without one into its place."""
    return data.replace(NO_SHA256.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_manifest(index_dir: Path) -> bool:
    """Tell whether a folder holds a manifest of ours, of whatever version."""
    try:
        return _VERSION.validate_json((index_dir / FILE_NAME).read_bytes()).format_version > 0
    except (OSError, ValidationError):
        return False


def read_manifest(index_dir: Path) -> Manifest:
    """Read and check the manifest.

    Raises:
        IndexNotFound: There is none.
        IndexMismatch: It has another format version.
        IndexDamaged: It contradicts itself.
        StorageError: It cannot be read from this account.
    """
    try:
        data = (index_dir / FILE_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFound(index_dir) from None
    except OSError as error:
        raise StorageError.refused(index_dir, error.strerror or str(error)) from error
    try:
        version_only = _VERSION.validate_json(data).format_version
        if version_only != 3:
            raise IndexMismatch(
                f"The index at {index_dir} has format version {version_only}; this program reads "
                "version 3.",
                f"Build it anew: python -m indexer build DOCS --index {index_dir} --fresh",
            )
        manifest = _FORMAT.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise IndexDamaged(index_dir, f"{FILE_NAME}, {place}: {first['msg']}") from error
    for probe in manifest.probes:
        if len(probe.vector) != manifest.encoder.dim or not np.isfinite(probe.vector).all():
            raise IndexDamaged(index_dir, f"{FILE_NAME}: a probe is not a vector")
    blank = data.replace(manifest.sha256.encode(), NO_SHA256.encode(), 1)
    if manifest.sha256 == NO_SHA256 or sealed(blank) != data:
        raise IndexDamaged(index_dir, f"{FILE_NAME} is not what its checksum says")
    return manifest
