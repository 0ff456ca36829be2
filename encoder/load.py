"""name -> encoder: choose, find the weights, load, prove."""

import logging
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from encoder.address import is_address
from encoder.bundled import bundled_file, unpacked_folder
from encoder.cache import expanded
from encoder.collection import without_collection
from encoder.errors import UnknownEncoder
from encoder.hub import hub_folder, in_hub_cache
from encoder.naming import EncoderName, apply_options, parse_name
from encoder.registry import E5_SMALL, MULTILINGUAL_E5_SMALL, NEMOTRON_8B, find_spec
from encoder.spec import Encoder, EncoderSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from encoder.engine import EngineChoice
    from encoder.local import LocalEncoder

log = logging.getLogger(__name__)

# 15 GB of weights in bfloat16, and room for the activations of a batch.
NEMOTRON_FREE_GB = 20
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """Which encoder `auto` means here, and why, in one sentence for the user."""

    spec: EncoderSpec
    reason: str


def load_encoder(
    name: str = "auto",
    *,
    accept_licence: bool = False,
    offline: bool = False,
    one_question: bool = False,
) -> Encoder:
    """Load an encoder that has passed its self-test, here or on a server.

    Args:
        name: As `load_local` takes it, or the address of a server: "http://host:8000#model".
        accept_licence: Consent to a licence that forbids commercial use, and to the download.
        offline: Never use the network; take weights, or a server, that are on this machine.
        one_question: It is to encode a question and read the hits, and then goes: where that is
            done before torch is imported, it is done without.

    Raises:
        ServerError: The server gives no vectors, or none that can be used.
        UsageError: The address makes no sense, or says too little about the model.
        EncoderRefused: It failed the self-test.
    """
    if is_address(name):
        from encoder.served import ServedEncoder
        from encoder.served_check import check_server

        served = ServedEncoder.open(name, offline=offline)
        check_server(served)
        return served
    encoder, folder = _open(name, accept_licence, offline, one_question=one_question)
    others = further_gpus(encoder.choice.device)
    if not others:
        return encoder
    from encoder.many_gpus import ManyGpus

    return ManyGpus(encoder, folder, others)


def load_local(
    name: str = "auto", *, accept_licence: bool = False, offline: bool = False
) -> "LocalEncoder":
    """Load an encoder that runs in this process and has passed its self-test.

    Args:
        name: "auto", a name from the registry (see `python -m encoder list`), a folder with
            sentence-transformers files, or an id on the Hugging Face hub of a model that has them;
            with options, as in "Qwen/Qwen3-Embedding-0.6B@dim=256".
        accept_licence: Consent to a licence that forbids commercial use, and to the download.
        offline: Never use the network; take weights that are already here.

    Raises:
        UnknownEncoder: No encoder has this name.
        UsageError: The options in its name make no sense.
        EncoderNotAvailable: Its weights are not here and may not or cannot be downloaded.
        EncoderRefused: It failed the self-test, or its files leave something open.
    """
    return _open(name, accept_licence, offline)[0]


def further_gpus(device: str, count: int | None = None) -> tuple[str, ...]:
    """The GPUs beside the one that an encoder runs on; none if it runs on a processor.

    Args:
        device: As torch names it: "cuda" is the first GPU.
        count: How many GPUs there are; looked up if not given.
    """
    if device != "cuda":
        return ()
    import torch

    return tuple(
        f"cuda:{i}" for i in range(1, torch.cuda.device_count() if count is None else count)
    )


@without_collection()
def _open(
    name: str, accept_licence: bool, offline: bool, *, one_question: bool = False
) -> "tuple[LocalEncoder, Path]":
    from encoder.selftest import self_test

    asked = parse_name(name)
    if asked.base == "auto":
        choice = choose_encoder(accept_licence=accept_licence)
        log.info("encoder %s: %s", choice.spec.name, choice.reason)
        asked = replace(asked, base=choice.spec.name)
    spec, folder = locate(asked, accept_licence=accept_licence, offline=offline)
    encoder = _computed(spec, folder, asked, one_question)
    self_test(encoder)
    return encoder, folder


def _computed(
    spec: EncoderSpec, folder: Path, asked: EncoderName, one_question: bool
) -> "LocalEncoder":
    """Load what is in a folder, by whatever computes it here."""
    from encoder.engine import EngineFacts, choose_engine
    from encoder.hardware import choose_device, has_gpu

    facts = EngineFacts.here(gpu=has_gpu())
    engine = choose_engine(spec, asked, facts, one_question=one_question)
    if engine.name == "compiled":
        found = _compiled(spec, folder, engine)
        if not isinstance(found, str):
            return found
        log.info("no layers are compiled for %s: %s", spec.name, found)
        facts = replace(facts, obstacle=found)
        engine = choose_engine(spec, asked, facts, one_question=one_question)
    if engine.name == "numpy":
        from encoder.numpy_encoder import NumpyEncoder

        if encoder := NumpyEncoder.open_numpy(spec, folder, engine.reason):
            return encoder
        engine = replace(engine, name="torch", reason="it is no plain BERT in float32")
    # torch takes seconds to import.
    from encoder.transformer import TransformerEncoder

    choice = choose_device(asked.dtype, asked.products)
    if choice.device == "cpu":
        choice = replace(choice, reason=f"{choice.reason}; in torch, as {engine.reason}")
    return TransformerEncoder.open(spec, folder, choice)


def _compiled(spec: EncoderSpec, folder: Path, engine: "EngineChoice") -> "LocalEncoder | str":
    from encoder.kernels.layer import begin

    begin(spec.model_dim)  # while everything else is imported and read
    from encoder.numpy_encoder import NumpyEncoder

    return NumpyEncoder.open_compiled(spec, folder, engine.reason)


def locate(
    asked: EncoderName, *, accept_licence: bool = False, offline: bool = False
) -> tuple[EncoderSpec, Path]:
    """Find what a name means: the spec with the name's options, and the folder of its weights.

    Raises:
        UnknownEncoder, UsageError, EncoderNotAvailable, EncoderRefused: As `load_local`.
    """
    with suppress(UnknownEncoder):  # options that make no sense are refused before a download
        apply_options(find_spec(asked.base), asked)
    spec, folder = _locate(asked.base, accept_licence, offline)
    return apply_options(spec, asked), folder


def _locate(base: str, accept_licence: bool, offline: bool) -> tuple[EncoderSpec, Path]:
    """A row of the registry, a folder, or a model on the hub, in this order."""
    from encoder.st_files import check_row, read_spec

    try:
        spec = find_spec(base)
    except UnknownEncoder:
        path = expanded(base)
        if path.is_dir():
            folder = path.resolve()
            return read_spec(folder, str(folder), "folder"), folder
        if not _HUB_ID.fullmatch(base):
            raise
        folder = hub_folder(_unknown_row(base), accept_licence, offline)
        return read_spec(folder, base, "hub", folder.name), folder
    if spec.weights == "bundled":
        return spec, unpacked_folder()
    folder = hub_folder(spec, accept_licence, offline)
    check_row(spec, folder)
    # A snapshot's folder is named after its commit.
    return (spec if spec.revision else replace(spec, revision=folder.name)), folder


def _unknown_row(hf_id: str) -> EncoderSpec:
    """What is needed to download a model that the registry does not have."""
    return replace(MULTILINGUAL_E5_SMALL, name=hf_id, hf_id=hf_id, revision="", download_mb=0)


def choose_encoder(
    *,
    accept_licence: bool,
    gpu_free_gb: float | None = None,
    nemotron_here: bool | None = None,
    e5_here: bool | None = None,
) -> EncoderChoice:
    """Decide what `auto` means; the facts are looked up where they are not given."""
    free = _gpu_free_gb() if gpu_free_gb is None else gpu_free_gb
    bundled = bundled_file() is not None if e5_here is None else e5_here
    small = E5_SMALL if bundled else MULTILINGUAL_E5_SMALL
    switch = "To switch: --encoder nemotron-8b."
    if free < NEMOTRON_FREE_GB:
        found = f"a GPU with {free:.0f} GB free" if free else "no CUDA GPU"
        return EncoderChoice(
            small, f"nemotron-8b needs a GPU with {NEMOTRON_FREE_GB} GB free; here is {found}."
        )
    here = in_hub_cache(NEMOTRON_8B) if nemotron_here is None else nemotron_here
    if here or accept_licence:
        return EncoderChoice(NEMOTRON_8B, f"there is a GPU with {free:.0f} GB free.")
    return EncoderChoice(
        small,
        "nemotron-8b would fit this GPU, but its licence forbids commercial use and its download "
        f"is 15 to 30 GB. {switch[:-1]} --accept-license.",
    )


def _gpu_free_gb() -> float:
    from encoder.hardware import has_gpu

    if not has_gpu():
        return 0.0
    import torch

    return float(torch.cuda.mem_get_info()[0]) / 1e9
