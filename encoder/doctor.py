"""What this machine, its libraries and the chosen encoder are, found out and not assumed."""

import os
import platform
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import torch

from encoder.address import is_address
from encoder.cache import cache_dir
from encoder.engine import EngineFacts, choose_engine
from encoder.hardware import has_gpu, runs_on
from encoder.load import choose_encoder, load_local
from encoder.local import LocalEncoder
from encoder.naming import parse_name
from encoder.selftest import self_test
from encoder.served import ServedEncoder
from encoder.served_check import check_server
from encoder.spec import Encoder
from encoder.transformer import TransformerEncoder

FAISS_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
# About three paragraphs.
SPEED_TEXT = "The warranty covers repairs for two years if the device was used as described. " * 14


def examine(
    name: str = "auto", *, accept_licence: bool = False, offline: bool = False
) -> dict[str, str]:
    """Load the encoder, test it, and return the findings in the order in which they are shown.

    Raises:
        EncoderNotAvailable: It cannot be loaded here.
        EncoderRefused: It failed the self-test.
    """
    facts = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {platform.system()}",
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "transformers": version("transformers"),
        "FAISS": _faiss(),
        "ICU": f"icu4py {version('icu4py')}",
        "cache": str(cache_dir()),
    }
    if is_address(name):
        return facts | _served(name, offline=offline)
    if name == "auto":
        facts["auto means"] = _auto(accept_licence)
    started = time.perf_counter()
    encoder = load_local(name, accept_licence=accept_licence, offline=offline)
    facts["encoder"] = (
        f"{encoder.spec.name}, {encoder.spec.dim} dimensions, loaded in "
        f"{time.perf_counter() - started:.1f} s"
    )
    facts["licence"] = encoder.spec.licence + (
        "" if encoder.spec.commercial_use else " (no commercial use)"
    )
    facts["runs on"] = runs_on(encoder.choice)
    facts["one question"] = _one_question(encoder, name)
    if isinstance(encoder, TransformerEncoder):
        facts["attention"] = f"{encoder.attention.name}: {encoder.attention.reason}"
    for finding in self_test(encoder):
        facts[finding.name] = f"yes ({finding.measured})"
    facts["speed"] = _speed(encoder)
    facts["faster with"] = _faster(encoder)
    return facts


def _faiss() -> str:
    found = []
    for package in FAISS_PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    if len(found) > 1:
        return f"{' and '.join(found)}: only one may be installed; uninstall the others"
    if not found:
        return "none; install it: pip install -c constraints.txt -e '.[cpu]'"
    return f"{found[0]}: {_scanned_by(found[0], gpu=torch.cuda.is_available())}"


def _scanned_by(package: str, *, gpu: bool) -> str:
    """What searches the rows of an index; `search --explain` says it of one index."""
    if not gpu:
        return "the processor scans an index's rows"
    if package.startswith("faiss-cpu"):
        return (
            "the processor scans an index's rows; for the GPU here: pip uninstall faiss-cpu, then "
            "pip install -c constraints.txt -e '.[gpu]'"
        )
    return "a GPU searches an index's rows where they are many and fit"


def _auto(accept_licence: bool) -> str:
    choice = choose_encoder(accept_licence=accept_licence)
    return f"{choice.spec.name}: {choice.reason}"


def _one_question(encoder: LocalEncoder, name: str) -> str:
    """What `search` from the shell encodes its question with, where this encoder was loaded."""
    facts = replace(EngineFacts.here(gpu=has_gpu()), torch_loaded=False)
    if not facts.obstacle and isinstance(encoder, TransformerEncoder):
        facts = replace(facts, obstacle="its layers were not compiled")  # or it would be another
    engine = choose_engine(encoder.spec, parse_name(name), facts, one_question=True)
    if engine.name == "numpy":
        return f"by NumPy in float32 ({engine.reason})"
    return f"as everything else ({engine.reason})"


def _served(name: str, *, offline: bool) -> dict[str, str]:
    started = time.perf_counter()
    encoder = ServedEncoder.open(name, offline=offline)
    counted = "tokens" if encoder.counter.exact else "bytes, as its tokeniser is not here"
    facts = {
        "encoder": f"{encoder.spec.name}, {encoder.spec.dim} dimensions, answered in "
        f"{time.perf_counter() - started:.1f} s",
        "licence": encoder.spec.licence,
        "runs on": encoder.client.address.host,
        "longest input": f"{encoder.spec.max_tokens} {counted}",
    }
    facts |= {item.name: f"yes ({item.measured})" for item in check_server(encoder)}
    return facts | {"speed": _speed(encoder)}


def _speed(encoder: Encoder) -> str:
    texts = [SPEED_TEXT] * 16
    encoder.encode_passages(texts[:1])
    started = time.perf_counter()
    encoder.encode_passages(texts)
    seconds = time.perf_counter() - started
    tokens = len(texts) * len(encoder.token_ends(SPEED_TEXT))
    return (
        f"{tokens / seconds:,.0f} tokens/s, {len(texts) / seconds:.1f} passages/s of "
        f"{tokens // len(texts)} tokens"
    )


def _faster(encoder: LocalEncoder) -> str:
    if encoder.choice.device.startswith("cuda"):
        return "nothing: it runs on the GPU"
    if encoder.choice.dtype == "bfloat16" or encoder.choice.products == "int8":
        return "a CUDA GPU"
    return "a CUDA GPU, or a processor with VNNI, or bfloat16 (AVX-512 BF16, AMX)"
