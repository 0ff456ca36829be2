import os
from pathlib import Path

import pytest
from hypothesis import settings

from encoder.load import load_local
from encoder.local import LocalEncoder
from indexer.build import build_index
from tests.concept_encoder import ConceptEncoder

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci")

# Nothing in here may reach a network: a hub that is asked anyway answers at once.
os.environ["HF_HUB_OFFLINE"] = "1"

DOCUMENTS = {
    "animals.txt": "Die Katze schläft auf dem Sofa.",
    "weather.txt": "猫は水が好きではありません。",
    "trip/train.md": "# Viaje\n\nEl tren sale a las ocho de la mañana.",
    "garantie.html": "<html><body><h1>Garantie</h1><p>Zwei Jahre.</p></body></html>",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="takes minutes: run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def corpus_dir(tmp_path: Path) -> Path:
    """Four small documents in four formats and three languages."""
    folder = tmp_path / "docs"
    for source, text in DOCUMENTS.items():
        path = folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def index_dir(corpus_dir: Path, tmp_path: Path) -> Path:
    """An index of the four documents."""
    folder = tmp_path / "index"
    build_index(corpus_dir, folder, ConceptEncoder())
    return folder


@pytest.fixture(scope="session")
def e5() -> LocalEncoder:
    """The real default encoder with its real weights."""
    return load_local("e5-small", offline=True)
