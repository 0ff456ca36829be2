"""Rows of EmbeddingGemma and of harrier, which stands on Gemma 3 and Qwen 3."""

from dataclasses import replace

from encoder.families.prompts import RETRIEVE
from encoder.families.qwen import QWEN3_0B6
from encoder.spec import EncoderSpec

# Model card of google/embeddinggemma-300m: two linear layers after pooling; float16 overflows.
EMBEDDING_GEMMA = EncoderSpec(
    name="google/embeddinggemma-300m",
    hf_id="google/embeddinggemma-300m",
    revision="64614b0b8b64f0c6c1e52b07e4e9a4e8fe4d2da2",
    weights="hub",
    model_class="Gemma3TextModel",
    is_causal=False,
    pooling="mean",
    add_bos=True,
    add_eos=True,
    query_template="task: search result | query: {query}",
    passage_template="title: none | text: {passage}",
    default_task="",
    max_tokens=2048,
    dim=768,
    row_dtype="float32",
    languages="over 100 languages",
    licence="Gemma terms of use (to be accepted on the hub)",
    commercial_use=True,
    download_mb=1_210,
    shorter_dims=(128, 256, 512),
    dense_head=True,
    forbidden_dtypes=("float16",),
)

# Model cards of microsoft/harrier-oss-v1-*; their tokeniser files decide about the end token. The
# Gemma ones are kept out of float16 as EmbeddingGemma is: the architecture is the same.
HARRIER_0B6 = replace(
    QWEN3_0B6,
    name="microsoft/harrier-oss-v1-0.6b",
    hf_id="microsoft/harrier-oss-v1-0.6b",
    revision="f9b9dc8d367d443f2479d27aa5d8d2850c0774ee",
    add_bos=None,
    add_eos=None,
    default_task=RETRIEVE,
    languages="multilingual",
    licence="MIT",
    any_dim_from=0,
)
HARRIER_270M = replace(
    HARRIER_0B6,
    name="microsoft/harrier-oss-v1-270m",
    hf_id="microsoft/harrier-oss-v1-270m",
    revision="31de22b673913c7d658c0f03f792d77c2dcf8ebd",
    model_class="Gemma3TextModel",
    dim=640,
    download_mb=540,
    forbidden_dtypes=("float16",),
)
HARRIER_27B = replace(
    HARRIER_270M,
    name="microsoft/harrier-oss-v1-27b",
    hf_id="microsoft/harrier-oss-v1-27b",
    revision="0c0fc62f6d8af9e8604cb818c412301b103a0093",
    dim=5376,
    row_dtype="float16",
    download_mb=54_000,
)
