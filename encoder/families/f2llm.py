"""Rows of F2LLM-v2 in its sizes."""

from dataclasses import replace

from encoder.families.prompts import INSTRUCT
from encoder.families.qwen import QWEN3_0B6

# Model cards of codefuse-ai/F2LLM-v2-*, and mteb: the end token is appended to every text, and the
# instruction ends in a full stop.
F2LLM_0B6 = replace(
    QWEN3_0B6,
    name="codefuse-ai/F2LLM-v2-0.6B",
    hf_id="codefuse-ai/F2LLM-v2-0.6B",
    revision="54b4e2dc74e01be7126d4cf5f016af6b21edc563",
    query_template=INSTRUCT,
    default_task="Given a question, retrieve passages that answer the question.",
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
