"""`/readyz`: whether this process can serve, and what of it can't.

Every check is about doing, not about being there. Holds: it is cheap and bounded whoever asks and how often: an answer
is kept for KEPT_S, a check that does not end in time fails and is not begun again until it has ended; and what it found
after its time is not told later, when it is no longer so.
Refuses: to tell more than the reason in the words of our own errors, which have no secret in them.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from upwell.domain.errors import UpwellError

log = logging.getLogger(__name__)
KEPT_S = 1.0  # an answer; a load balancer asks every few seconds, a stranger as often as it can
CHECK_WITHIN_S = 3.0
FINE = "ok"

Check = Callable[[], Awaitable[None]]
"""Returns when this part can do its work; raises UpwellError when it can't."""


class Readiness:
    """Answers GET /readyz by these checks, by their names."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._told: dict[str, str] = {}
        self._told_at = float("-inf")
        self._turn = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        """200 when all is well, else 503; both say how each part is."""
        told = await self.told()
        ready = set(told.values()) <= {FINE}
        headers = {"cache-control": "no-store"}
        return JSONResponse({"ready": ready, "checks": told}, 200 if ready else 503, headers)

    def last(self) -> Mapping[str, bool]:
        """For each check whether it held when it was last looked at; none before that."""
        return {name: how == FINE for name, how in self._told.items()}

    async def told(self) -> dict[str, str]:
        """For each check `ok` or why not, as of KEPT_S ago at most."""
        async with self._turn:
            if time.monotonic() - self._told_at > KEPT_S:
                told = await self._look()
                self._note(told)
                self._told, self._told_at = told, time.monotonic()
            return self._told

    async def _look(self) -> dict[str, str]:
        for name, check in self._checks.items():
            before = self._under_way.get(name)
            if before is None or before.done():  # what ended since the last look tells of then, not of now
                self._under_way[name] = asyncio.get_running_loop().create_task(_outcome(check))
        await asyncio.wait(self._under_way.values(), timeout=CHECK_WITHIN_S)
        ended = {name: task for name, task in self._under_way.items() if task.done()}
        for name in ended:
            del self._under_way[name]
        late = f"no answer within {CHECK_WITHIN_S:g} s"
        return {name: ended[name].result() if name in ended else late for name in self._checks}

    def _note(self, told: Mapping[str, str]) -> None:
        for name, how in told.items():
            before = self._told.get(name, FINE)
            if how != FINE and before == FINE:
                log.warning("not ready: %s: %s", name, how)
            elif how == FINE and before != FINE:
                log.info("ready again: %s", name)


async def _outcome(check: Check) -> str:
    try:
        await check()
    except UpwellError as exc:
        return exc.problem
    except Exception as exc:
        log.exception("a readiness check failed")
        return type(exc).__name__
    return FINE
