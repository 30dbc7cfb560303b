"""What is under way, as traces tell it: a trace is opened around a piece of work, and what happens within is its parts.

Holds: where nobody takes traces, or this one is not taken, a part costs a look at one variable; what a trace keeps is
bounded by PARTS_MAX. Refuses: to know how traces are sent, and by which names; a sink does, which never waits.
"""

import time
from contextvars import ContextVar, Token
from enum import Enum
from types import TracebackType
from typing import Protocol, TypeAlias, Union

PARTS_MAX = 100  # of one trace; how many more there were is told
Value: TypeAlias = str | int | tuple[int, ...] | None


class Kind(Enum):
    """What a span is of, and what is told of it by `tell`."""

    CALL = "what an owner asked: tongue, status, code, peer, request_id; operation, account and key of a proven one"
    BATCH = "a batch of what devices said: lane, items, and of these aside and failed"
    PUSH = "a round of pushing what is due"
    OFFER = "offers that were tried together: tasks, offers, missed, jobs"
    WAIT = "the wait for a connection of a pool"
    STATEMENT = "a statement, by its name, on a connection of a pool"


class Span:
    """A span of time with what is told of it, open within its `with`. What is raised through it is its failure."""

    __slots__ = ("_token", "began_s", "ended_s", "failed", "kind", "name", "parts", "told", "trace")

    def __init__(self, kind: Kind, name: str, trace: "Trace | None", began_s: float | None = None) -> None:
        self.kind, self.name, self.trace = kind, name, trace
        self.began_s = self.ended_s = time.perf_counter() if began_s is None else began_s
        self.failed = ""  # what kind of failure
        self.told: dict[str, Value] = {}
        self.parts: list[Span] = []
        self._token: Token[Span | None] | None = None

    def __bool__(self) -> bool:
        """Whether anybody will read what it is told."""
        return True

    def tell(self, **told: Value) -> None:
        """Words about it; what is None or empty is left out."""
        self.told.update({name: value for name, value in told.items() if value not in (None, "", ())})

    def proven(self) -> None:
        """Whoever asks is known, so the trace that they name may be gone on with."""

    def forget(self) -> None:
        """Nothing came of it: it is not told."""

    def __enter__(self) -> "Span":
        self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._token is not None  # noqa: S101
        _CURRENT.reset(self._token)
        self.ended_s = time.perf_counter()
        if kind is not None:
            self.failed = kind.__name__


class Trace(Span):
    """The first span of a trace. `claimed` is the trace that whoever asks says this is part of, as W3C's `traceparent`
    has it; it counts for nothing until they are proven. `id` is empty where the trace is not taken, or not yet."""

    __slots__ = ("_sink", "claimed", "id", "is_taken", "left_out", "mark", "offset_ns", "room")

    def __init__(self, sink: "Sink", kind: Kind, name: str, began_s: float | None, claimed: str) -> None:
        super().__init__(kind, name, self, began_s)
        self._sink = sink
        self.claimed = claimed
        self.id = ""
        self.is_taken = False
        self.mark: object = None  # the sink's own
        self.room, self.left_out = PARTS_MAX, 0
        self.offset_ns = time.time_ns() - int(time.perf_counter() * 1e9)

    def ns(self, moment_s: float) -> int:
        """A moment of the monotonic clock in nanoseconds since 1970."""
        return self.offset_ns + int(moment_s * 1e9)

    def admits(self) -> bool:
        """Whether one more part is kept."""
        if self.is_taken and self.room:
            self.room -= 1
            return True
        self.left_out += self.is_taken
        return False

    def proven(self) -> None:
        if self.claimed and self.is_taken:
            self._sink.proven(self)

    def forget(self) -> None:
        self.is_taken, self.id = False, ""

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, exc, traceback)
        if self.is_taken:
            self._sink.end(self)
        self.forget()  # what goes on beside has its context still
        self.parts = []


class _Nothing(Span):
    """What is not told."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def tell(self, **told: Value) -> None:
        pass

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Sink(Protocol):
    """Decides which traces are taken, and takes them. Nothing of it waits or raises."""

    def begin(self, trace: Trace, /) -> None:
        """Says by `is_taken` whether the trace is kept for now, and by `id` what the log calls it."""

    def proven(self, trace: Trace, /) -> None:
        """The trace that is claimed counts; decides anew."""

    def end(self, trace: Trace, /) -> None:
        """It is over, with all its parts."""


class Tracer:
    """Opens the traces of one process. Without a sink there are none."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink

    def trace(self, kind: Kind, name: str, *, began_s: float | None = None, claimed: str = "") -> Span:
        """A trace to be worked within; one that began at an earlier moment of `time.perf_counter`, where it is given.
        NOTHING where it is not taken."""
        if self._sink is None:
            return NOTHING
        trace = Trace(self._sink, kind, name, began_s, claimed)
        self._sink.begin(trace)
        return trace if trace.is_taken else NOTHING


NOTHING = _Nothing(Kind.CALL, "", None, 0.0)
_CURRENT: ContextVar[Union[Span, None]] = ContextVar("span", default=None)  # noqa: UP007  # of a name that is not bound


def part(kind: Kind, name: str) -> Span:
    """A part of what is under way here, to be worked within; NOTHING where there is nothing, or no room."""
    above = _CURRENT.get()
    if above is None or above.trace is None or not above.trace.admits():
        return NOTHING
    span = Span(kind, name, above.trace)
    above.parts.append(span)
    return span


def is_traced() -> bool:
    """Whether anything is under way here that is told."""
    return _CURRENT.get() is not None


def note(kind: Kind, name: str, began_s: float, ended_s: float, failed: str = "", **told: Value) -> None:
    """A part of what is under way here, which is over."""
    above = _CURRENT.get()
    if above is None or above.trace is None or not above.trace.admits():
        return
    span = Span(kind, name, above.trace, began_s)
    span.ended_s, span.failed = ended_s, failed
    span.tell(**told)
    above.parts.append(span)


def trace_id() -> str:
    """Which trace a line of the log is of; empty where it is of none that is taken."""
    above = _CURRENT.get()
    return "" if above is None or above.trace is None else above.trace.id
