"""The address of a server: what a person may write, and what is refused."""

import re
from pathlib import Path

import pytest

from encoder.address import ServerAddress, is_address, parse_address
from encoder.errors import UsageError
from encoder.served_spec import registry_row


@pytest.mark.parametrize(
    ("written", "base_url", "model"),
    [
        ("http://host:8000#a/b", "http://host:8000/v1", "a/b"),
        ("http://host:8000/#a", "http://host:8000/v1", "a"),
        ("https://host/v1#a", "https://host/v1", "a"),
        ("https://host/v1/embeddings#a", "https://host/v1", "a"),
        ("https://host/deep/path/#a", "https://host/deep/path", "a"),
        ("HTTP://HOST:8000#name:latest", "http://host:8000/v1", "name:latest"),
        ("http://[::1]:8000#a%20b", "http://[::1]:8000/v1", "a b"),
    ],
)
def test_the_path_is_completed_and_the_model_stands_after_the_hash(
    written: str, base_url: str, model: str
) -> None:
    assert is_address(written)
    assert parse_address(written) == ServerAddress(base_url, model)


def test_what_the_caller_says_about_the_model_is_read() -> None:
    written = (
        "http://host:1#m?as=e5-small&query=q:%20{query}\\n&passage=a%26b {passage}&task=Find it"
        "&templates=server&tokens=64&tokenizer=/t.json&batch=2&parallel=3&timeout=4&key=MY_KEY"
    )
    assert parse_address(written) == ServerAddress(
        "http://host:1/v1",
        "m",
        row="e5-small",
        query_template="q: {query}\n",
        passage_template="a&b {passage}",
        task="Find it",
        templates="server",
        max_tokens=64,
        tokenizer=Path("/t.json"),
        batch_texts=2,
        parallel=3,
        timeout_s=4,
        key_variable="MY_KEY",
    )


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("http://host:8000", "names a server, but no model"),
        ("http://me:secret@host#m", "holds a user name or password"),
        ("http://host:port#m", "is no address"),
        ("http://#m", "is no address of a server"),
        ("http://host?key=secret#m", "is no address of a server"),
        ("http://host#m?size=3", "'size=3' after the model's name makes no sense"),
        ("http://host#m?as=", "'as=' after the model's name makes no sense"),
        ("http://host#m?query=ask", "does not hold {query} once"),
        ("http://host#m?passage={passage}{passage}", "does not hold {passage} once"),
        ("http://host#m?batch=0", "batch=0 makes no sense"),
        ("http://host#m?tokens=many", "tokens=many makes no sense"),
        ("http://host#m?templates=mine", "templates=mine makes no sense"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(written: str, what: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_address(written)
    assert what in error.value.what
    assert "secret" not in str(error.value).replace(written.partition("#")[0], "")


@pytest.mark.parametrize("name", ["e5-small", "nvidia/llama-embed-nemotron-8b", "./http", "httpx"])
def test_a_name_is_no_address(name: str) -> None:
    assert not is_address(name)


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("example.org", False),
     ("127.example.org", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_this_machine_is_told_from_others(host: str, here: bool) -> None:
    assert parse_address(f"http://{host}:1#m").is_this_machine is here


def test_every_address_in_the_docs_names_a_model_that_is_known() -> None:
    page = (Path(__file__).parent.parent / "docs" / "servers.md").read_text("utf-8")
    found = set(re.findall(r"--encoder '(http://localhost[^']+)'", page))
    assert len(found) == 5
    for written in found:
        assert registry_row(parse_address(written)) is not None
