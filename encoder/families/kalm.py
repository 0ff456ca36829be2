"""Rows of KaLM over Qwen 2; what is uncertain about the others is in docs/models.md."""

from dataclasses import replace

from encoder.families.e5 import E5_LARGE

# Model cards of KaLM v2 and v2.5, their paper (arXiv 2506.20923) and mteb: Qwen 2 without its
# causal mask, mean pooling, blanks around the line break, texts judged at 512 tokens.
KALM_MINI_V2_5 = replace(
    E5_LARGE,
    name="KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5",
    hf_id="KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5",
    revision="6a4cfc1084cb459ebd4729b53a8656a61448c720",
    model_class="Qwen2Model",
    add_bos=None,
    add_eos=None,
    query_template="Instruct: {task} \n Query: {query}",
    passage_template="{passage}",
    default_task="Given a query, retrieve documents that answer the query",
    dim=896,
    languages="English and Chinese above all",
    licence="Apache-2.0",
    download_mb=1_980,
    most_tokens=32_768,
    shorter_dims=(64, 128, 256, 512),
)
KALM_MINI_V2 = replace(
    KALM_MINI_V2_5,
    name="HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v2",
    hf_id="HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v2",
    revision="d2a21c232dc712ae8230af56d1027cf21b7864bf",
    licence="MIT",
    download_mb=990,
)
# Model card of KaLM v1: Qwen 2 as it is, which is causal ("do NOT set trust_remote_code"); nothing
# stands before a text.
KALM_MINI_V1 = replace(
    KALM_MINI_V2,
    name="HIT-TMG/KaLM-embedding-multilingual-mini-v1",
    hf_id="HIT-TMG/KaLM-embedding-multilingual-mini-v1",
    revision="8a82a0cd2b322b91723e252486f7cce6fd8ac9d3",
    is_causal=True,
    query_template="{query}",
    default_task="",
    download_mb=1_980,
    most_tokens=0,
    shorter_dims=(),
)
