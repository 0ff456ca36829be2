"""Registry rows of the neighbours: one row for each model, nothing but data.

Ids, revisions, lengths, licences and templates are those of mteb 2.26's model registry, as
tests/test_registry_sources.py proves where mteb is installed (the revision is the commit that its
leaderboard results were made with); what mteb does not know is from the model cards. A row without
a revision takes the newest commit and records which that was. What could not be verified is not
here; docs/models.md lists those models and why.
"""

from encoder.families.e5 import BGE_M3, E5_BASE, E5_LARGE, E5_LARGE_INSTRUCT
from encoder.families.f2llm import F2LLM
from encoder.families.gemma import EMBEDDING_GEMMA, HARRIER_0B6, HARRIER_27B, HARRIER_270M
from encoder.families.kalm import KALM_MINI_V1, KALM_MINI_V2, KALM_MINI_V2_5
from encoder.families.nvidia import (
    LLAMA_EMBEDQA_1B,
    LLAMA_NEMOTRON_1B,
    NEMOTRON_3_1B,
    NEMOTRON_3_8B,
)
from encoder.families.qwen import GTE_QWEN2_7B, LINQ_MISTRAL, QWEN3_0B6, QWEN3_4B, QWEN3_8B
from encoder.spec import EncoderSpec

ROWS: tuple[EncoderSpec, ...] = (
    E5_BASE, E5_LARGE, E5_LARGE_INSTRUCT, BGE_M3, LLAMA_NEMOTRON_1B, LLAMA_EMBEDQA_1B,
    NEMOTRON_3_1B, NEMOTRON_3_8B, QWEN3_0B6, QWEN3_4B, QWEN3_8B, GTE_QWEN2_7B, LINQ_MISTRAL,
    EMBEDDING_GEMMA, HARRIER_270M, HARRIER_0B6, HARRIER_27B, *F2LLM,
    KALM_MINI_V2_5, KALM_MINI_V2, KALM_MINI_V1,
)  # fmt: skip

__all__ = [
    "BGE_M3",
    "E5_BASE",
    "E5_LARGE",
    "E5_LARGE_INSTRUCT",
    "EMBEDDING_GEMMA",
    "F2LLM",
    "GTE_QWEN2_7B",
    "HARRIER_0B6",
    "HARRIER_27B",
    "HARRIER_270M",
    "KALM_MINI_V1",
    "KALM_MINI_V2",
    "KALM_MINI_V2_5",
    "LINQ_MISTRAL",
    "LLAMA_EMBEDQA_1B",
    "LLAMA_NEMOTRON_1B",
    "NEMOTRON_3_1B",
    "NEMOTRON_3_8B",
    "QWEN3_0B6",
    "QWEN3_4B",
    "QWEN3_8B",
    "ROWS",
]
