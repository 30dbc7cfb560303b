"""The one way of a request through the management doors, in whatever tongue: who asks is proven, is within the limits,
what is asked for is decoded and done, told in the log and the audit, and answered.

Holds: nothing is done before the proof holds, the key is live and of this tongue, and its nonce is new; a refusal is in
the caller's own tongue (L10), and no traceback leaves here; whoever is proven and asks for what may change something
has an entry in the audit before there is an answer (L15), and whoever is not is counted; a
request that comes again under its key is done once (service.manage.kept_answers).
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime

from upwell.dialects.rest import REPEATED
from upwell.domain import commands as c
from upwell.domain.errors import Replayed, TooMany, UnknownKey, UpwellError
from upwell.domain.quotas import OverRequests
from upwell.doors.management.meter import UNKNOWN
from upwell.doors.management.tongue import Answer, Asked, Call, House, RequestT, Speaker
from upwell.meters.tracing import Kind, Span
from upwell.service.journal import tell
from upwell.service.manage import access, audit, deeds, scopes, uses
from upwell.service.manage.access import AccessKey, Caller
from upwell.service.manage.admission import Request
from upwell.service.manage.kept_answers import Kept, Repeated, Said, is_final
from upwell.service.manage.unchanged import require_edition

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """Whoever is proven; `act` is what they ask for, None for reading."""

    caller: Caller
    act: audit.Act | None
    marks: dict[str, str] = field(default_factory=dict)  # headers of whatever is answered

    @property
    def kept(self) -> Kept | None:
        """What keeps the answer, of a request that may come again."""
        return None if self.act is None else self.act.kept


async def ask(
    house: House, tongues: Mapping[str, Speaker[RequestT]], first: Speaker[RequestT], asked: Asked[RequestT]
) -> Answer:
    """The answer to a request that is of one of these tongues, by their dialects; it is in that of the key that the
    request names, in the `first` when there is none. Never raises."""
    claimed = asked.request.headers.get("traceparent", "")
    with house.ctx.tracer.trace(Kind.CALL, "call", began_s=asked.began_s, claimed=claimed) as span:
        return await _traced(house, tongues, first, asked, span)


async def _traced(
    house: House, tongues: Mapping[str, Speaker[RequestT]], first: Speaker[RequestT], asked: Asked[RequestT], span: Span
) -> Answer:
    tongue, who, counted = first, first.claimed(asked)[0], ""
    known: Known | None = None
    try:
        async with house.working.asked():
            key = await _key(house, tongues, asked)
            if key is not None:
                tongue, who = tongues[key.dialect], key.key_id
            if asked.problem is not None:
                raise asked.problem
            call = tongue.call(asked)
            counted = call.operation if call.exists else ""
            asked = replace(asked, operation=call.operation, own=call.own)
            caller = await tongue.caller(house, asked, call, key)
            span.proven()
            who, known = caller.key_id, Known(caller, _act(house, asked, call, caller))
            if call.of_caller:  # so that whatever is answered tells of it
                await _admit(house, call, known)
            call.permits(caller)
            if not call.of_caller:
                await _admit(house, call, known)
            await _promise(house, tongue, asked, call, known)
            async with _at_work(house, asked, caller.account_id):
                result = await _perform(house, tongue, asked, call, known)
                answer = _answered(tongue, asked, known, result)
                if not isinstance(answer.body, bytes):
                    answer = replace(answer, end=house.working.stream(caller.account_id))
    except Repeated as exc:
        answer = _again(asked, who, exc.said)
    except UpwellError as exc:
        answer = await _refused(house, tongue, asked, who, known, exc)
    except Exception as exc:
        about = {"account": known and known.caller.account_id, "operation": asked.operation, "peer": asked.peer}
        tell(log, "request failed", logging.ERROR, exc, key=who, **about, **asked.told)
        answer = tongue.refuse(asked, exc)
        await _note_refusal(house, known, answer, asked.peer)
    name = next((dialect for dialect, each in tongues.items() if each is tongue), "")
    house.requests.add(name, counted, answer.status, answer.code, asked.took_s)
    span.tell(
        tongue=name, status=answer.status, code=answer.code, peer=asked.peer, request_id=asked.request_id,
        **_of_proven(known, asked.operation),
    )  # fmt: skip
    tell(
        log, "request answered", logging.DEBUG, tongue=name, key=who, account=known and known.caller.account_id,
        operation=asked.operation, status=answer.status, code=answer.code, peer=asked.peer, **asked.told,
    )  # fmt: skip
    if known is None or not known.marks:
        return answer
    return replace(answer, headers={**answer.headers, **known.marks})


def _of_proven(known: Known | None, operation: str) -> dict[str, int | str]:
    """What a trace tells of whoever is known, and what they ask for; what a stranger says is not told."""
    if known is None:
        return {"operation": UNKNOWN}
    return {"operation": operation, "account": known.caller.account_id, "key": known.caller.key_id}


# --- requests that may come again -----------------------------------------------------------------------------------


async def _promise(house: House, tongue: Speaker[RequestT], asked: Asked[RequestT], call: Call, known: Known) -> None:
    """What is to be done once is not done when it was. Raises Repeated, Reused, TooMany, Invalid."""
    promise = await house.beside.done(len(asked.request.body), call.keeps)
    if promise is None or known.act is None:
        return
    caller = known.caller
    kept = Kept(
        ctx=house.ctx, account_id=caller.account_id, who=caller.key_id, name=promise.name, key=promise.key,
        asked=promise.asked, token=promise.token, shows=lambda result: _said(tongue.answer(asked, result)),
    )  # fmt: skip
    await kept.look()
    known.act.may_repeat(kept)


def _answered(tongue: Speaker[RequestT], asked: Asked[RequestT], known: Known, result: c.Result) -> Answer:
    """What was kept is told, so that it is the same when it is asked for again."""
    kept = known.kept
    if kept is None or kept.said is None:
        return tongue.answer(asked, result)
    return Answer(kept.said.status, kept.said.body, kept.said.headers)


def _again(asked: Asked[RequestT], who: str, said: Said) -> Answer:
    tell(log, "answered again", key=who, operation=asked.operation, peer=asked.peer, **asked.told)
    return Answer(said.status, said.body, {**said.headers, REPEATED: "true"})


def _said(answer: Answer) -> Said:
    assert isinstance(answer.body, bytes)  # noqa: S101  # what is told piece by piece is read, and reading keeps nothing
    return Said(answer.status, dict(answer.headers), answer.body)


async def _refused(
    house: House, tongue: Speaker[RequestT], asked: Asked[RequestT], who: str, known: Known | None, error: UpwellError
) -> Answer:
    """The refusal, kept where it stays one; where another was at the same request meanwhile, what it was told."""
    answer = tongue.refuse(asked, error)
    act = None if known is None else known.act
    if act is not None and act.kept is not None and act.is_begun and is_final(error):
        try:
            await act.kept.refused(_said(answer))
        except Repeated as exc:
            return _again(asked, who, exc.said)
        except UpwellError as exc:
            answer, error = tongue.refuse(asked, exc), exc
    operation = asked.operation or tongue.claimed(asked)[1]
    account = None if known is None else known.caller.account_id
    deeds.tell_refusal(who, account, operation, answer.code, error, asked.peer, asked.told)
    await _note_refusal(house, known, answer, asked.peer)
    return answer


# --- the audit ------------------------------------------------------------------------------------------------------


def _act(house: House, asked: Asked[RequestT], call: Call, caller: Caller) -> audit.Act | None:
    if call.reads or (call.reads is None and not access.may_change(call.role)):
        return None
    asker = audit.Asker(
        who=caller.who, tongue=caller.dialect, address=asked.peer, operation=call.operation,
        request_id=asked.request_id, account_id=caller.account_id,
    )  # fmt: skip
    return audit.Act(house.ctx, asker)


async def _note_refusal(house: House, known: Known | None, answer: Answer, peer: str) -> None:
    """Whoever is known has an entry, unless what they did is in the audit already; of others there is a count."""
    if known is None:
        house.book.stranger(peer)
    elif known.act is not None and (refusal := known.act.refusal(answer.code)) is not None:
        await house.book.refused(refusal)


# --- parts ----------------------------------------------------------------------------------------------------------


async def signed(
    house: House,
    asked: Asked[RequestT],
    key: AccessKey | None,
    key_id: str,
    prove: Callable[[str, datetime], None],
) -> Caller:
    """Who signed with the key of that id. Raises UnknownKey when `key` is another or none, and what `prove` (secret,
    now) raises when the signature does not hold."""
    if key is None or key.key_id != key_id or key.secret is None:
        raise UnknownKey
    secret, now = key.secret, house.now()
    await house.beside.done(len(asked.request.body), lambda: prove(secret, now))
    return key.caller()


async def _key(house: House, tongues: Mapping[str, Speaker[RequestT]], asked: Asked[RequestT]) -> AccessKey | None:
    """The live key that the request names, if it is of one of these tongues and named as that tongue names keys."""
    named = {dialect: tongue.claimed(asked)[0] for dialect, tongue in tongues.items()}
    for name in dict.fromkeys(named.values()):
        key = await house.gate.key(name) if name else None
        if key and named.get(key.dialect) == name:
            return key
    return None


async def _admit(house: House, call: Call, known: Known) -> None:
    """The nonce is new, and the account is within its rate (seed: keys share the quota of their account), or whoever
    asks is."""
    limit, caller = call.limit_per_s if house.limited else None, known.caller
    counted = caller.key_id if call.of_caller else call.operation
    admission, more, quota = await house.gate.admit(Request(caller, call.nonce, counted, limit))
    if limit is not None and more is not None:
        known.marks.update(call.told_limit(limit, more))
    match admission:
        case "too fast":
            raise TooMany("requests", limit or 0)
        case "over quota":
            raise OverRequests(quota or 0)
        case "replayed":
            raise Replayed


def _at_work(house: House, asked: Asked[RequestT], account_id: int) -> AbstractAsyncContextManager[None]:
    """A body that comes slowly must keep nobody's turn."""
    return house.working.turn(account_id) if asked.incoming is None else house.working.streaming(account_id)


async def _perform(
    house: House, tongue: Speaker[RequestT], asked: Asked[RequestT], call: Call, known: Known
) -> c.Result:
    caller, act = known.caller, known.act
    ctx = house.ctx if act is None else act.ctx
    if call.use is not None:
        access.require(caller, call.role)
        if caller.scope is not None:
            raise scopes.account_wide(caller)
        if act is not None:
            act.is_begun = True
        result: c.Result = await call.use(ctx, caller)
        if act is not None:
            await act.done(result)
        return result
    command = await house.beside.done(len(asked.request.body), lambda: tongue.command(asked, call))
    editions = call.editions()
    if act is not None:
        act.asks(command)
        if editions is not None:
            act.only_if(lambda conn: require_edition(conn, caller, command, editions))
    result = await uses.perform(ctx, caller, command, call.role, asked.origin, asked.incoming)
    if act is not None:
        await act.done(result)
    deeds.tell_deed(caller, command, result, call.operation, tongue.job_name, asked.peer, asked.told)
    house.changed(command)
    return result
