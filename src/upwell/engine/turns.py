"""Jobs that the engine works on in chunks: one chunk of each in turn, so that none waits for another's size.

New jobs go first, so that a small one is done with its first chunk, however many large ones there are. A job whose
chunk fails is told in the log and to its owner, rests, longer each time, and holds up nobody; one whose rows others
hold rests a moment.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from upwell.domain.errors import Unavailable
from upwell.engine.trouble import Trouble
from upwell.service.upgrade.fill import Chunk, Waiting

ROUND_S = 0.25  # a round begins no chunk of a job that is under way after this
ROUNDS_S = 0.1  # and no round of the same jobs begins after this, without a look who else waits
HELD_S = (0.05, 1.0)  # the first and the longest rest of a job whose rows others hold
FAILED_S = (1.0, 60.0)  # and of one whose chunk failed

Step = Callable[[int], Awaitable[Chunk]]
Tell = Callable[[int, bool], Awaitable[object]]  # the owner of a job: that it fails, or no longer (True)


@dataclass(slots=True)
class _Rest:
    """How long a job rests, and what goes wrong with it."""

    trouble: Trouble
    until_s: float = 0.0
    span_s: float = 0.0
    is_told: bool = False

    def begin(self, span: tuple[float, float]) -> None:
        shortest, longest = span
        self.span_s = min(longest, max(shortest, 2 * self.span_s))
        self.until_s = time.monotonic() + self.span_s


@dataclass(slots=True)
class Turns:
    """The turns of one kind of work, which `step` does a chunk of."""

    log: logging.Logger
    name: str
    step: Step
    tell: Tell
    _last: int = 0  # the job under way that had the last turn
    _going: list[int] = field(default_factory=list)  # jobs whose chunk in this round was done and has another behind it
    _resting: dict[int, _Rest] = field(default_factory=dict)

    async def rounds(self, waiting: Sequence[Waiting]) -> bool:
        """Rounds of these jobs for ROUNDS_S, one at least; returns whether any chunk was done."""
        ends_s, moved = time.monotonic() + ROUNDS_S, await self.round(waiting)
        while self._going and time.monotonic() < ends_s:
            await self._round([Waiting(job_id, is_new=False) for job_id in self._going])
        return moved

    async def round(self, waiting: Sequence[Waiting]) -> bool:
        """The first chunk of each new job, and chunks of others in turn, one at least; returns whether any was done."""
        self._resting = {job.job_id: self._resting[job.job_id] for job in waiting if job.job_id in self._resting}
        return await self._round(waiting)

    async def _round(self, waiting: Sequence[Waiting]) -> bool:
        ends_s, moved, under_way = time.monotonic() + ROUND_S, False, 0
        self._going = []
        for job in self._in_turn(waiting):
            if not job.is_new:
                if under_way and time.monotonic() > ends_s:
                    break
                under_way, self._last = under_way + 1, job.job_id
            moved |= await self._take(job.job_id)
        return moved

    def _in_turn(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """Those that do not rest: the new ones, then the others from behind the one that had the last turn."""
        now_s = time.monotonic()
        awake = [
            job for job in waiting if job.job_id not in self._resting or self._resting[job.job_id].until_s <= now_s
        ]
        return sorted(awake, key=lambda job: (not job.is_new, job.job_id <= self._last, job.job_id))

    async def _take(self, job_id: int) -> bool:
        try:
            chunk = await self.step(job_id)
        except Unavailable:  # of the database, which is no job's failure
            raise
        except Exception as exc:
            await self._failed(job_id, exc)
            return False
        if not chunk.moved:
            self._rest_of(job_id).begin(HELD_S)
            return False
        if chunk.more:
            self._going.append(job_id)
        if job_id in self._resting:
            await self._over(job_id)
        return True

    async def _failed(self, job_id: int, exc: Exception) -> None:
        rest = self._rest_of(job_id)
        rest.trouble.tell(exc, expected=False)
        rest.begin(FAILED_S)
        rest.is_told = True
        await self.tell(job_id, False)

    async def _over(self, job_id: int) -> None:
        rest = self._resting.pop(job_id)
        if rest.is_told:
            rest.trouble.over()
            await self.tell(job_id, True)

    def _rest_of(self, job_id: int) -> _Rest:
        return self._resting.setdefault(job_id, _Rest(Trouble(self.log, f"{self.name} of job {job_id}")))
