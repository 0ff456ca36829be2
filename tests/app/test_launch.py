"""The page listens on this machine only, whatever the current folder would like."""

import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from app.launch import ADDRESS, PAGE, flags, main, open_page
from tests.app.page_server import ROOT, free_port, running

HOSTILE_CONFIG = """
[server]
address = "0.0.0.0"
port = 1
baseUrlPath = "elsewhere"
enableCORS = false
enableXsrfProtection = false
enableStaticServing = true
allowedHosts = ["*"]
sslCertFile = "cert.pem"
sslKeyFile = "key.pem"
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
[theme]
base = "https://theme.example.invalid/theme.toml"
"""


class Started:
    """Stands for the server: notes what it was asked to run."""

    def __init__(self) -> None:
        self.calls: list[tuple[Path, Path, int, str | None]] = []

    def __call__(self, script: Path, index: Path, port: int, encoder: str | None) -> int:
        self.calls.append((script, index, port, encoder))
        return 0


def test_the_page_is_started_with_its_index_and_port() -> None:
    started, port = Started(), free_port()
    server = "http://localhost:8000#model"
    assert open_page(Path("my-index"), port, serve=started) == 0
    assert open_page(Path("my-index"), port, server, started) == 0
    assert started.calls == [
        (PAGE, Path("my-index"), port, None),
        (PAGE, Path("my-index"), port, server),
    ]


def test_what_matters_for_safety_is_given_as_a_flag() -> None:
    assert {
        "--server.address=127.0.0.1",
        "--server.port=8501",
        "--server.headless=true",
        "--server.enableCORS=true",
        "--server.enableXsrfProtection=true",
        "--server.allowedHosts=127.0.0.1",
        "--server.allowedHosts=localhost",
        "--server.enableStaticServing=false",
        "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
    } <= set(flags(8501))


def test_a_port_that_is_taken_gets_one_message_with_the_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as other:
        other.bind((ADDRESS, 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"Error: Port {port} is taken, perhaps by another of these pages.\n"
        f"Open http://127.0.0.1:{port} to see, or take another: --port {port % 65535 + 1}\n"
    )


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_number_that_is_no_port_gets_one_message(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"Error: {port} is not a port.\nTake one from 1024 to 65535: --port 8501\n"
    )


def hostile_folder(folder: Path) -> Path:
    """A folder of documents whose files would like to be settings and modules."""
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text(HOSTILE_CONFIG)
    (folder / ".streamlit" / "secrets.toml").write_text("not a secret file =")
    for module in ("numpy", "torch", "streamlit", "typer", "encoder", "page", "html"):
        (folder / f"{module}.py").write_text("print('hijacked', flush=True)\nraise SystemExit(99)")
    return folder


def test_a_hostile_current_folder_has_no_say(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["-m", "app", "--index", "index", "--port", str(port)]
    folder = hostile_folder(tmp_path / "docs")
    with running(arguments, port, folder, {"PYTHONPATH": str(ROOT)}) as page:
        # Where all addresses are listened to, all of 127.0.0.0/8 answers.
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.2", port)) != 0
        assert handshake_status(port, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}") == 101
        assert handshake_status(port, f"localhost:{port}", f"http://localhost:{port}") == 101
        for host, origin in (
            ("rebound.example", "http://rebound.example"),
            (f"127.0.0.1:{port}", "http://elsewhere.example"),
        ):
            assert handshake_status(port, host, origin) == 403
        code, output, errors = page.interrupt()
    assert code in (0, 130)
    assert output.splitlines()[0] == f"Open http://127.0.0.1:{port} (Ctrl-C ends it)"
    assert "hijacked" not in output
    # Nobody on the internet was asked whether "elsewhere" is here.
    assert [line[24:78] for line in errors.splitlines()] == [
        "Rejecting WebSocket connection with disallowed Origin "
    ] * 2


def handshake_status(port: int, host: str, origin: str) -> int:
    """How the page answers a browser that would open its web socket."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(
        "GET",
        "/_stcore/stream",
        headers={
            "Host": host,
            "Origin": origin,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
            "Sec-WebSocket-Version": "13",
        },
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_help_needs_nothing_heavy() -> None:
    code = "import app.launch, sys; print({'torch', 'faiss', 'streamlit'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout == "set()\n"
