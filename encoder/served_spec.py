"""What a server serves, described as an encoder: by the registry, or else by the caller."""

import logging
from dataclasses import replace
from pathlib import Path

from encoder.address import ServerAddress
from encoder.counting import ByteCounter, TokenCounter, read_tokenizer
from encoder.errors import UnknownEncoder, UsageError
from encoder.registry import REGISTRY, find_spec
from encoder.server_errors import ServerError
from encoder.spec import EncoderSpec
from encoder.wire import ServedModel

log = logging.getLogger(__name__)

# For a model that says nothing of its longest input: BERT's.
DEFAULT_TOKENS = 512
# Vectors of more numbers are stored in half precision.
FLOAT32_DIMS = 1024


def registry_row(address: ServerAddress) -> EncoderSpec | None:
    """The row that describes the model; None if the caller has described it instead.

    Raises:
        UnknownEncoder: `as=` names no row.
        UsageError: Nobody has said what stands before a query and a passage.
    """
    described = address.query_template or address.passage_template
    if address.row:
        row = find_spec(address.row)
    else:
        try:
            row = find_spec(address.model)
        except UnknownEncoder:
            row = None
    if row is not None:
        if described:
            raise UsageError(
                f"The templates of {row.name} are known.", "Leave query= and passage= out."
            )
        return row
    if address.templates == "server" or (address.query_template and address.passage_template):
        return None
    raise UsageError(
        f"Nothing is known about {address.model!r}: what stands before a query and a passage "
        "decides what its vectors mean.",
        "Say it after the model's name, as its model card does: "
        "'#NAME?query=query: {query}&passage=passage: {passage}' or '#NAME?as=nemotron-8b' if it "
        "is that model under another name; docs/servers.md has more.",
    )


def served_spec(
    address: ServerAddress, row: EncoderSpec | None, dim: int, served: ServedModel | None
) -> EncoderSpec:
    """Describe the encoder. The name does not hold the server: an index may move to another."""
    says = served.max_model_len if served else None
    if row is not None:
        if dim not in (row.dim, row.model_dim):
            raise wrong_dim(address, dim, row)
        if address.max_tokens is not None and address.max_tokens > row.max_tokens:
            raise UsageError(
                f"tokens={address.max_tokens} is more than the {row.max_tokens} of {row.name}.",
                f"Leave it out; if the model can read more: as={row.name}@tokens="
                f"{address.max_tokens}",
            )
        longest = address.max_tokens or min(row.max_tokens, says or row.max_tokens)
        return replace(row, max_tokens=longest)
    return EncoderSpec(
        name=address.model,
        hf_id=address.model,
        revision="",
        weights="served",
        model_class="",
        is_causal=False,
        pooling="mean",
        add_bos=False,
        add_eos=False,
        query_template=address.query_template or "{query}",
        passage_template=address.passage_template or "{passage}",
        default_task=address.task,
        max_tokens=address.max_tokens or says or DEFAULT_TOKENS,
        dim=dim,
        row_dtype="float32" if dim <= FLOAT32_DIMS else "float16",
        languages="as its authors say",
        licence="as its authors say",
        commercial_use=True,
        download_mb=0,
    )


def wrong_dim(address: ServerAddress, dim: int, spec: EncoderSpec) -> ServerError:
    return ServerError(
        f"{address.host} gives vectors of {dim} dimensions; {spec.name} has {spec.model_dim}.",
        f"It serves another model than {spec.name}: correct the name after #.",
    )


def token_counter(address: ServerAddress, row: EncoderSpec | None) -> TokenCounter:
    if address.tokenizer is not None:
        return read_tokenizer(address.tokenizer)
    path = _local_tokenizer(row) if row is not None else None
    if row is not None and path is not None:
        # What the spec leaves to the tokeniser's other files is counted as if it were there.
        return read_tokenizer(path, (row.add_bos is not False) + (row.add_eos is not False))
    log.info(
        "the tokeniser of %s is not on this machine, so each byte counts as a token: "
        "--max-tokens 1000 gives passages of about 250 tokens in Latin scripts",
        address.model,
    )
    return ByteCounter()


def _local_tokenizer(row: EncoderSpec) -> Path | None:
    """The tokeniser of a row, of its own or another row's weights of the same model."""
    from encoder.bundled import bundled_file, unpacked_folder
    from encoder.hub import cached_snapshot

    same = [row, *(spec for spec in REGISTRY.values() if spec.hf_id == row.hf_id)]
    if any(spec.weights == "bundled" for spec in same) and bundled_file() is not None:
        return unpacked_folder() / "tokenizer.json"
    folder = cached_snapshot(row)
    path = None if folder is None else folder / "tokenizer.json"
    return path if path is not None and path.is_file() else None
