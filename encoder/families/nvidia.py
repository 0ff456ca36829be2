"""Rows of NVIDIA's smaller and newer encoders; the 8B one is in encoder/registry.py."""

from dataclasses import replace

from encoder.spec import EncoderSpec

# Model cards; stock LlamaModel with bidirectional attention. The tokeniser is Llama 3.2's own. The
# commits are those that NVIDIA's own retriever pins (NVIDIA/NeMo-Retriever, hf_model_registry.py).
LLAMA_NEMOTRON_1B = EncoderSpec(
    name="nvidia/llama-nemotron-embed-1b-v2",
    hf_id="nvidia/llama-nemotron-embed-1b-v2",
    revision="113abe4acafa848e77ead9c0623205e511932348",
    weights="hub",
    model_class="LlamaModel",
    is_causal=False,
    pooling="mean",
    add_bos=None,
    add_eos=None,
    query_template="query: {query}",
    passage_template="passage: {passage}",
    default_task="",
    max_tokens=8192,
    dim=2048,
    row_dtype="float32",
    languages="26 languages",
    licence="NVIDIA Open Model License, with the Llama 3.2 community licence",
    commercial_use=True,
    download_mb=2_490,
    shorter_dims=(384, 512, 768, 1024),
)
LLAMA_EMBEDQA_1B = replace(
    LLAMA_NEMOTRON_1B,
    name="nvidia/llama-3.2-nv-embedqa-1b-v2",
    hf_id="nvidia/llama-3.2-nv-embedqa-1b-v2",
    revision="cefc2394cc541737b7867df197984cf23f05367f",
)

# Model cards of nvidia/Nemotron-3-Embed-*-BF16: stock Ministral3Model, config is_causal false.
NEMOTRON_3_8B = EncoderSpec(
    name="nvidia/Nemotron-3-Embed-8B-BF16",
    hf_id="nvidia/Nemotron-3-Embed-8B-BF16",
    revision="dd9d06b1852ef836d3dc2fbd2b71a34356912759",
    weights="hub",
    model_class="Ministral3Model",
    is_causal=False,
    pooling="mean",
    add_bos=True,
    add_eos=False,
    query_template="query: {query}",
    passage_template="passage: {passage}",
    default_task="",
    max_tokens=4096,
    dim=4096,
    row_dtype="float16",
    languages="multilingual",
    licence="OpenMDW 1.1",
    commercial_use=True,
    download_mb=15_900,
    most_tokens=32_768,
)
NEMOTRON_3_1B = replace(
    NEMOTRON_3_8B,
    name="nvidia/Nemotron-3-Embed-1B-BF16",
    hf_id="nvidia/Nemotron-3-Embed-1B-BF16",
    revision="f880174635613cff04033875fc6a69296cb72006",
    dim=2048,
    row_dtype="float32",
    download_mb=2_280,
)
