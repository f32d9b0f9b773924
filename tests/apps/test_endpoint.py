"""An endpoint's answers that are none: each sentence says what its status means."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aigc_apps.pretrained import Endpoint

ASKED = [{"role": "user", "content": "x"}]


class Refusing(BaseHTTPRequestHandler):
    """Answers each request with the server's `status`."""

    timeout = 10

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    """A function that gives the address of a server that answers with a status."""
    servers = []

    def serve(status: int) -> str:
        server = HTTPServer(("127.0.0.1", 0), Refusing)
        server.status = status
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, ["points elsewhere", "AIGC_LLM_URL"]),
        (400, ["AIGC_LLM_MODEL"]),
        (401, ["AIGC_LLM_KEY"]),
        (403, ["AIGC_LLM_KEY", "AIGC_LLM_MODEL"]),
        (404, ["AIGC_LLM_URL", "AIGC_LLM_MODEL"]),
        (413, ["too long"]),
        (429, ["too many requests"]),
        (500, ["at its own end", "try again later"]),
        (503, ["at its own end"]),
    ],
)
def test_a_status_is_said_in_words(address, status, words, one_sentence):
    with pytest.raises(ValueError, match=f"answered {status}") as caught:
        Endpoint(address(status), "m", "a-secret-key", timeout=10).chat(ASKED, num_tokens=1)
    one_sentence(caught.value, *words)
    assert "a-secret-key" not in str(caught.value)
    # The key is blamed only where the status is about it.
    assert ("AIGC_LLM_KEY" in str(caught.value)) == (status in (401, 403))
