"""What a tongue is to the management doors: a dialect in which owners ask and are answered, and its row.

A tongue is a folder of pure modules in `dialects/` and a thin adapter here that speaks it: an `RpcSpeaker` at `/`, or a
`RestSpeaker` below roots of its own. The doors know none by name. Adapters hold no rule of an upgrade and no storage;
but for `caller` and a `use`, nothing in them waits.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from starlette.routing import BaseRoute

from upwell.dialects.rest import RestRequest
from upwell.dialects.rpc import RpcRequest
from upwell.domain.commands import Command, Result
from upwell.domain.errors import CallerError
from upwell.doors.management.beside import Beside
from upwell.doors.management.meter import Requests
from upwell.doors.management.working import Working
from upwell.service.context import Context
from upwell.service.manage.access import AccessKey, Caller
from upwell.service.manage.admission import Gate
from upwell.service.manage.audit_book import Book
from upwell.service.manage.parts import Incoming

RequestT = TypeVar("RequestT", RpcRequest, RestRequest)

BODY_SIZE_MAX = 8 * 1024 * 1024  # bytes of a request: 30,000 targets of 128 characters, or 10,000 names percent-encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the doors ask of the server. `changed` is told after each command: it may have made work for the engine;
    `limited` says whether the vendors' limits on requests a second hold, `gate` knows keys and lets requests in, `book`
    notes whom it refused, `requests` counts what was asked, `beside` works on what is large, `working` bounds what is
    under way; what goes on by itself ends when `ending` is set."""

    ctx: Context
    gate: Gate
    book: Book
    beside: Beside
    working: Working
    now: Callable[[], datetime]
    changed: Callable[[Command], None]
    limited: bool = True
    requests: Requests = field(default_factory=Requests)
    ending: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[RequestT]):
    """A request as answers need it: `host` and `origin` are where it was sent, `operation` is empty until it is known.
    `problem` is what kept the door from reading all of it."""

    request: RequestT
    request_id: str
    host: str = ""
    origin: str = ""
    peer: str = ""  # for the log
    operation: str = ""
    own: Any = None  # what the tongue itself keeps of the call
    problem: CallerError | None = None
    incoming: Incoming | None = None  # the body where it is not kept, but taken as it comes; `request` has none then
    began_s: float = field(default_factory=time.perf_counter, repr=False)  # when it had been read

    @property
    def took_s(self) -> float:
        """Seconds since it had been read."""
        return time.perf_counter() - self.began_s

    @property
    def told(self) -> dict[str, object]:
        """What every line of the log about it has."""
        return {"request_id": self.request_id, "ms": round(self.took_s * 1000, 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation that somebody asks for; `exists` says whether it is one of the tongue's, for else its name is what a
    stranger chose. A `nonce` counts once for a key; None where signatures have none.
    `limit_per_s` is how often the keys of an account may ask this together, or, where it is `of_caller`, how often
    whoever asks may ask for anything; `told_limit` are headers of every answer to them, of the limit and of how many
    more may come in this second. `own` is what the tongue itself keeps.
    `use` is done in place of a command, where the request is none. `permits` raises Denied for a proven caller who may
    not ask this at all, for a reason of the tongue's own. `reads` says whether it changes nothing; None is as the role
    tells, for a viewer may change nothing. `keeps` tells that the request may come again, of whoever is proven, and
    under which key; it raises Invalid. `editions` are those of the thing to one of which it is to be done; None for any
    (domain.editions)."""

    operation: str
    role: str
    exists: bool = True
    nonce: str | None = None
    limit_per_s: int | None = None
    of_caller: bool = False
    told_limit: Callable[[int, int], Mapping[str, str]] = lambda limit_per_s, more: {}
    own: Any = None
    use: Callable[[Context, Caller], Awaitable[Any]] | None = None
    permits: Callable[[Caller], None] = lambda caller: None
    reads: bool | None = None
    keeps: Callable[[], "Promise | None"] = lambda: None
    editions: Callable[[], frozenset[str] | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """That a request which comes again with this `key` is done once. `name` is what makes two requests with the key the
    same one, `asked` is all that they say, `token` what nobody has but who asks."""

    key: str
    name: str
    asked: bytes = field(repr=False)
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `code` is a refusal's, for the log. A body that comes piece by piece ends with `end`, however it
    ends."""

    status: int
    body: bytes | AsyncGenerator[bytes, None]
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    end: Callable[[], None] = lambda: None


class Speaker(Protocol[RequestT]):
    """Speaks one dialect. But for `claimed` and `refuse`, which never raise, all raise nothing but UpwellError."""

    def claimed(self, asked: Asked[RequestT]) -> tuple[str, str]:
        """The access key and the operation that any request names, unproven; empty where it names none."""

    def call(self, asked: Asked[RequestT]) -> Call:
        """Who asks for what, unproven."""

    async def caller(self, house: House, asked: Asked[RequestT], call: Call, key: AccessKey | None) -> Caller:
        """Who asks, proven (`ask.signed` does it by a signature). `key` is the live one that the request names."""

    def command(self, asked: Asked[RequestT], call: Call) -> Command:
        """What is asked for."""

    def answer(self, asked: Asked[RequestT], result: Result) -> Answer:
        """It was done."""

    def refuse(self, asked: Asked[RequestT], error: Exception) -> Answer:
        """It was not. What is no CallerError is our own fault and shows nothing of itself."""

    def job_name(self, job_id: int) -> str:
        """What its owners call the job, for the log."""


class RpcSpeaker(Speaker[RpcRequest], Protocol):
    """One of those that share `/`: the access key decides which; before a key is known the first that `speaks`."""

    def speaks(self, request: RpcRequest) -> bool:
        """Whether a request that names no key of ours is its own. Never raises."""

    def form_max(self, action: str) -> tuple[int, int]:
        """How many bytes and fields the form of an operation may have, whatever stands in it."""


class RestSpeaker(Speaker[RestRequest], Protocol):
    """One that has paths of its own: `roots`, each with all that is below it."""

    @property
    def roots(self) -> Sequence[str]: ...

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """Its paths that are no operations: where users sign in."""
        return ()

    def body_size_max(self, method: str, path: str) -> tuple[int, str]:
        """How many bytes the body of such a request may have, and what that is called in a refusal."""
        return BODY_SIZE_MAX, "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """One row: the dialect of the access keys that speak it, and what makes its speaker of the server's settings. Keys
    `by_token` are shown whole with each request; the others sign. `streams` says of a method and a path whether the
    body is taken as it comes, `beside` are paths that lead to neither speaker."""

    dialect: str
    by_token: bool = False
    rpc: Callable[[Any], RpcSpeaker] | None = None
    rest: Callable[[Any], RestSpeaker] | None = None
    streams: Callable[[str, str], bool] = lambda method, path: False
    beside: Callable[[House], Sequence[BaseRoute]] = lambda house: ()
