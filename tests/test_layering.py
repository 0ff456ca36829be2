"""Imports point left, encoder <- indexer <- retriever <- app; heavy ones stay at the leaves."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("encoder", "indexer", "retriever", "app")
HOMES = {
    "torch": "encoder/",
    "transformers": "encoder/",
    "tokenizers": "encoder/",
    "safetensors": "encoder/",
    "huggingface_hub": "encoder/",
    "llvmlite": "encoder/kernels/",
    "openai": "encoder/",
    "mteb": "encoder/mteb.py",
    "faiss": "indexer/vector_index.py",
    "pypdfium2": "indexer/read/",
    "pypdf": "indexer/read/",
    "docx": "indexer/read/",
    "lxml": "indexer/read/",
    "py3langid": "indexer/language",  # and language_shares.py
    "icu4py": "indexer/boundaries.py",
    "tantivy": "indexer/lexical_index.py",
    "opencc": "indexer/words.py",
    "pytrec_eval": "retriever/evaluation/metrics.py",
    "langchain_core": "retriever/adapters/",
    "langchain_text_splitters": "retriever/adapters/",
    "streamlit": "app/",
}
FORBIDDEN = {"pickle", "dill", "joblib", "shelve", "marshal"}


def files() -> list[Path]:
    return sorted(path for package in ORDER for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    allowed = ORDER[: ORDER.index(place.split("/")[0]) + 1]
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in FORBIDDEN
        assert top not in ORDER or top in allowed, f"{place} imports {name}"
        assert place.startswith(HOMES.get(top, "")), f"{place} imports {name}"


def modules_after(code: str) -> set[str]:
    code += "; import sys; print(*{name.split('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import encoder, indexer, retriever", {"torch", "faiss", "numpy", "typer", "streamlit"}),
        ("import indexer.build", {"torch", "transformers", "faiss", "streamlit", "pypdf", "docx"}),
        ("import retriever.retriever", {"torch", "streamlit", "langchain_core"}),
        ("import retriever.cli", {"torch", "faiss", "streamlit"}),
        ("import encoder.cli", {"torch", "transformers"}),
        ("import encoder.load, encoder.served_check", {"torch", "transformers", "openai"}),
    ],
)
def test_an_import_loads_nothing_heavy(code: str, heavy: set[str]) -> None:
    assert modules_after(code) & heavy == set()


@pytest.mark.parametrize("package", ["encoder", "indexer", "retriever"])
def test_every_public_name_can_be_imported(package: str) -> None:
    code = f"import {package}; [getattr({package}, name) for name in {package}.__all__]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_module_of_the_app_hides_another_one() -> None:
    taken = set(sys.stdlib_module_names) | set(ORDER) | set(HOMES)
    names = {path.stem for path in (ROOT / "app").glob("*.py")} - {"__init__", "__main__"}
    assert names & taken == set()
