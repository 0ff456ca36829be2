"""Registry rows of the neighbours: one row for each model, nothing but data.

Sources: the model cards, and the ids, revisions, limits and templates in mteb 2.26's model registry
(the revision is the commit that its leaderboard results were made with). A row without a revision
takes the newest commit and records which that was. What could not be verified is not here;
docs/models.md lists those models and why.
"""

from dataclasses import replace

from encoder.spec import EncoderSpec

_RETRIEVE = "Given a question, retrieve passages that answer the question"
_WEB_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
_INSTRUCT = "Instruct: {task}\nQuery: {query}"

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
    query_template=_INSTRUCT,
    passage_template="{passage}",
    default_task=_WEB_SEARCH,
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

# Model cards; stock LlamaModel with bidirectional attention. The tokeniser is Llama 3.2's own.
LLAMA_NEMOTRON_1B = EncoderSpec(
    name="nvidia/llama-nemotron-embed-1b-v2",
    hf_id="nvidia/llama-nemotron-embed-1b-v2",
    revision="",
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

# Model cards of Qwen/Qwen3-Embedding-*: no space after "Query:"; the end token is
# <|endoftext|>, which their tokeniser appends.
QWEN3_8B = EncoderSpec(
    name="Qwen/Qwen3-Embedding-8B",
    hf_id="Qwen/Qwen3-Embedding-8B",
    revision="4e423935c619ae4df87b646a3ce949610c66241c",
    weights="hub",
    model_class="Qwen3Model",
    is_causal=True,
    pooling="last_token",
    add_bos=False,
    add_eos=True,
    query_template="Instruct: {task}\nQuery:{query}",
    passage_template="{passage}",
    default_task=_WEB_SEARCH,
    max_tokens=8192,
    dim=4096,
    row_dtype="float16",
    languages="over 100 languages",
    licence="Apache-2.0",
    commercial_use=True,
    download_mb=15_140,
    most_tokens=32_768,
    any_dim_from=32,
)
QWEN3_4B = replace(
    QWEN3_8B,
    name="Qwen/Qwen3-Embedding-4B",
    hf_id="Qwen/Qwen3-Embedding-4B",
    revision="636cd9bf47d976946cdbb2b0c3ca0cb2f8eea5ff",
    dim=2560,
    row_dtype="float32",
    download_mb=8_050,
)
QWEN3_0B6 = replace(
    QWEN3_4B,
    name="Qwen/Qwen3-Embedding-0.6B",
    hf_id="Qwen/Qwen3-Embedding-0.6B",
    revision="b22da495047858cce924d27d76261e96be6febc0",
    dim=1024,
    download_mb=1_200,
)

# Its published code removes the causal mask, and float16 destroys its vectors (mteb 2.18.3).
GTE_QWEN2_7B = replace(
    QWEN3_8B,
    name="Alibaba-NLP/gte-Qwen2-7B-instruct",
    hf_id="Alibaba-NLP/gte-Qwen2-7B-instruct",
    revision="e26182b2122f4435e8b3ebecbf363990f409b45b",
    model_class="Qwen2Model",
    is_causal=False,
    query_template=_INSTRUCT,
    dim=3584,
    languages="multilingual",
    download_mb=30_450,
    any_dim_from=0,
    forbidden_dtypes=("float16",),
)

# Its tokeniser files decide about start and end tokens, as they do in mteb.
LINQ_MISTRAL = replace(
    QWEN3_8B,
    name="Linq-AI-Research/Linq-Embed-Mistral",
    hf_id="Linq-AI-Research/Linq-Embed-Mistral",
    revision="0c1a0b0589177079acc552433cad51d7c9132379",
    model_class="MistralModel",
    add_bos=None,
    add_eos=None,
    query_template=_INSTRUCT,
    max_tokens=4096,
    languages="English above all",
    licence="CC BY-NC 4.0",
    commercial_use=False,
    download_mb=14_220,
    any_dim_from=0,
)

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
    default_task=_RETRIEVE,
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

# Model cards of codefuse-ai/F2LLM-v2-*: the end token is appended to every text.
F2LLM_0B6 = replace(
    QWEN3_0B6,
    name="codefuse-ai/F2LLM-v2-0.6B",
    hf_id="codefuse-ai/F2LLM-v2-0.6B",
    revision="54b4e2dc74e01be7126d4cf5f016af6b21edc563",
    query_template=_INSTRUCT,
    default_task=_RETRIEVE,
    any_dim_from=8,
    most_tokens=40_960,
    download_mb=2_390,
)
_F2LLM = (
    ("80M", "6faa7738f343cd4321f9b2fa92fdb7cae3c117a5", 320, 320),
    ("160M", "4013fb02c4b37ae14fc567fb190051b6cad652f6", 640, 640),
    ("330M", "e8ef9a8eb907a9dffdd9442424a967ba73e70d31", 896, 1_340),
    ("1.7B", "3766d46e7a68545ed6190c15330983f9b39ab718", 2048, 6_890),
    ("4B", "e04d1a04f4a0e154bf43969d3dcc596bbd92b1f8", 2560, 16_090),
    ("8B", "5ac7d57351026337281e8e6a23e05cce16e79415", 4096, 30_280),
    ("14B", "e42037a37e12999db44ce8e1a0e63c366c273f6a", 5120, 55_970),
)
F2LLM = (
    F2LLM_0B6,
    *(
        replace(
            F2LLM_0B6,
            name=f"codefuse-ai/F2LLM-v2-{size}",
            hf_id=f"codefuse-ai/F2LLM-v2-{size}",
            revision=revision,
            dim=dim,
            row_dtype="float16" if dim >= 4096 else "float32",
            download_mb=download_mb,
        )
        for size, revision, dim, download_mb in _F2LLM
    ),
)

ROWS: tuple[EncoderSpec, ...] = (
    E5_BASE, E5_LARGE, E5_LARGE_INSTRUCT, BGE_M3, LLAMA_NEMOTRON_1B, LLAMA_EMBEDQA_1B,
    NEMOTRON_3_1B, NEMOTRON_3_8B, QWEN3_0B6, QWEN3_4B, QWEN3_8B, GTE_QWEN2_7B, LINQ_MISTRAL,
    EMBEDDING_GEMMA, HARRIER_270M, HARRIER_0B6, HARRIER_27B, *F2LLM,
)  # fmt: skip
