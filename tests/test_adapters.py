"""The bridges to LangChain and to function-calling models."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from indexer.build import build_index
from indexer.chunk import Chunking
from retriever.adapters.langchain import CrosstongueRetriever, CrosstongueSplitter
from retriever.adapters.openai_tool import SEARCH_TOOL, call_search_tool
from retriever.retriever import Retriever
from tests.concept_encoder import ConceptEncoder
from tests.conftest import DOCUMENTS

README = Path(__file__).parent.parent / "README.md"


class TestLangChainsOwnSuite(RetrieversIntegrationTests):
    """What LangChain demands of every retriever."""

    @pytest.fixture(autouse=True)
    def _open(self, index_dir: Path) -> None:
        self.opened = Retriever.open(index_dir, ConceptEncoder())

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return CrosstongueRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self.opened}

    @property
    def retriever_query_example(self) -> str:
        return "Where is the cat?"


def test_langchain_gets_similarities_in_falling_order(index_dir: Path) -> None:
    retriever = CrosstongueRetriever(
        retriever=Retriever.open(index_dir, ConceptEncoder()), k=2, languages=("de", "ja")
    )
    documents = retriever.invoke("Where is the cat?")
    assert [document.metadata["score"] for document in documents] == pytest.approx(
        [1.0, 0.7071], abs=1e-4
    )
    assert documents[0] == Document(
        page_content="Die Katze schläft auf dem Sofa.",
        metadata={
            "source": "animals.txt",
            "page": None,
            "heading": "",
            "language": "de",
            "start": 0,
            "end": 31,
            "rank": 1,
            "score": documents[0].metadata["score"],
            "score_kind": "cosine",
        },
    )


def test_langchain_can_cut_with_our_splitter() -> None:
    splitter = CrosstongueSplitter(ConceptEncoder(), Chunking(12, 0))
    text = "猫がいる。犬もいる。鳥はどこにもいない。"
    assert splitter.split_text(text) == ["猫がいる。犬もいる。", "鳥はどこにもいない。"]


def test_a_models_tool_call_is_answered_with_passages(index_dir: Path) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    answer = call_search_tool(retriever, '{"question": "cat", "k": 1, "languages": ["de"]}')
    assert answer == "[1] animals.txt (de)\n> Die Katze schläft auf dem Sofa."


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("{", "The arguments are not valid."),
        ("[]", "The arguments are not valid."),
        ('{"k": 3}', "The arguments are not valid."),
        ('{"question": null}', "The arguments are not valid."),
        ('{"question": "cat", "k": 1e999}', "The arguments are not valid."),
        ('{"question": "cat", "k": 1, "languages": "de"}', "[1] animals.txt (de)"),
        ('{"question": "cat", "k": 1, "formats": "md"}', "[1] trip/train.md (es)"),
        ('{"question": "cat", "k": 1, "path": "trip/"}', "[1] trip/train.md (es)"),
        ('{"question": "cat", "per_document": 0}', "At most 0 hits"),
        ('{"question": "cat", "per_document": "x"}', "The arguments are not valid."),
        ('{"question": " "}', "The question is blank."),
        ('{"question": "cat", "k": 0}', "k is 0."),
        ('{"question": "cat", "languages": ["xx"]}', "Nothing was found."),
    ],
)
def test_a_wrong_tool_call_is_explained_to_the_model(
    arguments: str, answer: str, index_dir: Path
) -> None:
    retriever = Retriever.open(index_dir, ConceptEncoder())
    assert call_search_tool(retriever, arguments).startswith(answer)


def test_the_tool_schema_names_the_arguments_that_are_read() -> None:
    assert list(SEARCH_TOOL["function"]["parameters"]["properties"]) == [
        "question", "k", "languages", "path", "formats", "per_document",
    ]  # fmt: skip


class ChatServer(BaseHTTPRequestHandler):
    """Speaks /v1/chat/completions and answers with the first passage of the prompt, cited."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = request["messages"][-1]["content"]
        passage = next(line[2:] for line in prompt.splitlines() if line.startswith("> "))
        reply = {
            "id": "1", "object": "chat.completion", "created": 0, "model": request["model"],
            "choices": [
                {
                    "index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": f"{passage} [1]"},
                }
            ],
        }  # fmt: skip
        body = json.dumps(reply).encode()
        self.send_response(200 if self.path == "/v1/chat/completions" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def chat_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ChatServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_the_readmes_llm_example_answers_with_a_citation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = next(
        block
        for block in README.read_text("utf-8").split("```python\n")[1:]
        if "from openai import" in block
    ).split("```")[0]
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "garantie.txt").write_text(DOCUMENTS["animals.txt"] + " Garantie: zwei Jahre.", "utf-8")
    build_index(docs, tmp_path / "index", ConceptEncoder())
    real_open = Retriever.open
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Retriever, "open", lambda path: real_open(path, ConceptEncoder()))
    with chat_server() as address:
        exec(compile(example.replace("http://localhost:8000/v1", address), "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[0].endswith("Garantie: zwei Jahre. [1]")
