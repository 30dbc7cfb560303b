"""A browser without scripts, for the tests of the console: it keeps cookies, sends forms, and reads pages as text.

Nothing of the server is imported.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from acceptance.upwell_client import Api

PASSWORD = "a-Right-Password"
CSP = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
    "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
}  # fmt: skip


class Page(HTMLParser):
    """What stands on a page: its text, its elements with their attributes, and its forms by their actions."""

    def __init__(self, got: httpx.Response) -> None:
        super().__init__()
        self.status, self.html, self.headers = got.status_code, got.text, got.headers
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: dict[str, dict[str, str]] = {}
        self.said: list[str] = []
        self._form: dict[str, str] = {}
        self.feed(got.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag == "form":
            self._form = self.forms.setdefault(given.get("action", ""), {})
        elif tag == "input" and "name" in given:
            self._form[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())

    def links(self) -> list[str]:
        return [given["href"] for tag, given in self.elements if tag == "a"]


@dataclass(kw_only=True)
class Browser:
    """One person's browser at one server."""

    address: str
    language: str = "en"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    @property
    def root(self) -> str:
        return f"http://{self.address}/console"

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, on a connection of its own."""
        with httpx.Client(timeout=30, cookies=self.cookies) as client:
            got = client.request(method, self.root + path, **more)
            self.cookies = client.cookies
            return got

    def get(self, path: str, **headers: str) -> Page:
        """The page there, wherever it leads."""
        told = {"accept-language": self.language} | headers
        page = Page(self.ask("GET", path, headers=told, follow_redirects=True))
        check(page)
        return page

    def send(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """A form, as a browser sends it from our own page."""
        told = {"origin": f"http://{self.address}", "sec-fetch-site": "same-origin"} | headers
        return self.ask("POST", path, data=fields, headers=told)

    def sign_in(self, name: str, account: str, password: str = PASSWORD) -> httpx.Response:
        return self.send("/sign-in", {"account": account, "name": name, "password": password})

    def csrf(self) -> str:
        return next(given["value"] for tag, given in self.get("/account").elements if given.get("name") == "csrf")

    def do(self, path: str, **fields: str) -> httpx.Response:
        """What a form of a page does."""
        return self.send(f"/do{path}", {"csrf": self.csrf(), "back": "/console/"} | fields)


def check(page: Page) -> None:
    """What is true of every page: nothing of it is anybody else's, no script and no style stands in it."""
    policy = page.headers["content-security-policy"]
    assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == CSP and "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store" and page.headers["x-content-type-options"] == "nosniff"
    for tag, given in page.elements:
        assert tag not in ("style", "iframe", "object", "embed", "base"), tag
        assert not any(name.startswith("on") or name == "style" for name in given), (tag, given)
        assert tag != "script" or given["src"].startswith("/console/assets/"), given
        if tag == "a" and "noopener" in given.get("rel", ""):  # a link in release notes
            assert given["href"].startswith(("https://", "http://", "mailto:")), given
            continue
        for name in ("href", "src", "action", "hx-get", "hx-post", "sse-connect"):
            assert given.get(name, "/").startswith(("/", "?", "#")), (tag, given)
            assert not given.get(name, "/").startswith("//"), (tag, given)
    ids = [given["id"] for _, given in page.elements if "id" in given]
    assert len(ids) == len(set(ids)), sorted(each for each in ids if ids.count(each) > 1)


def browser(v1: Api, name: str, role: str, account: str, **more: Any) -> Browser:
    """A new user of that role, signed in."""
    v1.do("create_user", name=name, password=PASSWORD, role=role)
    opened = Browser(address=v1.address, **more)
    assert opened.sign_in(name, account).status_code == 303
    return opened
