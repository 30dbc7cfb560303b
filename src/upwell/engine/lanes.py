"""What many devices say, taken in a few lanes: each key's items in their order, and no key waits for another's rows.

A lane applies what waits in it as one batch, and each item is settled after the commit. What can't be done now, since
others hold its rows, is answered `Aside`: it and all that its key says behind it are set aside and tried apart, in
their order, while the lane goes on. An item whose failure is its own fails alone.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from upwell.domain.errors import Held, Unavailable
from upwell.engine.trouble import Trouble
from upwell.meters.gathered import Gathered
from upwell.meters.tracing import Kind, Tracer

log = logging.getLogger(__name__)
APPLY_MAX_S = 60.0  # a batch is bounded work; items that wait longer are told by `late_s`
PAUSES_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25)  # between the tries of what is set aside; the last one again and again
HELD_LONG_S = 5.0  # then the log says that somebody holds rows
T = TypeVar("T")
Settled = Callable[[Any, BaseException | None], None]  # takes the answer, or what was raised for the item


@dataclass(frozen=True, slots=True)
class Aside:
    """Not now: try it again apart, after so many seconds, or after longer and longer pauses."""

    pause_s: float | None = None


HELD = Aside()


@dataclass(frozen=True, slots=True)
class Failed:
    """What was raised for one item."""

    exc: Exception


Apply: TypeAlias = Callable[[Sequence[T]], Awaitable[Sequence[Any]]]  # answers in the order of the items


async def tried(apply: Apply[T], items: Sequence[T], key: Callable[[T], Hashable], trouble: Trouble) -> list[Any]:
    """What came of each item: its answer, Aside or Failed. Never raises but to be cancelled: a batch that can't be done
    is done item by item, unless the database itself is away or its rows are held."""
    try:
        answers = list(await apply(items)) if items else []
    except Held:
        return [HELD] * len(items)
    except Unavailable as exc:
        trouble.tell(exc, expected=True)
        return [Failed(exc)] * len(items)
    except Exception as exc:
        if len(items) > 1:
            return await _tried_singly(apply, items, key, trouble)
        trouble.tell(exc, expected=False)
        return [Failed(exc)]
    trouble.over()
    return answers


async def _tried_singly(
    apply: Apply[T], items: Sequence[T], key: Callable[[T], Hashable], trouble: Trouble
) -> list[Any]:
    """One bad item must not fail its company; what a key says behind an item that is set aside is set aside too."""
    outcomes: list[Any] = []
    aside: set[Hashable] = set()
    for item in items:
        [outcome] = [HELD] if key(item) in aside else await tried(apply, [item], key, trouble)
        outcomes.append(outcome)
        if isinstance(outcome, Aside):
            aside.add(key(item))
    return outcomes


async def staged(
    batch: Sequence[T], stages: Sequence[Apply[T]], stage: Callable[[T], int], key: Callable[[T], Hashable],
    trouble: Trouble,
) -> list[Any]:  # fmt: skip
    """What came of each item of a batch in which each stage has its own way to be done, and no key's order is broken:
    what a key says behind an item that is set aside is set aside too."""
    outcomes: list[Any] = [HELD] * len(batch)
    rest: list[tuple[int, T]] = list(enumerate(batch))
    aside: set[Hashable] = set()
    while rest:
        found, rest = one_round(rest, key, stage, len(stages))
        for apply, placed in zip(stages, found, strict=True):
            now = [(place, item) for place, item in placed if key(item) not in aside] if aside else placed
            came = await tried(apply, [item for _, item in now], key, trouble)
            for (place, item), outcome in zip(now, came, strict=True):
                outcomes[place] = outcome
                if isinstance(outcome, Aside):
                    aside.add(key(item))
    return outcomes


def one_round(
    items: Iterable[tuple[int, T]], key: Callable[[T], Hashable], stage: Callable[[T], int], stages: int
) -> tuple[list[list[tuple[int, T]]], list[tuple[int, T]]]:
    """The items to be done stage by stage with no key's order broken, and those that must wait for the next round."""
    found: list[list[tuple[int, T]]] = [[] for _ in range(stages)]
    later: list[tuple[int, T]] = []
    reached: dict[Hashable, int] = {}
    for placed in items:
        of, now = key(placed[1]), stage(placed[1])
        if reached.get(of, 0) > now:
            reached[of] = stages  # whatever it says behind that waits too
            later.append(placed)
        else:
            reached[of] = now
            found[now].append(placed)
    return found, later


@dataclass(slots=True)
class _Apart:
    """What one key has said that is set aside."""

    items: deque[tuple[Any, Settled]]
    at: float  # of the monotonic clock: when it is tried again
    since: float
    tries: int = 0
    alone: bool = False  # its rows made a whole batch wait


class Lanes(Generic[T]):
    """Takes items in `count` lanes by their keys. `apply` is given a batch and answers as many, in their order, with
    Aside for those that can't be done now: once for a key, it must be Aside for what that key says behind it in the
    batch."""

    def __init__(
        self, name: str, apply: Apply[T], key: Callable[[T], Hashable], *,
        count: int, batch_max: int = 500, company_s: float = 0.002, queue_max: int = 20_000,
        tracer: Tracer | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._key = key
        self._queue_max = queue_max
        self.gathered = Gathered()
        given = (name, apply, key, batch_max, company_s, self.gathered, tracer or Tracer())
        self._lanes = [_Lane(*given) for _ in range(count)]

    def hand(self, item: T, settled: Settled) -> None:
        """Take an item; `settled` is called after its commit. Never waits: who hands in more than it may have unsettled
        is the caller's to stop."""
        self._lanes[hash(self._key(item)) % len(self._lanes)].hand(item, settled)

    async def submit(self, item: T) -> Any:
        """The answer to `item`; raises what was raised for it."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def settled(value: Any, exc: BaseException | None) -> None:
            if answer.done():
                return
            if exc is None:
                answer.set_result(value)
            elif isinstance(exc, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(exc)

        self.hand(item, settled)
        return await answer

    def late_s(self) -> float:
        """For how many seconds items have waited beyond APPLY_MAX_S without any batch being settled; 0 for none. What
        is set aside does not count: it waits for others' transactions."""
        return max(0.0, self.waited_s() - APPLY_MAX_S)

    def waited_s(self) -> float:
        """For how many seconds items have waited without any batch being settled."""
        return max(lane.waited_s() for lane in self._lanes)

    def depth(self) -> int:
        """How many items wait, those that are set aside too."""
        return sum(lane.waiting() for lane in self._lanes)

    def is_full(self) -> bool:
        """Whether more than `queue_max` items wait: new work is to be refused."""
        return self.depth() >= self._queue_max

    async def run(self) -> None:
        """Apply until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(lane.run())
                group.create_task(lane.run_apart())


@dataclass(slots=True, eq=False)
class _Lane:
    name: str
    apply: Apply[Any]
    key: Callable[[Any], Hashable]
    batch_max: int
    company_s: float
    gathered: Gathered
    tracer: Tracer
    queue: deque[tuple[Any, Settled]] = field(default_factory=deque)
    apart: dict[Hashable, _Apart] = field(default_factory=dict)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    waiting_since: float | None = None  # when somebody first waited since the last batch was settled
    trouble: Trouble = field(init=False)
    stuck: Trouble = field(init=False)

    def __post_init__(self) -> None:
        self.trouble, self.stuck = Trouble(log, self.name), Trouble(log, f"{self.name} set aside")

    def hand(self, item: Any, settled: Settled) -> None:
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        self.queue.append((item, settled))
        self.filled.set()

    def waiting(self) -> int:
        return len(self.queue) + sum(len(apart.items) for apart in self.apart.values())

    def waited_s(self) -> float:
        return 0.0 if self.waiting_since is None else time.monotonic() - self.waiting_since

    async def run(self) -> None:
        while True:
            await self.filled.wait()
            await asyncio.sleep(self.company_s)
            batch = self._next()
            began_s = time.monotonic()
            await self._settle(batch)
            self.gathered.add(len(batch), time.monotonic() - began_s)
            self.waiting_since = time.monotonic() if self.queue else None

    def _next(self) -> list[tuple[Any, Settled]]:
        """The next batch. What a key that is set aside says goes behind what it has said."""
        batch: list[tuple[Any, Settled]] = []
        queue, apart = self.queue, self.apart
        while queue and len(batch) < self.batch_max:
            pair = queue.popleft()
            if apart and (waits := apart.get(self.key(pair[0]))) is not None:
                waits.items.append(pair)
            else:
                batch.append(pair)
        if not queue:
            self.filled.clear()
        return batch

    async def _settle(self, batch: Sequence[tuple[Any, Settled]]) -> None:
        outcomes = await self._outcomes(batch)
        for (item, settled), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Aside):
                self._set_aside(item, settled, outcome)
            else:
                _tell(settled, outcome)

    async def _outcomes(self, batch: Sequence[tuple[Any, Settled]]) -> list[Any]:
        try:
            with self.tracer.trace(Kind.BATCH, self.name) as span:
                outcomes = await tried(self.apply, [item for item, _ in batch], self.key, self.trouble)
                if span:
                    span.tell(lane=self.name, items=len(batch), **_told(outcomes))
                return outcomes
        except asyncio.CancelledError as exc:
            for _, settled in batch:
                settled(None, exc)
            raise

    def _set_aside(self, item: Any, settled: Settled, aside: Aside) -> None:
        key, now = self.key(item), time.monotonic()
        waits = self.apart.get(key)
        if waits is None:
            pause_s = PAUSES_S[0] if aside.pause_s is None else aside.pause_s
            self.apart[key] = _Apart(deque([(item, settled)]), now + pause_s, now)
            self.stirred.set()
        else:
            waits.items.append((item, settled))

    async def run_apart(self) -> None:
        """Try what is set aside, until cancelled."""
        while True:
            self.stirred.clear()
            now = time.monotonic()
            ready = [key for key, waits in self.apart.items() if waits.at <= now]
            if ready:
                for keys in self._together(ready):
                    await self._try(keys)
                continue
            next_s = min((waits.at for waits in self.apart.values()), default=now + 3600.0) - now
            try:
                async with asyncio.timeout(next_s):
                    await self.stirred.wait()
            except TimeoutError:
                pass

    def _together(self, ready: Sequence[Hashable]) -> list[list[Hashable]]:
        """The keys by batches: one that made a whole batch wait is tried by itself."""
        alone = [[key] for key in ready if self.apart[key].alone]
        others = [key for key in ready if not self.apart[key].alone]
        return [others[n : n + self.batch_max] for n in range(0, len(others), self.batch_max)] + alone

    async def _try(self, keys: Sequence[Hashable]) -> None:
        taken = [(key, pair) for key in keys for pair in list(self.apart[key].items)[: self.batch_max]]
        outcomes = await self._outcomes([pair for _, pair in taken])
        is_all_held = all(outcome is HELD for outcome in outcomes)
        waits_on: dict[Hashable, Aside] = {}
        for (key, (_, settled)), outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, Aside):
                waits_on.setdefault(key, outcome)
            else:
                self.apart[key].items.popleft()
                _tell(settled, outcome)
        for key in keys:
            self._again(key, waits_on.get(key), alone=is_all_held and len(keys) > 1)

    def _again(self, key: Hashable, aside: Aside | None, *, alone: bool) -> None:
        waits, now = self.apart[key], time.monotonic()
        if not waits.items:
            del self.apart[key]
            if not self.apart:
                self.stuck.over()
            return
        if aside is None:  # what is left was said meanwhile
            waits.tries, waits.at, waits.since = 0, now, now
            return
        pause_s = aside.pause_s
        if pause_s is None:
            waits.tries += 1
            pause_s = PAUSES_S[min(waits.tries, len(PAUSES_S) - 1)]
            if now - waits.since > HELD_LONG_S:
                self.stuck.tell(Held(f"what {key} says waits for rows that another transaction holds"), expected=True)
        waits.alone = waits.alone or alone
        waits.at = now + pause_s


def _told(outcomes: Sequence[Any]) -> dict[str, int]:
    """What a trace tells of them."""
    return {
        "aside": sum(isinstance(outcome, Aside) for outcome in outcomes),
        "failed": sum(isinstance(outcome, Failed) for outcome in outcomes),
    }


def _tell(settled: Settled, outcome: Any) -> None:
    if isinstance(outcome, Failed):
        settled(None, outcome.exc)
    else:
        settled(outcome, None)
