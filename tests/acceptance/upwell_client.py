"""A client of `/v1` that knows nothing but its document: operations are called by name, and every answer is held
against what the document says of it."""

import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema

from acceptance.client import Server

PROBLEM = "application/problem+json"
REPEATED = "idempotency-replayed"
_SECRET = re.compile(r'"(?i:secret|signature|policy)":"([^"]+)"')
Members = dict[str, Any]


@dataclass(kw_only=True, eq=False)  # what is raised gets a traceback, and is one of its own
class Refused(Exception):
    """A problem, as it was told."""

    status: int
    told: Members
    headers: httpx.Headers

    def __str__(self) -> str:
        return f"{self.status} {self.told['detail']}"

    @property
    def code(self) -> str:
        return str(self.told["type"]).partition("#")[2]

    @property
    def error(self) -> Members:
        [error] = self.told["errors"]
        return dict(error)


@dataclass(kw_only=True)
class Api:
    """One token at one address. `called` are the operations that were done; `done` are those of them that change
    something, by their request's id, and `refusals` count such as were refused, by operation and code; `secrets` are
    what was told as a secret or as leave to upload. One that `repeats` asks whatever may come again once more, and must
    be told the same."""

    address: str
    token: str
    called: set[str] = field(default_factory=set)
    done: dict[str, str] = field(default_factory=dict)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    secrets: set[str] = field(default_factory=set)
    repeats: bool = False

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request on a connection of its own."""
        headers = ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | more.pop("headers", {})
        got = httpx.request(method, f"http://{self.address}{path}", headers=headers, timeout=30, verify=False, **more)
        self.secrets |= set(_SECRET.findall(got.text))
        if method not in ("GET", "HEAD") and got.status_code != 401 and REPEATED not in got.headers:
            self._note(method, path.partition("?")[0], got)
        return got

    def _note(self, method: str, path: str, got: httpx.Response) -> None:
        rows = sorted(self.operations.items(), key=lambda row: "{" in row[1][1])  # the path itself comes first
        for name, (of, template, _) in rows:
            if of == method and re.fullmatch("/v1" + re.sub(r"{\w+}", "[^/]+", template), path):
                if got.status_code < 400:
                    self.done[got.headers["x-request-id"]] = name
                else:
                    self.refusals[name, got.json()["type"].partition("#")[2]] += 1
                return

    @cached_property
    def document(self) -> Members:
        return dict(self.ask("GET", "/v1/openapi.json").raise_for_status().json())

    @cached_property
    def operations(self) -> dict[str, tuple[str, str, Members]]:
        """Method, path and description of each, by its name."""
        return {
            row["operationId"]: (method.upper(), path, row)
            for path, rows in self.document["paths"].items()
            for method, row in rows.items()
        }

    def do(self, name: str, /, **given: Any) -> Any:
        """What an operation tells, which must be done; raises Refused. Ids stand in the path, parameters in the query,
        all else in the body."""
        method, path, row = self.operations[name]
        ids = set(re.findall(r"{(\w+)}", path))
        query = {param["name"] for param in row.get("parameters", ()) if param.get("in") == "query"}
        url = "/v1" + re.sub(r"{(\w+)}", lambda found: quote(given[found[1]], safe=""), path)
        body = {key: value for key, value in given.items() if key not in ids | query}
        asked = {key: _text(value) for key, value in given.items() if key in query}
        request = {"params": asked, "json": body if "requestBody" in row else None}
        if not self.repeats or not any(
            "IdempotencyKey" in param.get("$ref", "") for param in row.get("parameters", ())
        ):
            return self.told(name, self.ask(method, url, **request))
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        first, again = (self.ask(method, url, headers=headers, **request) for _ in range(2))
        assert REPEATED not in first.headers and first.status_code == again.status_code
        if REPEATED in again.headers or first.status_code < 400:
            same = [(got.content, got.headers["x-request-id"]) for got in (first, again)]
            assert same[0] == same[1] and again.headers[REPEATED] == "true", name
        return self.told(name, first)

    def send(self, name: str, content: bytes, /, *, headers: dict[str, str] | None = None, **given: Any) -> Any:
        """What an operation tells whose body are bytes."""
        method, path, row = self.operations[name]
        url = "/v1" + re.sub(r"{(\w+)}", lambda found: quote(str(given.pop(found[1])), safe=""), path)
        kind = given.pop("kind", next(iter(row["requestBody"]["content"])))
        told = {"Content-Type": kind} | (headers or {})
        return self.told(name, self.ask(method, url, params=given, content=content, headers=told))

    def lines(self, name: str, /, **given: Any) -> list[Members]:
        """What an operation tells line by line, each as the document says."""
        method, path, row = self.operations[name]
        url = "/v1" + re.sub(r"{(\w+)}", lambda found: quote(given.pop(found[1]), safe=""), path)
        got = self.ask(method, url, params=given | {"format": "ndjson"})
        content = row["responses"][str(got.status_code)]["content"]
        assert got.headers["content-type"].partition(";")[0] in content
        self.called.add(name)
        return [json.loads(line) for line in got.text.splitlines()]

    def told(self, name: str, got: httpx.Response) -> Any:
        """The same of an answer that is here."""
        row = self.operations[name][2]
        assert re.fullmatch("[0-9a-f]{32}", got.headers["x-request-id"])
        assert str(got.status_code) in row["responses"], (name, got.status_code, got.text)
        if got.status_code >= 400:
            self._check({"$ref": "#/components/schemas/Problem"}, got, PROBLEM)
            assert got.json()["request_id"] == got.headers["x-request-id"]
            raise Refused(status=got.status_code, told=got.json(), headers=got.headers)
        self.called.add(name)
        content = row["responses"][str(got.status_code)].get("content")
        if content is None:
            assert got.content == b""
            return None
        self._check(content["application/json"]["schema"], got, "application/json")
        return got.json()

    def refused(self, name: str, /, **given: Any) -> Refused:
        """The refusal of what must be refused."""
        try:
            told = self.do(name, **given)
        except Refused as refusal:
            return refusal
        raise AssertionError(f"{name} was done: {told}")

    def refused_of(self, name: str, content: bytes, /, **given: Any) -> Refused:
        """The refusal of bytes that must be refused."""
        try:
            told = self.send(name, content, **given)
        except Refused as refusal:
            return refusal
        raise AssertionError(f"{name} was done: {told}")

    def every(self, name: str, /, **given: Any) -> list[Any]:
        """All items of a list, page by page."""
        found: list[Any] = []
        more: Members = {}
        while True:
            page = self.do(name, **given, **more)
            found += page["items"]
            if "next_cursor" not in page:
                return found
            more = {"cursor": page["next_cursor"]}

    def upload(self, image: bytes, **more: Any) -> str:
        """Upload a file; the URL that it is named by."""
        ticket = self.do("create_upload", **more)
        got = httpx.post(ticket["post_to"], data=ticket["form"], files={"file": image}, timeout=30)
        assert got.status_code == 200, got.text
        return str(ticket["url"])

    def _check(self, schema: Members, got: httpx.Response, kind: str) -> None:
        assert got.headers["content-type"] == kind
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(got.json())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def api(server: Server, account: str, role: str = "admin") -> Api:
    """With a new key."""
    return Api(address=server.http, token=server.new_key(account, role, "upwell").secret)
