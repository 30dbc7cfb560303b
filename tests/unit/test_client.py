"""The client without Upwell: what is sent, what is sent again, what comes of each answer. A real server of a script of
answers stands on a real socket."""

import asyncio
import inspect
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tools import client as tool

from upwell import client as u
from upwell.client import asking, http
from upwell.dialects.upwell.management import OPERATIONS
from upwell.dialects.upwell.openapi import document

QUICK = u.Retries(count=3, first_s=0.001, most_s=0.002, patience_s=1)


@dataclass
class Scripted:
    """Answers each request with the next line of its script: (status, headers, body), or "reset" for a connection that
    is broken in its place. `heard` are the requests: first line, headers, body."""

    script: list[Any]
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(taken,), daemon=True).start()

    def _connection(self, taken: socket.socket) -> None:
        with taken, taken.makefile("rb") as reader:
            while self._one(taken, reader):
                pass

    def _one(self, taken: socket.socket, reader: Any) -> bool:
        first = reader.readline().decode().strip()
        if not first:
            return False
        headers = dict(iter(lambda: self._header(reader), ("", "")))
        body = reader.read(int(headers.get("content-length", "0")))
        self.heard.append((first, headers, body))
        turn = self.script.pop(0) if self.script else (500, {}, {"type": "x#out-of-script"})
        if turn == "reset":
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        status, more, told = turn
        data = told if isinstance(told, bytes) else json.dumps(told).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", *(f"{k}: {v}" for k, v in more.items())]
        taken.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        return True

    def _header(self, reader: Any) -> tuple[str, str]:
        name, _, value = reader.readline().decode().strip().partition(":")
        return name.lower(), value.strip()


@contextmanager
def scripted(*script: Any) -> Iterator[Scripted]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Scripted(list(script), url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        yield server


def problem(code: str, status: int = 400, **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    told = {"type": f"/v1/docs/problems#{code}", "title": "T.", "status": status, "detail": "D.", "try": "Do.",
            "request_id": "r1", **more}  # fmt: skip
    return status, {"X-Request-Id": "r1"}, told


def client(server: Scripted, **more: Any) -> u.Client:
    return u.Client(server.url, "upw_a_b", retries=QUICK, **more)


# --- what is generated ----------------------------------------------------------------------------------------------


def test_the_generated_files_are_fresh() -> None:
    for path, text in tool.files().items():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: run tools/client.py"


def test_both_clients_have_every_operation_and_its_parameters() -> None:
    for path, rows in document("")["paths"].items():
        for verb, row in rows.items():
            name = row["operationId"]
            content = row.get("requestBody", {}).get("content", {}).get("application/json", {})
            asked = {each["name"] for each in row.get("parameters", ()) if each.get("in", "header") != "header"}
            asked |= set(content.get("schema", {}).get("properties", {}))
            for kind in (u.Client, u.AsyncClient):
                takes = set(inspect.signature(getattr(kind, name)).parameters)
                assert asked <= takes, (name, asked - takes)
                assert name in tool.BY_HAND or not takes - asked - {"self", "idempotency_key", "if_match"}, name
                assert f"`{verb.upper()} /v1{path}`" in " ".join(inspect.getdoc(getattr(kind, name)).split()), name
    assert len(OPERATIONS) > 50


def test_it_loads_nothing_of_the_server() -> None:
    code = "import sys, upwell.client; print(*sorted(m for m in sys.modules if m.startswith('upwell')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert {name.split(".")[1] for name in done.stdout.split() if "." in name} == {"client"}
    for file in Path(u.__file__).parent.glob("*.py"):
        assert "typer" not in file.read_text() and "starlette" not in file.read_text()


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_a_request_carries_the_token_and_what_was_given() -> None:
    with scripted((201, {"ETag": '"7"'}, {"id": "a"}), (204, {}, b"")) as server, client(server) as v1:
        made = v1.create_device(product_id="p", name="ä", nickname=None)
        assert (made, made.etag) == ({"id": "a"}, '"7"') and u.etag_of(made) == '"7"'  # type: ignore[attr-defined]
        v1.delete_device_tag("a/b ..", "%2e")
        (first, headers, body), (second, *_) = server.heard
        assert len(headers["idempotency-key"]) == 36
        assert first == "POST /v1/devices HTTP/1.1" and json.loads(body) == {"product_id": "p", "name": "ä"}
        assert headers["authorization"] == "Bearer upw_a_b" and headers["user-agent"].startswith("upwell/")
        assert second == "DELETE /v1/devices/a%2Fb%20../tags/%252e HTTP/1.1"


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_of_dots_leads_nowhere_else(name: str) -> None:
    with scripted((204, {}, b"")) as server, client(server) as v1:
        v1.delete_device(name)
        assert server.heard[0][0] == f"DELETE /v1/devices/{'%2E' * len(name)} HTTP/1.1"
        with pytest.raises(ValueError, match="empty"):
            v1.delete_device("")


def test_a_device_of_the_name_of_a_path_is_a_device() -> None:
    with scripted((200, {}, {"id": "export"})) as server, client(server) as v1:
        v1.show_device("export")
        assert server.heard[0][0] == "GET /v1/devices/%65xport HTTP/1.1"


def test_switches_and_numbers_of_a_query() -> None:
    with scripted((204, {}, b""), (200, {}, {"items": []})) as server, client(server) as v1:
        v1.delete_space("s", with_everything=True)
        assert list(v1.list_devices(limit=5, product_id="a&b")) == []
        assert server.heard[0][0] == "DELETE /v1/spaces/s?with_everything=true HTTP/1.1"
        assert server.heard[1][0].startswith("GET /v1/devices?") and "product_id=a%26b" in server.heard[1][0]


def test_a_list_is_asked_for_page_by_page_while_it_is_read() -> None:
    pages = [(200, {}, {"items": [{"id": "1"}], "next_cursor": "c1"}), (200, {}, {"items": [], "next_cursor": "c2"}),
             (200, {}, {"items": [{"id": "2"}]})]  # fmt: skip
    with scripted(*pages) as server, client(server) as v1:
        listed = iter(v1.list_devices(product_id="p"))
        assert server.heard == [] and next(listed)["id"] == "1" and len(server.heard) == 1
        assert [each["id"] for each in listed] == ["2"]
        assert "product_id=p&cursor=c2" in server.heard[2][0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:1",
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://h?x=1",
        "http://[",
        "http://h:99999999",
        "http://h..example",
        f"http://{'a' * 64}.example",
        "http://xn--a",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|has more than"):
        u.Client(url)


def test_addresses() -> None:
    assert http.address("http://h:1/") == http.address("http://h:1/v1/") == "http://h:1"
    assert http.address("https://h/upwell") == "https://h/upwell"
    assert http.address("http://[::1]:1") == "http://[::1]:1"
    assert http.address("http://a_b.h.:1") == "http://a_b.h.:1"


# --- what is sent again ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "turn", ["reset", problem("busy", 503), (502, {}, b"proxy"), problem("too-many-requests", 429)]
)
def test_reading_is_asked_again(turn: Any) -> None:
    with scripted(turn, turn, (200, {}, {"id": "p"})) as server, client(server) as v1:
        assert v1.show_product("p") == {"id": "p"} and len(server.heard) == 3


def test_it_gives_up_and_says_why() -> None:
    with scripted(*[problem("busy", 503)] * 9) as server, client(server) as v1:
        with pytest.raises(u.ServerFailed) as caught:
            v1.show_product("p")
        assert caught.value.code == "busy" and len(server.heard) == 4
    with scripted(*["reset"] * 9) as server, client(server) as v1:
        with pytest.raises(u.Unreachable, match="GET /v1/products/p"):
            v1.show_product("p")
        assert len(server.heard) == 4


@pytest.mark.parametrize(
    "turn", ["reset", problem("unavailable", 503), (409, {"Retry-After": "0"}, {"type": "x#busy"})]
)
def test_a_post_comes_again_under_its_key(turn: Any) -> None:
    """The server does it once: the answer that was lost is told again."""
    with scripted(turn, (201, {"Idempotency-Replayed": "true"}, {"id": "p"})) as server, client(server) as v1:
        made = v1.create_product(name="x")
        assert made.replayed  # type: ignore[attr-defined]
        keys = [headers["idempotency-key"] for _, headers, _ in server.heard]
        assert len(keys) == 2 and keys[0] == keys[1]
        server.script.append((201, {}, {"id": "p"}))
        v1.create_product(name="y", idempotency_key="mine")
        assert server.heard[2][1]["idempotency-key"] == "mine"


def test_a_sign_in_is_not_sent_again() -> None:
    with scripted("reset", "reset") as server, client(server) as v1, pytest.raises(u.Unreachable):
        v1.create_session(name="ann", password="a password")
    assert len(server.heard) == 1 and "idempotency-key" not in server.heard[0][1]


def test_if_match_is_what_was_told() -> None:
    told = (200, {"ETag": '"e1"'}, {"id": "p"})
    with scripted(told, told) as server, client(server) as v1:
        product = v1.show_product("p")
        v1.update_product("p", name="x", if_match=product)
        assert server.heard[1][1]["if-match"] == '"e1"'


@pytest.mark.parametrize("turn", ["reset", problem("unavailable", 503)])
def test_a_change_that_may_have_been_done_is_not_sent_again(turn: Any) -> None:
    with scripted(turn, (200, {}, {"id": "p"})) as server, client(server) as v1:
        with pytest.raises((u.Unreachable, u.ServerFailed)):
            v1.update_product("p", name="x")
        assert len(server.heard) == 1


def test_a_change_that_was_put_off_is() -> None:
    with scripted(problem("too-many-requests", 429), (200, {}, {"id": "p"})) as server, client(server) as v1:
        assert v1.update_product("p", name="x") and len(server.heard) == 2


def test_what_never_reached_a_server_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with u.Client(f"http://127.0.0.1:{port}", retries=QUICK) as v1, pytest.raises(u.Unreachable, match="no connection"):
        v1.update_product("p", name="x")


@pytest.mark.parametrize(("said", "asks"), [("0", 2), ("1", 2), ("3600", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 2)])
def test_a_server_that_says_when_is_kept_to_as_far_as_there_is_patience(said: str, asks: int) -> None:
    status, headers, told = problem("busy", 503)
    with scripted((status, headers | {"Retry-After": said}, told), (200, {}, {"id": "p"})) as server:
        with client(server) as v1:
            if asks == 1:
                with pytest.raises(u.ServerFailed):
                    v1.show_product("p")
            else:
                v1.show_product("p")
        assert len(server.heard) == asks


def test_pauses_double_to_an_end() -> None:
    assert [u.Retries(first_s=1, most_s=5).pause_s(turn) for turn in range(5)] == [1, 2, 4, 5, 5]


# --- what is told ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, u.BadRequest), (401, u.NotAuthenticated), (403, u.NotAllowed), (404, u.NotFound), (405, u.BadRequest),
     (409, u.Conflict), (412, u.Changed), (422, u.BadRequest), (500, u.ServerFailed)],
)  # fmt: skip
def test_a_refusal_is_an_exception_of_its_kind(status: int, kind: type[u.Problem]) -> None:
    error = {"parameter": "name", "check": "c", "problem": "p", "try": "t"}
    with scripted(problem("some-code", status, errors=[error])) as server, client(server) as v1:
        with pytest.raises(kind) as caught:
            v1.update_product("p", name="x")
        told = caught.value
        assert (told.status, told.code, told.detail, told.advice, told.request_id) == (
            status,
            "some-code",
            "D.",
            "Do.",
            "r1",
        )
        assert told.errors == [error] and str(told) == "D." and type(told) is kind


@pytest.mark.parametrize(
    "turn",
    [(404, {}, b"<html>nginx</html>"), (200, {}, b"<html>"), (200, {}, [1]), (302, {"Location": "/x"}, b""),
     (200, {}, b""), (500, {}, {"error": "other"})],
)  # fmt: skip
def test_what_is_no_answer_of_upwells(turn: Any) -> None:
    with scripted(turn) as server, client(server) as v1, pytest.raises(u.Unreadable):
        v1.show_product("p")
    with scripted((200, {}, {"no": "items"})) as server, client(server) as v1, pytest.raises(u.Unreadable):
        list(v1.list_devices())


def test_an_etag_is_taken_from_what_was_told() -> None:
    answer = asking.Answer(id="x")
    with pytest.raises(ValueError, match="has no ETag"):
        u.etag_of(answer)
    answer.etag = '"5"'
    assert u.etag_of(answer) == '"5"' and u.etag_of("*") == "*"


# --- the one that awaits --------------------------------------------------------------------------------------------


async def test_the_other_client_does_the_same() -> None:
    pages = [(200, {}, {"items": [{"id": "1"}], "next_cursor": "c"}), "reset", (200, {}, {"items": [{"id": "2"}]})]
    with scripted(*pages, problem("not-found", 404)) as server:
        async with u.AsyncClient(server.url, "t", retries=QUICK) as v1:
            assert [each["id"] async for each in v1.list_products()] == ["1", "2"]
            with pytest.raises(u.NotFound):
                await v1.show_product("p")
            assert [line.split()[1] for line, *_ in server.heard][:3] == [
                "/v1/products", "/v1/products?cursor=c", "/v1/products?cursor=c",
            ]  # fmt: skip


async def test_many_ask_at_once() -> None:
    with scripted(*[(200, {}, {"id": "p"})] * 5) as server:
        async with u.AsyncClient(server.url, "t", retries=QUICK) as v1:
            assert await asyncio.gather(*(v1.show_product("p") for _ in range(2))) == [{"id": "p"}] * 2


# --- events are followed --------------------------------------------------------------------------------------------


def event(number: int) -> dict[str, Any]:
    return {"id": f"evt_{number}", "data": {}}


def said(*numbers: int) -> str:
    return "".join(f"id: evt_{n}\ndata: {json.dumps(event(n))}\n\n" for n in numbers)


STREAMS = [
    (200, {}, f"retry: 1\n\nid: evt_0\n\n{said(1)}: a comment\n\n".encode()),
    (503, {}, {"type": "x#busy"}),
    (200, {}, f'{said(2)}id: evt_3\ndata: {{"id":'.encode()),  # it breaks off in the middle of an event
    "reset",
    (200, {}, b'event: reset\nid: evt_7\ndata: {"begins_after": "evt_7"}\n\n' + said(8, 9).encode()),
]


def check_followed(server: Scripted, told: list[tuple[str, Any]]) -> None:
    """Each once, in order; asked for from the last that was read whole."""
    assert [each for what, each in told if what == "event"] == [1, 2, 8, 9]
    assert [each for what, each in told if what == "forgotten"] == ["evt_7"]
    assert len([each for what, each in told if what == "lost"]) == 2  # 503 and the reset; an end alone is none
    assert [first for first, *_ in server.heard][:1] == ["GET /v1/events?type=t HTTP/1.1"]
    assert {headers["accept"] for _, headers, _ in server.heard} == {"text/event-stream"}
    places = [headers.get("last-event-id", "") for _, headers, _ in server.heard]
    assert places == ["", "evt_1", "evt_1", "evt_2", "evt_2"]


def test_events_are_followed_whatever_breaks_off() -> None:
    with scripted(*STREAMS) as server, client(server) as v1:
        told: list[tuple[str, Any]] = []
        following = v1.follow_events(
            type="t", lost=lambda why, _: told.append(("lost", why)),
            forgotten=lambda place: told.append(("forgotten", place)),
        )  # fmt: skip
        for each in following:
            told.append(("event", int(each["id"].removeprefix("evt_"))))
            if each["id"] == "evt_9":
                following.close()  # type: ignore[attr-defined]
        check_followed(server, told)


def test_they_are_awaited_alike() -> None:
    async def run(server: Scripted) -> list[tuple[str, Any]]:
        told: list[tuple[str, Any]] = []
        async with u.AsyncClient(server.url, "upw_a_b", retries=QUICK) as v1:
            following = v1.follow_events(
                type="t", lost=lambda why, _: told.append(("lost", why)),
                forgotten=lambda place: told.append(("forgotten", place)),
            )  # fmt: skip
            async for each in following:
                told.append(("event", int(each["id"].removeprefix("evt_"))))
                if each["id"] == "evt_9":
                    await following.aclose()  # type: ignore[attr-defined]
        return told

    with scripted(*STREAMS) as server:
        check_followed(server, asyncio.run(run(server)))


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([problem("not-authenticated", 401)], u.NotAuthenticated),
        ([problem("unknown-name")], u.BadRequest),
        ([(503, {}, {"type": "x#busy"})], u.ServerFailed),  # never reached: nothing is waited for
        ([STREAMS[0], problem("not-allowed", 403)], u.NotAllowed),
        ([STREAMS[0], *(["reset"] * 9)], u.Unreachable),  # gone for too long
        ([(200, {}, b"data: [1]\n\n")], u.Unreadable),
        ([STREAMS[0], *([(200, {}, b"data: [1]\n\n")] * 9)], u.Unreadable),
    ],
)
def test_what_ends_the_following(script: list[Any], error: type[Exception]) -> None:
    with scripted(*script) as server, client(server) as v1, pytest.raises(error):
        list(v1.follow_events(patience_s=0.002))


def test_a_full_account_is_waited_for() -> None:
    full = (200, {}, b"retry: 2\n\n")
    with scripted(full, full, (200, {}, said(1).encode())) as server, client(server) as v1:
        lost: list[str] = []
        assert next(v1.follow_events(lost=lambda why, _: lost.append(why)))["id"] == "evt_1"
        assert lost == ["the account has no room for one more stream"] * 2
