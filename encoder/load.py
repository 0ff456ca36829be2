"""name -> encoder: choose, find the weights, load, prove."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from encoder.address import is_address
from encoder.bundled import bundled_file, unpacked_folder
from encoder.errors import EncoderNotAvailable
from encoder.registry import E5_SMALL, MULTILINGUAL_E5_SMALL, NEMOTRON_8B, find_spec
from encoder.spec import Encoder, EncoderSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from encoder.transformer import TransformerEncoder

log = logging.getLogger(__name__)

# 15 GB of weights in bfloat16, and room for the activations of a batch.
NEMOTRON_FREE_GB = 20


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """Which encoder `auto` means here, and why, in one sentence for the user."""

    spec: EncoderSpec
    reason: str


def load_encoder(
    name: str = "auto", *, accept_licence: bool = False, offline: bool = False
) -> Encoder:
    """Load an encoder that has passed its self-test, here or on a server.

    Args:
        name: As `load_transformer` takes it, or the address of a server: "http://host:8000#model".
        accept_licence: Consent to a licence that forbids commercial use, and to the download.
        offline: Never use the network; take weights, or a server, that are on this machine.

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
    return load_transformer(name, accept_licence=accept_licence, offline=offline)


def load_transformer(
    name: str = "auto", *, accept_licence: bool = False, offline: bool = False
) -> "TransformerEncoder":
    """Load an encoder that runs in this process and has passed its self-test.

    Args:
        name: "auto" or a name from the registry; see `python -m encoder list`.
        accept_licence: Consent to a licence that forbids commercial use, and to the download.
        offline: Never use the network; take weights that are already here.

    Raises:
        UnknownEncoder: No encoder has this name.
        EncoderNotAvailable: Its weights are not here and may not or cannot be downloaded.
        EncoderRefused: It failed the self-test.
    """
    # torch takes seconds to import, and an encoder on a server needs none.
    from encoder.selftest import self_test
    from encoder.transformer import TransformerEncoder

    if name == "auto":
        choice = choose_encoder(accept_licence=accept_licence)
        log.info("encoder %s: %s", choice.spec.name, choice.reason)
        spec = choice.spec
    else:
        spec = find_spec(name)
    encoder = TransformerEncoder.open(spec, _weights_folder(spec, accept_licence, offline))
    self_test(encoder)
    return encoder


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
    here = _in_hub_cache(NEMOTRON_8B) if nemotron_here is None else nemotron_here
    if here or accept_licence:
        return EncoderChoice(NEMOTRON_8B, f"there is a GPU with {free:.0f} GB free.")
    return EncoderChoice(
        small,
        "nemotron-8b would fit this GPU, but its licence forbids commercial use and its download "
        f"is 15 to 30 GB. {switch[:-1]} --accept-license.",
    )


def _gpu_free_gb() -> float:
    import torch

    if not torch.cuda.is_available():
        return 0.0
    return float(torch.cuda.mem_get_info()[0]) / 1e9


def _weights_folder(spec: EncoderSpec, accept_licence: bool, offline: bool) -> Path:
    if spec.weights == "bundled":
        return unpacked_folder()
    here = cached_snapshot(spec)
    if here is not None:
        return here
    if offline:
        raise EncoderNotAvailable(
            f"The weights of {spec.name} are not on this machine, and --offline forbids to "
            "download them.",
            f"Leave --offline out once ({spec.download_mb} MB), or use --encoder e5-small.",
        )
    if not spec.commercial_use and not accept_licence:
        raise EncoderNotAvailable(
            f"The licence of {spec.name} ({spec.licence}) forbids commercial use; its download "
            f"has {spec.download_mb} MB.",
            "If that suits you, add --accept-license; else use --encoder e5-small.",
        )
    return _download(spec)


_FILES = ["*.json", "*.safetensors"]


def cached_snapshot(spec: EncoderSpec) -> Path | None:
    """The folder of a model that was downloaded before; None if it was not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                spec.hf_id, revision=spec.revision, allow_patterns=_FILES, local_files_only=True
            )
        )
    except LocalEntryNotFoundError:
        return None


def _in_hub_cache(spec: EncoderSpec) -> bool:
    return cached_snapshot(spec) is not None


def _download(spec: EncoderSpec) -> Path:
    # Nothing phones home; the hub's library reads this when it is first imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    log.info("downloading %s (%d MB)", spec.hf_id, spec.download_mb)
    try:
        return Path(snapshot_download(spec.hf_id, revision=spec.revision, allow_patterns=_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise EncoderNotAvailable(
            f"{spec.hf_id} could not be downloaded: {type(error).__name__}.",
            "Check the connection and the model's access terms on the hub, or use "
            "--encoder e5-small, which needs no network.",
        ) from error
