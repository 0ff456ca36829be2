"""An encoder on a server: what is sent, what is believed, and what is refused."""

import logging
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.page import opener
from encoder.errors import EncoderNotAvailable, EncoderRefused, UsageError
from encoder.load import load_encoder
from encoder.registry import find_spec
from encoder.served import ServedEncoder
from encoder.served_check import check_server
from encoder.server_errors import ServerError
from encoder.spec import TokenEnds, Vectors
from indexer.build import build_index
from indexer.chunk import Chunking
from indexer.errors import IndexMismatch
from indexer.options import BuildOptions
from retriever.retriever import Retriever
from tests.embedding_server import DESCRIBED, DIM, Body, EmbeddingServer, embedding_server, letters

SHORT = BuildOptions(Chunking(64, 16))


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


@pytest.fixture
def encoder(server: EmbeddingServer) -> ServedEncoder:
    opened = ServedEncoder.open(server.url + DESCRIBED, retries=2)
    server.requests.clear()
    return opened


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def unit(text: str) -> Vectors:
    counts = np.array(letters(text), np.float32)
    scaled: Vectors = counts / np.linalg.norm(counts)
    return scaled


def test_the_template_is_put_around_a_text_here_and_rows_have_unit_length(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    assert encoder.encode_passages(["a", "b"]) == pytest.approx(
        np.stack([unit("say a"), unit("say b")]), abs=1e-6
    )
    assert encoder.encode_queries(["c"])[0] == pytest.approx(unit("ask c"), abs=1e-6)
    assert server.texts == [["say a", "say b"], ["ask c"]]
    assert encoder.encode_passages([]).shape == (0, DIM)


def test_what_is_sent_is_what_every_server_knows(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    encoder.encode_passages(["a"])
    assert server.requests == [
        {"model": "letters", "input": ["say a"], "encoding_format": "base64"}
    ]


def test_the_instruction_stands_before_the_query(server: EmbeddingServer) -> None:
    encoder = ServedEncoder.open(
        f"{server.url}#letters?query=Instruct: {{task}}\\nQuery: {{query}}&passage={{passage}}"
        "&task=Find%20%26%20tell&tokens=200"
    )
    server.requests.clear()
    encoder.encode_queries(["a"])
    encoder.encode_queries(["a"], "Look")
    encoder.encode_passages(["a"])
    assert server.texts == [
        ["Instruct: Find & tell\nQuery: a"], ["Instruct: Look\nQuery: a"], ["a"]
    ]  # fmt: skip


def test_an_encoder_without_instructions_refuses_one(encoder: ServedEncoder) -> None:
    with pytest.raises(UsageError, match="letters takes no instruction"):
        encoder.encode_queries([], "Look")


def test_rows_are_put_in_order_by_their_number(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    def shuffled(body: Body) -> Body:
        random.Random(1).shuffle(body["data"])
        return body

    server.change = shuffled
    texts = [f"text {number}" for number in range(9)]
    expected = np.stack([unit(f"say {text}") for text in texts])
    assert encoder.encode_passages(texts) == pytest.approx(expected, abs=1e-6)


def test_plain_numbers_are_as_good_as_base64(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    before = encoder.encode_passages(["a", "b"])
    server.knows_base64 = False
    assert encoder.encode_passages(["a", "b"]) == pytest.approx(before, abs=1e-6)
    encoder.encode_passages(["a"])
    formats = [body["encoding_format"] for body in server.requests]
    assert formats == ["base64", "base64", "float", "float"]  # it is asked once only


def test_a_batch_is_halved_until_the_server_takes_it_and_that_is_remembered(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    server.most_texts = 10
    texts = [f"text {number}" for number in range(40)]
    expected = np.stack([unit(f"say {text}") for text in texts])
    assert encoder.encode_passages(texts) == pytest.approx(expected, abs=1e-6)
    server.requests.clear()
    encoder.encode_passages(texts)
    assert sorted(map(len, server.texts)) == [8, 8, 8, 8, 8]


def test_no_more_requests_run_at_a_time_than_allowed(server: EmbeddingServer) -> None:
    encoder = ServedEncoder.open(f"{server.url}{DESCRIBED}&batch=1&parallel=3")
    server.delay_s, server.most_at_once = 0.05, 0
    texts = [str(number) for number in range(12)]
    with ThreadPoolExecutor(2) as threads:  # as in a page that two people use
        list(threads.map(encoder.encode_passages, [texts, texts]))
    assert server.most_at_once == 3


@pytest.mark.parametrize("status", [429, 503, 0])
def test_a_server_that_fails_for_a_moment_is_asked_again(
    status: int, server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    server.status, server.for_requests = status, 2
    assert encoder.encode_passages(["a"])[0] == pytest.approx(unit("say a"), abs=1e-6)
    assert len(server.requests) == 3


def test_the_key_goes_to_the_named_host_only_and_no_other_setting_is_sent(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "a secret of another service")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer other\nX-Secret: other")
    encoder = ServedEncoder.open(server.url + DESCRIBED)
    encoder.encode_passages(["a"])
    assert not any("secret" in f"{headers}".lower() for headers in server.headers)
    assert not any("authorization" in headers for headers in server.headers)
    assert {headers["user-agent"] for headers in server.headers} == {"crosstongue"}
    server.headers.clear()
    monkeypatch.setenv("CROSSTONGUE_API_KEY", "mine")
    ServedEncoder.open(server.url + DESCRIBED)
    assert {headers["authorization"] for headers in server.headers} == {"Bearer mine"}
    server.headers.clear()
    monkeypatch.setenv("OTHER_KEY", "another")
    ServedEncoder.open(f"{server.url}{DESCRIBED}&key=OTHER_KEY")
    assert {headers["authorization"] for headers in server.headers} == {"Bearer another"}


def test_neither_texts_nor_keys_follow_a_redirect(
    server: EmbeddingServer, encoder: ServedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTONGUE_API_KEY", "mine")
    with embedding_server() as stranger:
        server.status, server.location = 307, f"{stranger.url}/v1/embeddings"
        with pytest.raises(ServerError, match="sends us on to"):
            encoder.encode_passages(["a secret"])
        with pytest.raises(ServerError, match="sends us on to"):
            ServedEncoder.open(server.url + DESCRIBED)
        assert (stranger.requests, stranger.headers) == ([], [])


def test_a_text_over_the_limit_is_cut_here_and_counted(
    server: EmbeddingServer, encoder: ServedEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    room = encoder.passage_room
    encoder.encode_passages(["x" * 500, "x" * room])
    assert server.texts == [["say " + "x" * room] * 2]
    assert warnings(caplog) == ["1 of 2 texts exceed 200 tokens and were cut there"]
    encoder.encode_queries(["x" * (room + 7)])
    assert warnings(caplog)[1:] == ["the question is too long: its last 7 tokens were not read"]
    assert encoder.query_tokens_cut("x" * room) == 0
    assert encoder.query_tokens_cut("x" * (room + 7)) == 7


def test_a_server_that_reads_less_than_it_was_sent_is_noticed(
    server: EmbeddingServer, caplog: pytest.LogCaptureFixture
) -> None:
    def usage(body: Body) -> Body:
        read = sum(min(limit, tokens) for tokens in (len(t.split()) for t in server.texts[-1]))
        return body | {"usage": {"prompt_tokens": read, "total_tokens": read}}

    limit = 10**9
    server.change = usage
    encoder = ServedEncoder.open(server.url + DESCRIBED)
    encoder.counter = _Words()
    encoder.usage_counts = True
    encoder.encode_passages(["one two three four"])
    assert warnings(caplog) == []
    limit = 3
    encoder.encode_passages(["one two three four"])
    assert warnings(caplog) == [f"{server.url} says that it has read only 3 of 5 tokens"]


class _Words:
    """Counts words, as a model might whose tokens are words."""

    exact = True

    def ends(self, text: str) -> TokenEnds:
        return np.array([i + 1 for i, ch in enumerate(text + " ") if ch == " "], np.int64)

    def count(self, text: str) -> int:
        return len(text.split())


def test_a_right_server_passes_the_self_test(encoder: ServedEncoder) -> None:
    assert [finding.held for finding in check_server(encoder)] == [True] * 4


def reversed_rows(body: Body) -> Body:
    rows = [row["embedding"] for row in body["data"]][::-1]
    return body | {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]}


def one_row_for_all(body: Body) -> Body:
    first = body["data"][0]["embedding"]
    return body | {"data": [row | {"embedding": first} for row in body["data"]]}


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"change": reversed_rows}, "each text has its own row, whatever its neighbours"),
        ({"change": one_row_for_all}, "other texts have other vectors"),
        ({"adds_templates": True}, "the server adds no templates"),
        ({"reads_characters": 100}, "all of 200 tokens are read"),
    ],
)
def test_the_self_test_refuses_a_server_that_gives_something_else(
    fault: dict[str, object], finding: str, server: EmbeddingServer
) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    with pytest.raises(EncoderRefused) as error:
        load_encoder(server.url + DESCRIBED)
    assert finding in error.value.what


def test_a_server_may_add_the_templates_if_it_is_told_which(server: EmbeddingServer) -> None:
    server.adds_templates = True
    encoder = load_encoder(f"{server.url}#letters?templates=server&tokens=200")
    server.requests.clear()
    assert encoder.encode_queries(["a"])[0] == pytest.approx(unit("query: a"), abs=1e-6)
    assert encoder.encode_passages(["a"])[0] == pytest.approx(unit("passage: a"), abs=1e-6)
    told = [(body["input_type"], body["truncate"]) for body in server.requests]
    assert told == [("query", "NONE"), ("passage", "NONE")]
    with pytest.raises(UsageError, match="takes no instruction"):
        encoder.encode_queries(["a"], "Look")
    server.adds_templates = False
    with pytest.raises(EncoderRefused, match="the server adds the templates"):
        load_encoder(f"{server.url}#letters?templates=server&tokens=200")


def test_the_longest_input_is_what_the_server_lists(server: EmbeddingServer) -> None:
    server.models = {"data": [{"id": "letters", "max_model_len": 100}]}
    described = DESCRIBED.removesuffix("&tokens=200")
    assert ServedEncoder.open(server.url + described).spec.max_tokens == 100
    server.models = None
    assert ServedEncoder.open(server.url + described).spec.max_tokens == 512


def test_an_index_names_the_model_and_never_the_server(
    server: EmbeddingServer,
    corpus_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    encoder = load_encoder(server.url + DESCRIBED)
    build_index(corpus_dir, tmp_path / "index", encoder, SHORT)
    assert warnings(caplog) == []  # nothing was cut, the probes neither
    assert "127.0.0.1" not in (tmp_path / "index" / "manifest.json").read_text()
    with pytest.raises(IndexMismatch, match="The index was made with letters") as error:
        Retriever.open(tmp_path / "index")
    assert "--encoder 'http://HOST:8000#letters'" in error.value.next_step
    hits = Retriever.open(tmp_path / "index", encoder).search("Zwei Jahre.", k=1)
    assert [hit.passage.source for hit in hits] == ["garantie.html"]


def test_an_index_refuses_a_server_with_another_template(
    server: EmbeddingServer, corpus_dir: Path, tmp_path: Path
) -> None:
    build_index(corpus_dir, tmp_path / "index", load_encoder(server.url + DESCRIBED), SHORT)
    other = load_encoder(server.url + DESCRIBED.replace("ask", "tell me at once: "))
    with pytest.raises(IndexMismatch, match="gives other vectors now"):
        Retriever.open(tmp_path / "index", other)


def test_a_model_of_the_registry_must_have_its_dimensions(server: EmbeddingServer) -> None:
    with pytest.raises(ServerError, match="gives vectors of 48 dimensions; nemotron-8b has 4096"):
        ServedEncoder.open(f"{server.url}#nvidia/llama-embed-nemotron-8b")


def test_a_server_that_changes_its_model_is_noticed(
    server: EmbeddingServer, encoder: ServedEncoder
) -> None:
    def shorter(body: Body) -> Body:
        return body | {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}

    server.change = shorter
    with pytest.raises(ServerError, match="gives vectors of 2 dimensions; letters has 48"):
        encoder.encode_passages(["a"])


def test_without_the_client_library_the_message_says_what_to_install(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(EncoderNotAvailable) as error:
        ServedEncoder.open(server.url + DESCRIBED)
    assert "pip install -c constraints.txt -e '.[served]'" in error.value.next_step


def test_a_shorter_vector_is_cut_from_the_servers_and_scaled_again(server: EmbeddingServer) -> None:
    wide = replace(find_spec("Qwen/Qwen3-Embedding-0.6B"), dim=16, full_dim=DIM)
    opened = ServedEncoder.open(server.url + DESCRIBED)
    encoder = ServedEncoder(wide, opened.client, opened.counter)
    expected = unit("a")[:16] / np.linalg.norm(unit("a")[:16])
    assert encoder.encode_passages(["a"])[0] == pytest.approx(expected, abs=1e-6)


def test_a_model_of_the_registry_reads_no_more_than_it_was_made_for(
    server: EmbeddingServer,
) -> None:
    server.change = lambda body: (
        body | {"data": [row | {"embedding": letters("a", 384)} for row in body["data"]]}
    )
    with pytest.raises(UsageError, match="tokens=9000 is more than the 512 of e5-small"):
        ServedEncoder.open(f"{server.url}#letters?as=e5-small&tokens=9000")


def test_the_page_opens_an_index_with_the_server_that_was_named(
    server: EmbeddingServer, corpus_dir: Path, tmp_path: Path
) -> None:
    build_index(corpus_dir, tmp_path / "index", load_encoder(server.url + DESCRIBED), SHORT)
    retriever = opener(server.url + DESCRIBED)(tmp_path / "index")
    assert isinstance(retriever.encoder, ServedEncoder)
    with pytest.raises(IndexMismatch, match="not a name of the registry"):
        opener()(tmp_path / "index")
