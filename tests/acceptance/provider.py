"""A provider of OpenID Connect for tests: oidc-provider-mock, which is made with Authlib, on a free port of here; and a
wall before it that hears what it is asked, and may change what it says."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import werkzeug.serving
from joserfc.jwk import RSAKey

from acceptance.console import Browser

Changed = Callable[[str, bytes], bytes]


@dataclass
class Provider:
    """`asked` are its requests, by path with what was sent; `changes` may make another answer of one. One that
    `signs_by` another key says that this is its own, so that a test can sign what it would not."""

    issuer: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    changes: Changed = lambda path, body: body
    signs_by: RSAKey | None = None

    def wall(self, inner: Any) -> Any:
        def app(environ: dict[str, Any], start: Any) -> Any:
            size = int(environ.get("CONTENT_LENGTH") or 0)
            sent = environ["wsgi.input"].read(size)
            environ["wsgi.input"] = io.BytesIO(sent)
            path = environ["PATH_INFO"]
            self.asked.append((path, sent.decode() or environ.get("QUERY_STRING", "")))
            told: list[Any] = []
            body = b"".join(inner(environ, lambda status, headers, exc=None: told.extend((status, headers)) or None))
            changed = self.changes(path, self._with_keys(body))
            headers = [(name, value) for name, value in told[1] if name.lower() != "content-length"]
            start(told[0], [*headers, ("Content-Length", str(len(changed)))])
            return [changed]

        return app

    def _with_keys(self, body: bytes) -> bytes:
        if self.signs_by is None or not body.startswith(b"{") or "keys" not in json.loads(body):
            return body
        return json.dumps({"keys": [self.signs_by.as_dict(private=False)]}).encode()

    def sent_to(self, path: str) -> dict[str, str]:
        """What was sent there last."""
        text = [sent for each, sent in self.asked if each == path][-1]
        return {name: values[0] for name, values in parse_qs(text).items()}


@contextmanager
def provider() -> Iterator[Provider]:
    made = Provider()
    app = made.wall(oidc_provider_mock.app())
    server = werkzeug.serving.make_server("localhost", 0, app, threaded=True)
    made.issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def knows(at: Provider, subject: str, **claims: Any) -> None:
    """The provider has that person, with these claims from now on."""
    httpx.put(f"{at.issuer}/users/{subject}", json=claims).raise_for_status()


def sent_there(browser: Browser, to: str = "/console/") -> str:
    """Where the console sends the browser."""
    got = browser.ask("GET", "/oidc", params={"to": to})
    assert got.status_code == 303, got.text
    return got.headers["location"]


def back(browser: Browser, there: str, subject: str) -> str:
    """Signs in there; the way back, below the console's root."""
    got = httpx.post(there, data={"sub": subject})
    assert got.status_code == 302, got.text
    home = urlsplit(got.headers["location"])
    assert home.netloc == browser.address and home.path == "/console/oidc/back"
    return f"/oidc/back?{home.query}"


def signed_in(browser: Browser, subject: str, to: str = "/console/") -> httpx.Response:
    """All of the way."""
    return browser.ask("GET", back(browser, sent_there(browser, to), subject))
