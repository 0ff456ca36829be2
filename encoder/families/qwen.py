"""Rows of models over Qwen 2, Qwen 3 and Mistral whose last token is the vector."""

from dataclasses import replace

from encoder.families.prompts import INSTRUCT, WEB_SEARCH
from encoder.spec import EncoderSpec

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
    default_task=WEB_SEARCH,
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
    query_template=INSTRUCT,
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
    query_template=INSTRUCT,
    max_tokens=4096,
    languages="English above all",
    licence="CC BY-NC 4.0",
    commercial_use=False,
    download_mb=14_220,
    any_dim_from=0,
)
