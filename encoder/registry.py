"""The encoders that are known by name: one row each, nothing but data."""

from dataclasses import replace

from encoder.errors import UnknownEncoder
from encoder.families import ROWS
from encoder.naming import apply_options, parse_name
from encoder.spec import EncoderSpec

# Templates, pooling and limits as on the model card of intfloat/multilingual-e5-small.
E5_SMALL = EncoderSpec(
    name="e5-small",
    hf_id="intfloat/multilingual-e5-small",
    revision="",
    weights="bundled",
    model_class="BertModel",
    is_causal=False,
    pooling="mean",
    add_bos=True,
    add_eos=True,
    query_template="query: {query}",
    passage_template="passage: {passage}",
    default_task="",
    max_tokens=512,
    dim=384,
    row_dtype="float32",
    languages="94 languages",
    licence="MIT",
    commercial_use=True,
    download_mb=0,
)

# The full-precision weights that E5_SMALL's 4-bit ones were made from.
MULTILINGUAL_E5_SMALL = replace(
    E5_SMALL,
    name="intfloat/multilingual-e5-small",
    weights="hub",
    revision="fd1525a9fd15316a2d503bf26ab031a61d056e98",
    download_mb=490,
)

# Model card of nvidia/llama-embed-nemotron-8b; the revision is the one that mteb's registry pins.
# max_tokens is the card's and MTEB's setting; the model accepts 32,768: nemotron-8b@tokens=32768.
NEMOTRON_8B = EncoderSpec(
    name="nemotron-8b",
    hf_id="nvidia/llama-embed-nemotron-8b",
    revision="84a375593d27d3528beb4e104822515659e093b4",
    weights="hub",
    model_class="LlamaModel",
    is_causal=False,
    pooling="mean",
    add_bos=True,
    add_eos=False,
    query_template="Instruct: {task}\nQuery: {query}",
    passage_template="{passage}",
    default_task="Given a question, retrieve passages that answer the question",
    max_tokens=4096,
    dim=4096,
    row_dtype="float16",
    languages="multilingual",
    licence="NVIDIA non-commercial, with the Llama 3.1 community licence",
    commercial_use=False,
    download_mb=30_000,
    most_tokens=32_768,
)

REGISTRY: dict[str, EncoderSpec] = {
    spec.name: spec for spec in (E5_SMALL, MULTILINGUAL_E5_SMALL, NEMOTRON_8B, *ROWS)
}


def find_spec(name: str) -> EncoderSpec:
    """Return the registry row of that name or Hugging Face id, with the options in the name.

    Raises:
        UnknownEncoder: There is no such row.
        UsageError: The options make no sense for it.
    """
    asked = parse_name(name)
    for spec in REGISTRY.values():
        # e5-small always means the bundled weights, so a hub id must not match its hf_id.
        if asked.base == spec.name or (spec.weights == "hub" and asked.base == spec.hf_id):
            return apply_options(spec, asked)
    raise UnknownEncoder(name)
