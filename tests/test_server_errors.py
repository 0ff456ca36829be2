"""What a server can do wrong: one message, one next step, one exit code each.

docs/servers.md holds the same rows; the last test keeps them equal.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import encoder.cli
from encoder.errors import RagError
from encoder.served import ServedEncoder
from encoder.served_check import check_server
from tests.embedding_server import DESCRIBED, Body, EmbeddingServer, embedding_server, letters

PAGE = Path(__file__).parent.parent / "docs" / "servers.md"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


def all_right(server: EmbeddingServer) -> None:
    pass


def closed(server: EmbeddingServer) -> None:
    server.socket.close()


def wants_a_key(server: EmbeddingServer) -> None:
    server.status = 401


def sends_us_on(server: EmbeddingServer) -> None:
    server.status = 307


def has_no_such_model(server: EmbeddingServer) -> None:
    server.status = 404
    server.models = {"data": [{"id": "e5"}, {"id": "bge-m3"}]}


def takes_little(server: EmbeddingServer) -> None:
    server.most_characters = 100


def takes_nothing(server: EmbeddingServer) -> None:
    server.most_texts = 0


def is_overloaded(server: EmbeddingServer) -> None:
    server.status = 429


def is_not_ready(server: EmbeddingServer) -> None:
    server.status = 503


def is_slow(server: EmbeddingServer) -> None:
    server.delay_s = 1.3


def cuts_the_connection(server: EmbeddingServer) -> None:
    server.status = 0


def is_a_web_page(server: EmbeddingServer) -> None:
    server.sends = (200, "text/html", b"<html>Welcome</html>")


def is_another_api(server: EmbeddingServer) -> None:
    server.sends = (200, "application/json", json.dumps({"embeddings": [[1.0, 2.0]]}).encode())


def says_null(server: EmbeddingServer) -> None:
    server.change = lambda body: body | {"data": [{"index": 0, "embedding": None}]}


def _numbers(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def gives_nan(server: EmbeddingServer) -> None:
    server.change = lambda body: (
        body | {"data": [row | {"embedding": _numbers(1, float("nan"))} for row in body["data"]]}
    )


def gives_zeros(server: EmbeddingServer) -> None:
    server.change = lambda body: (
        body | {"data": [row | {"embedding": [0.0, 0.0]} for row in body["data"]]}
    )


def gives_no_float32(server: EmbeddingServer) -> None:
    server.change = lambda body: (
        body | {"data": [row | {"embedding": "AAAA"} for row in body["data"]]}
    )


def loses_a_row(server: EmbeddingServer) -> None:
    server.change = lambda body: body | {"data": body["data"][1:]}


def counts_from_one(server: EmbeddingServer) -> None:
    server.change = lambda body: (
        body | {"data": [row | {"index": row["index"] + 1} for row in body["data"]]}
    )


def gives_rows_of_two_lengths(server: EmbeddingServer) -> None:
    def change(body: Body) -> Body:
        rows = body["data"]
        if len(rows) > 1:
            rows[-1]["embedding"] = letters("short", 7)
        return body

    server.change = change


def serves_another_model(server: EmbeddingServer) -> None:
    pass


CASES = [
    (closed, DESCRIBED),
    (wants_a_key, DESCRIBED),
    (sends_us_on, DESCRIBED),
    (has_no_such_model, DESCRIBED),
    (takes_little, DESCRIBED),
    (takes_nothing, DESCRIBED),
    (is_overloaded, DESCRIBED),
    (is_not_ready, DESCRIBED),
    (is_slow, f"{DESCRIBED}&timeout=1"),
    (cuts_the_connection, DESCRIBED),
    (is_a_web_page, DESCRIBED),
    (is_another_api, DESCRIBED),
    (says_null, DESCRIBED),
    (gives_nan, DESCRIBED),
    (gives_zeros, DESCRIBED),
    (gives_no_float32, DESCRIBED),
    (loses_a_row, DESCRIBED),
    (counts_from_one, DESCRIBED),
    (gives_rows_of_two_lengths, DESCRIBED),
    (serves_another_model, "#letters?as=e5-small"),
    (all_right, "#letters"),
    (all_right, f"{DESCRIBED}&as=e5-small"),
    (all_right, ""),
    (all_right, "#letters?size=3"),
]
Row = tuple[str, str, str]


def table() -> list[Row]:
    rows = re.findall(r"^\| `(.+)` \| (\d+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [(what, code, step.replace("`", "")) for what, code, step in rows]


def outcome(server: EmbeddingServer, name: str) -> Row:
    """Open the server as an encoder; it is asked twice where a user's would be nine times."""
    with pytest.raises(RagError) as error:
        check_server(ServedEncoder.open(server.url + name, retries=1))
    what, step = (
        text.replace(server.url, "http://localhost:8000").replace("tried 2 times", "tried 9 times")
        for text in (error.value.what, error.value.next_step)
    )
    return what, str(error.value.exit_code), step


@pytest.mark.parametrize(
    ("fault", "name"), CASES, ids=[f"{case[0].__name__}{case[1][:30]}" for case in CASES]
)
def test_each_fault_has_one_message_and_the_next_step(
    fault: Callable[[EmbeddingServer], None], name: str, server: EmbeddingServer
) -> None:
    fault(server)
    assert outcome(server, name) in table()


def test_the_table_has_a_row_for_each_fault_and_no_other() -> None:
    assert len(set(table())) == len(table()) == len(CASES)


def test_a_fault_during_the_self_test_ends_the_command(
    server: EmbeddingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gives_nan(server)
    assert encoder.cli.main(["doctor", "--encoder", server.url + DESCRIBED]) == 8
    output = capsys.readouterr()
    assert output.out == ""
    assert "Error: " in output.err
    assert "a row that holds NaN or infinity" in output.err
