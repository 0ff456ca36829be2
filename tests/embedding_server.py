"""A real HTTP server of `/v1/embeddings` on loopback, which can be told to do things wrong.

A text's vector counts its characters in 48 places, so that a person can see which text it belongs
to: "ab" has a one at the place of "a" and at that of "b". It is not scaled to unit length.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIM = 48
# What stands after the address in a test: what the tiny model is, and a limit for its texts.
DESCRIBED = "#letters?query=ask {query}&passage=say {passage}&tokens=200"


def letters(text: str, dim: int = DIM) -> list[float]:
    """Count the characters of a text; the last one counts more, so that order matters."""
    counts = np.zeros(dim)
    for character in text:
        counts[ord(character) % dim] += 1
    if text:
        counts[ord(text[-1]) % dim] += 0.5
    return [float(count) for count in counts]


Body = dict[str, Any]


class EmbeddingServer(ThreadingHTTPServer):
    """Notes what it was asked; does what its attributes say.

    Attributes:
        status: Answer each request for vectors with this status, `for_requests` times.
        change: Applied to each right answer before it is sent.
        most_texts: Refuse a request of more texts.
        knows_base64: Refuse the encoding "base64" where it does not.
        reads_characters: Cut each text there without a word.
        location: Where a redirect (a status of 3xx) leads.
        adds_templates: Put one in front of each text, as `input_type` says.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.status, self.for_requests = 200, 10**9
        self.sends: tuple[int, str, bytes] | None = None
        self.change: Callable[[Body], Body] = lambda body: body
        self.most_texts, self.most_characters = 10**9, 10**9
        self.knows_base64, self.adds_templates = True, False
        self.reads_characters = 10**9
        self.delay_s = 0.0
        self.location = "http://stranger.invalid/v1/embeddings"
        self.models: Body | None = {"object": "list", "data": [{"id": "letters"}]}
        self.now, self.most_at_once, self.lock = 0, 0, threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def texts(self) -> list[list[str]]:
        """The texts of each request for vectors."""
        return [body["input"] for body in self.requests]


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.status in (401, 403, 307):
            self._refuse(self.server.status)
        elif self.server.models is None:
            self._refuse(404)
        else:
            self._send(200, self.server.models)

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.requests.append(body)
            server.now += 1
            server.most_at_once = max(server.most_at_once, server.now)
            faulty = server.for_requests > 0
            server.for_requests -= 1
        time.sleep(server.delay_s)
        try:
            self._answer(body, faulty=faulty)
        finally:
            with server.lock:
                server.now -= 1

    def _answer(self, body: Body, *, faulty: bool) -> None:
        server, texts = self.server, body["input"]
        if faulty and server.status == 0:  # cut the connection
            self.close_connection = True
        elif faulty and server.status != 200:
            self._refuse(server.status)
        elif faulty and server.sends:
            self._send_bytes(*server.sends)
        elif len(texts) > server.most_texts:
            self._refuse(413, "batch size exceeds the limit")
        elif max(map(len, texts)) > server.most_characters:
            self._refuse(400, "input is too long")
        elif body["encoding_format"] == "base64" and not server.knows_base64:
            self._refuse(400, "encoding_format base64 is not supported")
        else:
            self._send(200, server.change(self._right(body)))

    def _right(self, body: Body) -> Body:
        rows = []
        for index, text in enumerate(body["input"]):
            if self.server.adds_templates:
                text = f"{body.get('input_type', 'query')}: {text}"
            row = letters(text[: self.server.reads_characters])
            packed = base64.b64encode(np.array(row, "<f4").tobytes()).decode()
            as_text = body["encoding_format"] == "base64"
            rows.append({"index": index, "embedding": packed if as_text else row})
        return {"object": "list", "data": rows, "model": body["model"]}

    def _refuse(self, status: int, message: str = "no reason") -> None:
        self._send(status, {"error": {"message": message}})

    def _send(self, status: int, body: Body) -> None:
        self._send_bytes(status, "application/json", json.dumps(body).encode())

    def _send_bytes(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("retry-after-ms", "1")  # nobody waits in a test
        if 300 <= status < 400:
            self.send_header("location", self.server.location)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    """Serve on a free port until the block ends."""
    server = EmbeddingServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
