"""Whether a signed request may be served: replayed nonces, and how often an account asks.

Holds: a nonce counts once for a key, in whichever process, and is known for longer than a request's timestamp is good;
no account has more than its rate in a second. Both are decided and committed before the request is served. What comes
at the same time is asked of PostgreSQL together, so that many requests cost one transaction and not one each.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Literal, NamedTuple, TypeVar

from upwell.service.context import Context
from upwell.service.manage.access import AccessKey, Caller, find_keys
from upwell.service.manage.request_quotas import RequestQuotas
from upwell.service.manage.together import Together
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("access")
NONCE_KEPT = timedelta(minutes=40)
"""A request's timestamp is good for 15 minutes before and after it: 30, and 10 for clocks of processes that differ."""

NONCE_CHARS_MAX = 200  # of a nonce that is kept as it is
KEY_ID_CHARS_MAX = 256  # longer than any key's that was ever made
PURGED_AT_ONCE = 5000  # nonces

Admission = Literal["admitted", "replayed", "too fast", "over quota"]
EVERY_ACTION = ""  # by which the requests of an account are counted that has a quota of them


class Decision(NamedTuple):
    """Whether a request may be served, and how many more may be within its rate in this second; None without one.
    Whoever is over the account's quota is told it."""

    admission: Admission
    left: int | None = None
    quota_per_s: int | None = None


T = TypeVar("T")
_Rate = tuple[int, str]  # account and action


@dataclass(frozen=True, slots=True)
class Request:
    """One to be admitted. Its `nonce` counts once for the key; None where signatures have none. `limit_per_s` (at
    least 1) is how often the keys of its account may ask for `action` together, `quota_per_s` for anything; None where
    nothing limits them."""

    caller: Caller
    nonce: str | None
    action: str = ""
    limit_per_s: int | None = None
    quota_per_s: int | None = None

    @property
    def use(self) -> tuple[str, str] | None:
        """Key and nonce as they are kept: of a long one its hash, for an index holds no text of any length."""
        if self.nonce is None or len(self.nonce) <= NONCE_CHARS_MAX:
            return None if self.nonce is None else (self.caller.key_id, self.nonce)
        return self.caller.key_id, sha256(self.nonce.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def rate(self) -> _Rate | None:
        return None if self.limit_per_s is None else (self.caller.account_id, self.action)

    @property
    def quota(self) -> _Rate | None:
        """What is counted of all that its account asks for."""
        return None if self.quota_per_s is None else (self.caller.account_id, EVERY_ACTION)

    def limits(self) -> Iterator[tuple[_Rate, int | None]]:
        """How many there may be of what it counts as."""
        if self.rate is not None:
            yield self.rate, self.limit_per_s
        if self.quota is not None:
            yield self.quota, self.quota_per_s


async def admit(ctx: Context, requests: Sequence[Request]) -> list[Admission]:
    """For each, in their order: a replay is told as one, and is not counted; the others count within their rates."""
    return [decision.admission for decision in await decide(ctx, requests)]


async def decide(ctx: Context, requests: Sequence[Request]) -> list[Decision]:
    """The same, with how many more may be."""
    return await ctx.lookups.transact(lambda conn: _decide(conn, ctx, requests))


async def _decide(conn: Connection, ctx: Context, requests: Sequence[Request]) -> list[Decision]:
    unused = await _unused(conn, ctx, [use for each in requests if (use := each.use)])
    fresh = [_taken(unused, each.use) for each in requests]
    within, left = await _within(conn, [each for each, is_fresh in zip(requests, fresh, strict=True) if is_fresh])
    answers: list[Decision] = []
    for each, is_fresh in zip(requests, fresh, strict=True):
        if not is_fresh:
            answers.append(Decision("replayed"))
        else:
            more = None if each.rate is None else left.get(each.rate, 0)
            in_rate, in_quota = _taken(within, each.rate), _taken(within, each.quota)
            said: Admission = "too fast" if not in_rate else "admitted" if in_quota else "over quota"
            answers.append(Decision(said, more, each.quota_per_s))
    return answers


def _taken(left: "Counter[T]", of: T | None) -> bool:
    """Whether one of these was left, which it is no more; so it is of None."""
    if of is None:
        return True
    left[of] -= 1
    return left[of] >= 0


async def _unused(conn: Connection, ctx: Context, uses: Sequence[tuple[str, str]]) -> "Counter[tuple[str, str]]":
    if not uses:
        return Counter()
    keys, nonces = zip(*uses, strict=True)
    rows = await conn.fetch(*_Q["use_nonces"](key_ids=keys, nonces=nonces, now=ctx.now()))
    return Counter((row["key_id"], row["nonce"]) for row in rows)


async def _within(conn: Connection, requests: Sequence[Request]) -> tuple["Counter[_Rate]", dict[_Rate, int]]:
    """How many of these requests are within each rate, counted; and how many more may be in this second."""
    asked = Counter(rate for each in requests for rate, _ in each.limits())
    limits = {rate: limit for each in requests for rate, limit in each.limits()}
    counts = [(*rate, number, limits[rate]) for rate, number in asked.items()]
    found = await _counted(conn, counts)
    new = [each for each in counts if each[:2] not in found]
    if new:
        accounts, actions, *_ = zip(*new, strict=True)
        await conn.execute(*_Q["begin_counting"](account_ids=accounts, actions=actions))
        found |= await _counted(conn, new)
    return Counter({rate: row[0] for rate, row in found.items()}), {rate: row[1] for rate, row in found.items()}


async def _counted(
    conn: Connection, counts: Sequence[tuple[int, str, int, int | None]]
) -> dict[_Rate, tuple[int, int]]:
    """By account and action, of those that have been counted before: how many are within, and how many more may be."""
    if not counts:
        return {}
    accounts, actions, numbers, limits = zip(*counts, strict=True)
    rows = await conn.fetch(
        *_Q["count_requests"](account_ids=accounts, actions=actions, counts=numbers, limits_per_s=limits)
    )
    return {(row["account_id"], row["action"]): (row["within"], row["more"]) for row in rows}


async def purge_nonces(ctx: Context) -> int:
    """Forget nonces older than NONCE_KEPT, some at a time; returns how many."""
    before, gone = ctx.now() - NONCE_KEPT, 0
    purge = _Q["purge_nonces"](before=before, at_most=PURGED_AT_ONCE)
    while some := int(await ctx.database.transact(lambda conn: conn.fetchval(*purge))):
        gone += some
    return gone


class Gate:
    """Keys and admissions for the doors of one process."""

    def __init__(self, ctx: Context) -> None:
        self._keys: Together[str, AccessKey | None] = Together(partial(find_keys, ctx))
        self._admissions: Together[Request, Decision] = Together(partial(decide, ctx))
        self._quotas = RequestQuotas(ctx)

    async def key(self, key_id: str) -> AccessKey | None:
        """The key by its id; None when there is none or it was revoked."""
        return await self._keys.one(key_id) if _can_be_key(key_id) else None

    async def admit(self, request: Request) -> Decision:
        """Whether it may be served; its nonce and its count are committed then."""
        request = replace(request, quota_per_s=await self._quotas.of(request.caller.account_id))
        if request.use is None and not any(request.limits()):
            return Decision("admitted")
        return await self._admissions.one(request)


def _can_be_key(key_id: str) -> bool:
    return 0 < len(key_id) <= KEY_ID_CHARS_MAX and key_id.isprintable()
