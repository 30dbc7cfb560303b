"""What a tongue is to the management doors: a dialect in which owners ask and are answered, and its row.

A tongue is a folder of pure modules in `dialects/` and a thin adapter here that speaks it: an `RpcSpeaker` at `/`, or a
`RestSpeaker` below roots of its own. The doors know none by name. Adapters hold no rule of an upgrade and no storage;
but for `caller` and a `use`, nothing in them waits.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from starlette.routing import BaseRoute

from upwell.dialects.rest import RestRequest
from upwell.dialects.rpc import RpcRequest
from upwell.domain.commands import Command, Result
from upwell.domain.errors import CallerError
from upwell.service.context import Context
from upwell.service.manage.access import AccessKey, Caller

RequestT = TypeVar("RequestT", RpcRequest, RestRequest)

BODY_SIZE_MAX = 8 * 1024 * 1024  # bytes of a request: 30,000 targets of 128 characters, or 10,000 names percent-encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the doors ask of the server. `changed` is told after each command: it may have made work for the engine;
    `limited` says whether the vendors' limits on requests a second hold."""

    ctx: Context
    now: Callable[[], datetime]
    changed: Callable[[Command], None]
    limited: bool = True


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
    problem: CallerError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation that somebody asks for. A `nonce` counts once for a key; None where signatures have none.
    `limit_per_s` is how often the keys of an account may ask this together. `own` is what the tongue itself keeps.
    `use` is done in place of a command, where the request is none."""

    operation: str
    role: str
    nonce: str | None = None
    limit_per_s: int | None = None
    own: Any = None
    use: Callable[[Context, Caller], Awaitable[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `code` is a refusal's, for the log."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


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
    """One row: the dialect of the access keys that speak it, and what makes its speaker of the server's settings."""

    dialect: str
    rpc: Callable[[Any], RpcSpeaker] | None = None
    rest: Callable[[Any], RestSpeaker] | None = None
