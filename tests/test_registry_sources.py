"""Each row of the registry beside mteb's own registry of models, wherever that knows the model."""

from typing import Any

import pytest

mteb = pytest.importorskip(
    "mteb", reason="mteb is not installed: pip install -c constraints.txt -e '.[mteb]'"
)

from mteb.models.model_implementations import qwen3_models  # noqa: E402
from mteb.types import PromptType  # noqa: E402

from encoder.registry import REGISTRY  # noqa: E402
from encoder.reranker import PAIR_TEMPLATE, RERANKERS  # noqa: E402
from encoder.spec import EncoderSpec  # noqa: E402

# Not in mteb 2.26; docs/models.md says what their facts come from.
UNKNOWN = {"nvidia/llama-nemotron-embed-1b-v2", "nvidia/llama-3.2-nv-embedqa-1b-v2"}
# Their cards say 32,768 tokens; mteb says more, or how many it judged them with.
LIMIT_OF_THE_CARD = {
    "microsoft/harrier-oss-v1-27b",
    "KaLM-Embedding/KaLM-embedding-multilingual-mini-instruct-v2.5",
    "HIT-TMG/KaLM-embedding-multilingual-mini-instruct-v2",
}
# mteb counts the two positions that XLM-RoBERTa never uses.
UNUSED_POSITIONS = 2
LICENCES = {
    "mit": "MIT",
    "apache-2.0": "Apache-2.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "openmdw-1.1": "OpenMDW 1.1",
    "gemma": "Gemma terms of use (to be accepted on the hub)",
    "https://huggingface.co/nvidia/llama-embed-nemotron-8b/blob/main/LICENSE": (
        "NVIDIA non-commercial, with the Llama 3.1 community licence"
    ),
}
KNOWN = [spec for spec in REGISTRY.values() if spec.name not in UNKNOWN]


def meta_of(spec: EncoderSpec) -> Any:
    return mteb.get_model_meta(spec.hf_id)


def template_of(meta: Any) -> Any:
    """What mteb puts before a query in a retrieval task, given the instruction; None if nothing."""
    options = meta.loader_kwargs or {}
    template = options.get("instruction_template")
    if meta.loader is qwen3_models.q3e_instruct_loader:
        template = qwen3_models.instruction_template
    if template is None:
        return None
    if callable(template):
        return lambda task: template(task, PromptType.query)
    return lambda task: template.format(instruction=task)


def test_mteb_knows_all_rows_but_two() -> None:
    for name in UNKNOWN:
        with pytest.raises(KeyError):
            mteb.get_model_meta(REGISTRY[name].hf_id)


@pytest.mark.parametrize("spec", KNOWN, ids=lambda spec: spec.name)
def test_a_row_says_what_mteb_says(spec: EncoderSpec) -> None:
    meta = meta_of(spec)
    assert spec.weights == "bundled" or spec.revision == meta.revision
    dims = meta.embed_dim if isinstance(meta.embed_dim, list) else [meta.embed_dim]
    assert spec.dim in dims
    assert spec.licence == LICENCES[meta.license]
    assert max(spec.max_tokens, spec.most_tokens) in {
        meta.max_tokens,
        meta.max_tokens - UNUSED_POSITIONS,
        *({32_768} if spec.name in LIMIT_OF_THE_CARD else ()),
    }
    if spec.download_mb:
        assert spec.download_mb == pytest.approx(meta.memory_usage_mb * 1.048576, rel=0.06)


@pytest.mark.parametrize(
    "spec", [spec for spec in KNOWN if template_of(meta_of(spec))], ids=lambda spec: spec.name
)
def test_an_instruction_stands_where_mteb_puts_it(spec: EncoderSpec) -> None:
    ours = spec.query_template.format(task="Find it", query="")
    assert ours == template_of(meta_of(spec))("Find it")
    options = meta_of(spec).loader_kwargs or {}
    passages = options.get("apply_instruction_to_passages", False)
    assert (passages, spec.passage_template) == (False, "{passage}")
    prompts = options.get("prompts_dict")  # one for each task that it was judged on
    assert prompts is None or spec.default_task in prompts.values()


@pytest.mark.parametrize("size", ["small", "base", "large"])
def test_the_prefixes_of_e5_are_those_of_mteb(size: str) -> None:
    spec = REGISTRY[f"intfloat/multilingual-e5-{size}"]
    assert meta_of(spec).loader_kwargs["model_prompts"] == {
        "query": spec.query_template.removesuffix("{query}"),
        "document": spec.passage_template.removesuffix("{passage}"),
    }


def test_the_reranker_reads_what_mteb_gives_it() -> None:
    spec = RERANKERS["nvidia/llama-nemotron-rerank-1b-v2"].model
    meta = meta_of(spec)
    options = meta.loader_kwargs
    assert (meta.revision, LICENCES[meta.license]) == (spec.revision, spec.licence)
    pair = f"{options['query_prefix']}{{query}}{options['passage_prefix']}{{passage}}"
    assert pair == PAIR_TEMPLATE
