"""model id -> folder: the Hugging Face hub's cache on this machine, or a download."""

import logging
import os
from pathlib import Path

from encoder.errors import EncoderNotAvailable
from encoder.spec import EncoderSpec

log = logging.getLogger(__name__)

# A model of this size needs a GPU, or patience and as much memory.
LARGE_MB = 10_000


def hub_folder(spec: EncoderSpec, accept_licence: bool, offline: bool) -> Path:
    """Return the folder of a model's files, downloaded if need be.

    Raises:
        EncoderNotAvailable: They are not here and may not or cannot be downloaded.
    """
    here = cached_snapshot(spec)
    if here is not None:
        return here
    size = f"{spec.download_mb} MB" if spec.download_mb else "of unknown size"
    if offline:
        raise EncoderNotAvailable(
            f"The weights of {spec.name} are not on this machine, and --offline forbids to "
            "download them.",
            f"Leave --offline out once ({size}){_or_served(spec)}, or use --encoder e5-small.",
        )
    if not spec.commercial_use and not accept_licence:
        raise EncoderNotAvailable(
            f"The licence of {spec.name} ({spec.licence}) forbids commercial use; its download "
            f"has {size}.",
            f"If that suits you, add --accept-license{_or_served(spec)}; else use --encoder "
            "e5-small.",
        )
    return _download(spec, size)


def _or_served(spec: EncoderSpec) -> str:
    """What a machine too small for a model can do, for an index that was made with it."""
    if spec.download_mb < LARGE_MB:
        return ""
    return f", or let a server encode (--encoder http://host:8000#{spec.hf_id})"


_FILES = ["*.json", "*.safetensors"]


def cached_snapshot(spec: EncoderSpec) -> Path | None:
    """The folder of a model that was downloaded before; None if it was not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                spec.hf_id,
                revision=spec.revision or None,
                allow_patterns=_FILES,
                local_files_only=True,
            )
        )
    except LocalEntryNotFoundError:
        return None


def in_hub_cache(spec: EncoderSpec) -> bool:
    """Tell whether a model's files are on this machine."""
    return cached_snapshot(spec) is not None


def _download(spec: EncoderSpec, size: str) -> Path:
    # Nothing phones home; the hub's library reads this when it is first imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    log.info("downloading %s (%s)", spec.hf_id, size)
    try:
        return Path(
            snapshot_download(spec.hf_id, revision=spec.revision or None, allow_patterns=_FILES)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise EncoderNotAvailable(
            f"{spec.hf_id} could not be downloaded: {type(error).__name__}.",
            "Check the connection and the model's access terms on the hub, or use "
            "--encoder e5-small, which needs no network.",
        ) from error
