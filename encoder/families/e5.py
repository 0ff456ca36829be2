"""Rows of models over XLM-RoBERTa: multilingual-e5 in its sizes, and bge-m3."""

from dataclasses import replace

from encoder.families.prompts import INSTRUCT, WEB_SEARCH
from encoder.spec import EncoderSpec

# Model cards of intfloat/multilingual-e5-*: prefixes on both sides, mean pooling, 512 tokens.
E5_LARGE = EncoderSpec(
    name="intfloat/multilingual-e5-large",
    hf_id="intfloat/multilingual-e5-large",
    revision="ab10c1a7f42e74530fe7ae5be82e6d4f11a719eb",
    weights="hub",
    model_class="XLMRobertaModel",
    is_causal=False,
    pooling="mean",
    add_bos=True,
    add_eos=True,
    query_template="query: {query}",
    passage_template="passage: {passage}",
    default_task="",
    max_tokens=512,
    dim=1024,
    row_dtype="float32",
    languages="94 languages",
    licence="MIT",
    commercial_use=True,
    download_mb=2_260,
)
E5_BASE = replace(
    E5_LARGE,
    name="intfloat/multilingual-e5-base",
    hf_id="intfloat/multilingual-e5-base",
    revision="d13f1b27baf31030b7fd040960d60d909913633f",
    dim=768,
    download_mb=1_130,
)
E5_LARGE_INSTRUCT = replace(
    E5_LARGE,
    name="intfloat/multilingual-e5-large-instruct",
    hf_id="intfloat/multilingual-e5-large-instruct",
    revision="baa7be480a7de1539afce709c8f13f833a510e0a",
    query_template=INSTRUCT,
    passage_template="{passage}",
    default_task=WEB_SEARCH,
    download_mb=1_140,
)

# Model card of BAAI/bge-m3; only its dense vectors. At this commit its weights are a pickle, which
# is never loaded: docs/models.md says how to convert them.
BGE_M3 = replace(
    E5_LARGE,
    name="BAAI/bge-m3",
    hf_id="BAAI/bge-m3",
    revision="5617a9f61b028005a4858fdac845db406aefb181",
    pooling="cls",
    query_template="{query}",
    passage_template="{passage}",
    max_tokens=8192,
    languages="over 100 languages",
)
