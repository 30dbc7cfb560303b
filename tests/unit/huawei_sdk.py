"""The vendor's management SDK against a listener on 127.0.0.1 that keeps what it sends and answers what it is told."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkiotda.v5 import IoTDAClient

from upwell.dialects.rest import RestRequest

AK, SK = "AKTEST0000000000TEST", "SKTEST00000000000000000000000000000000TEST"
PROJECT = "0123456789abcdef0123456789abcdef"


@dataclass
class Listener:
    """Answers every request with `status` and `body`, and keeps the last one as it came."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    request: RestRequest | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def client(self, *, derived: bool = False, token: str | None = None) -> Any:
        credentials = BasicCredentials(AK, SK, PROJECT)
        if token is not None:
            credentials = credentials.with_security_token(token)
        if derived:
            credentials = credentials.with_derived_predicate(BasicCredentials.get_default_derived_predicate())
        return IoTDAClient.new_builder().with_credentials(credentials).with_region(Region("here-1", self.url)).build()

    @property
    def seen(self) -> RestRequest:
        assert self.request is not None
        return self.request


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    """A listener for as long as the block lasts."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.request = RestRequest(method=self.command, path=path, query=query, headers=headers, body=body)
            self.send_response(listener.status)
            self.send_header("X-Request-Id", "request-1")
            self.send_header("Connection", "close")  # the listener serves one connection at a time
            if listener.body:
                self.send_header("Content-Type", "application/json")
            if listener.status != 204:
                self.send_header("Content-Length", str(len(listener.body)))
            self.end_headers()
            self.wfile.write(listener.body)

        do_GET = do_POST = do_PUT = do_DELETE = do

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
