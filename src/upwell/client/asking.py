"""How one operation is asked for, and asked again: without a socket and without a clock.

Holds: a flow is a generator. It yields what is to be done next (send a request, pause, read a piece of a file) and is
told what came of it; `Client` does these things and waits, `AsyncClient` awaits them, so both do the same. Asked again
is only what may be: reading, what carries an Idempotency-Key, what never reached the server, and what the server put
off with 429.
"""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Generic, TypeVar, cast
from urllib.parse import quote

import httpx

from upwell.client.problems import ClientError, Problem, Unreachable, Unreadable, problem_of

T = TypeVar("T")
ROOT = "/v1"
CHUNK_BYTES = 64 * 1024
SAID_CHARS_MAX = 200  # of what a server that is none of Upwell's says


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently a request is sent again, where that is safe. The pause doubles from `first_s` to
    `most_s`; a server's Retry-After of up to `patience_s` is kept to, a longer one is not waited for."""

    count: int = 4
    first_s: float = 0.25
    most_s: float = 8.0
    patience_s: float = 60.0

    def pause_s(self, turn: int) -> float:
        """Before the turn after this one; turns are counted from 0."""
        return min(self.first_s * 2.0**turn, self.most_s)


class Bytes(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Bytes that are sent piece by piece; `told` hears how many have been handed on."""

    def __init__(self, data: bytes, told: Callable[[int], None] | None = None) -> None:
        self._data, self._told = data, told

    def __iter__(self) -> Iterator[bytes]:
        view = memoryview(self._data)
        for at in range(0, len(view), CHUNK_BYTES):
            piece = bytes(view[at : at + CHUNK_BYTES])
            yield piece
            if self._told is not None:
                self._told(len(piece))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `again` says whether it may be sent again although the server may have got it; of one that `keeps`
    the answer's body is left to be read by whoever asked."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Any = None
    again: bool = False
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read so many bytes of a file, from there on."""

    file: BinaryIO
    at: int
    size: int


Step = Ask | Pause | Read
Flow = Generator[Step, Any, T]


class Answer(dict[str, Any]):
    """The members of one thing as the server told them, and what stood around them: `etag` is for `if_match`, empty
    where there is none; `replayed` says that an earlier request with the same key was answered so."""

    etag: str = ""
    request_id: str = ""
    replayed: bool = False


def etag_of(thing: "Mapping[str, Any] | str") -> str:
    """What `if_match` sends: a thing's ETag as it was told with it, or the text itself. Raises ValueError for a thing
    that has none."""
    etag = thing if isinstance(thing, str) else getattr(thing, "etag", "")
    if not etag:
        raise ValueError("this has no ETag: take what a `show_…` or `update_…` of this client returned")
    return str(etag)


def path(template: str, *ids: str | int) -> str:
    """The path with its ids, each percent-encoded. Raises ValueError for an empty one, which names another thing."""
    for each in ids:
        if each == "":
            raise ValueError(f"an id in {template} is empty")
    return template.format(*map(_segment, ids))


def _segment(given: str | int) -> str:
    """A path's part: `.`, `..` and `export` too are ids, and would lead elsewhere as they are."""
    text = str(given)
    if not text.strip("."):
        return "%2E" * len(text)
    return "%65xport" if text == "export" else quote(text, safe="")


def ask(
    method: str,
    where: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    if_match: Mapping[str, Any] | str | None = None,
    keyed: bool = True,
) -> Ask:
    """The request of an operation; what is None is left out. A POST has an Idempotency-Key, made up where none is
    given, by which the server does it once however often it comes; but for one that is not `keyed`."""
    headers: dict[str, str] = {}
    if method == "POST" and keyed:
        headers["Idempotency-Key"] = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    if if_match is not None:
        headers["If-Match"] = etag_of(if_match)
    return Ask(
        method=method, path=ROOT + where, headers=headers, again=method == "GET" or "Idempotency-Key" in headers,
        query={name: _word(value) for name, value in (query or {}).items() if value is not None},
        body=None if body is None else {name: value for name, value in body.items() if value is not None},
    )  # fmt: skip


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def asked(request: Ask, retries: Retries) -> Flow[httpx.Response]:
    """Send until there is an answer that is no refusal; its body is read. Raises Problem, Unreachable, Unreadable."""
    turn = 0
    while True:
        pause = retries.pause_s(turn)
        failed: ClientError
        try:
            response = cast(httpx.Response, (yield request))
        except httpx.TransportError as exc:
            failed = Unreachable(_lost(exc, request))
            failed.__cause__ = exc
            repeat = request.again or _never_sent(exc)
        else:
            if response.status_code < 400:
                return response
            failed = refused(response)
            later = _later_s(response)
            repeat = _put_off(request, response, later) and (later or 0) <= retries.patience_s
            pause = pause if later is None else max(pause, later)
        if turn >= retries.count or not repeat:
            raise failed
        turn += 1
        yield Pause(pause)


def _put_off(request: Ask, response: httpx.Response, later: float | None) -> bool:
    """Whether the same request may be answered otherwise in a moment. Of a 409 only one that says when: the first with
    its key is still under way."""
    match response.status_code:
        case 429:
            return True  # refused before anything was done
        case 409:
            return later is not None and request.again
        case 502 | 503 | 504:
            return request.again
    return False


def _never_sent(exc: httpx.TransportError) -> bool:
    return isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _lost(exc: httpx.TransportError, request: Ask) -> str:
    said = str(exc) or type(exc).__name__
    if _never_sent(exc):
        return f"no connection: {said}"
    return f"no answer to {request.method} {request.path}: {said}"


def _later_s(response: httpx.Response) -> float | None:
    """The seconds that Retry-After says; None without one, or with one that says a time, which needs the same clock."""
    said = response.headers.get("retry-after", "").strip()
    return float(said) if said.isascii() and said.isdecimal() else None


def refused(response: httpx.Response) -> Problem | Unreadable:
    """The refusal as an exception."""
    told = _json(response)
    if not isinstance(told, dict) or "type" not in told:
        said = " ".join(response.text[:SAID_CHARS_MAX].split())
        return Unreadable(f"status {response.status_code}, and no problem of Upwell's: {said or 'nothing'}")
    return problem_of(response.status_code, told, response.headers.get("x-request-id", ""))


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def told(response: httpx.Response) -> Answer:
    """What an answer tells of one thing. Raises Unreadable."""
    found = _json(response)
    if not isinstance(found, dict):
        kind = response.headers.get("content-type", "no type")
        raise Unreadable(f"status {response.status_code} with {kind} where JSON of Upwell's was awaited")
    answer = Answer(found)
    answer.etag = response.headers.get("etag", "")
    answer.request_id = response.headers.get("x-request-id", "")
    answer.replayed = response.headers.get("idempotency-replayed", "") == "true"
    return answer


def one(request: Ask, retries: Retries) -> Flow[Answer]:
    """One thing."""
    return told((yield from asked(request, retries)))


def none(request: Ask, retries: Retries) -> Flow[None]:
    """Nothing but that it was done."""
    yield from asked(request, retries)


def many(request: Ask, retries: Retries) -> Flow[list[Any]]:
    """A list that is told whole."""
    return _items(told((yield from asked(request, retries))))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and what leads to the next of them; None on the last."""

    items: list[T]
    next_cursor: str | None


def page(request: Ask, retries: Retries) -> Flow[Page[Any]]:
    """One page of a list."""
    found = told((yield from asked(request, retries)))
    return Page(_items(found), found.get("next_cursor"))


def _items(answer: Answer) -> list[Any]:
    items = answer.get("items")
    if not isinstance(items, list):
        raise Unreadable("a list without items")
    return items


def behind(request: Ask, cursor: str | None) -> Ask:
    """The same list from that cursor on."""
    return request if cursor is None else replace(request, query={**request.query, "cursor": cursor})
