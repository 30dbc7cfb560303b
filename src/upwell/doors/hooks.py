"""Sends events to hooks: what Standard Webhooks calls a try, by the poster that sends nothing where it may not."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from upwell.dialects.upwell import webhooks
from upwell.doors.push import Poster
from upwell.service.upgrade.deliveries import Claimed, Outcome

ANSWER_SHOWN = 512  # bytes of an answer that its owner is shown
RETRY_AFTER_MAX_S = 86_400
_THROTTLES = (429, 502, 503, 504)


class HookSender:
    """Sends one delivery at a time; `now` is the time that is signed."""

    def __init__(self, poster: Poster, now: Callable[[], datetime]) -> None:
        self._poster = poster
        self._now = now

    async def send(self, claimed: Claimed) -> Outcome:
        """One try, and what came of it."""
        began, now, body = time.monotonic(), self._now(), claimed.body.encode()
        headers = webhooks.headers_of(claimed.position, int(now.timestamp()), body, claimed.secrets)
        answer = await self._poster.send(claimed.url, body, headers, shown=ANSWER_SHOWN)
        wait_s = retry_after_s(answer.retry_after, now) if answer.status in _THROTTLES else None
        return Outcome(
            status=answer.status or None,
            answer=_shown(answer.body),
            problem=answer.problem,
            retry_after_s=wait_s,
            took_ms=int((time.monotonic() - began) * 1000),
        )


def retry_after_s(said: str, now: datetime) -> int | None:
    """The seconds that a Retry-After asks for, as a number or as a date (RFC 9110 10.2.3); None where it says nothing
    that can be understood."""
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, min(int((at - now).total_seconds()), RETRY_AFTER_MAX_S))


def _shown(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
