"""The one way of a request through the management doors, in whatever tongue: who asks is proven, is within the limits,
what is asked for is decoded and done, told in the log, and answered.

Holds: nothing is done before the proof holds, the key is live and of this tongue, and its nonce is new; a refusal is in
the caller's own tongue (L10), and no traceback leaves here.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.errors import Replayed, TooMany, UnknownKey, UpwellError
from upwell.doors.management.tongue import Answer, Asked, Call, House, RequestT, Speaker
from upwell.service.manage import access, deeds, uses
from upwell.service.manage.access import AccessKey, Caller

log = logging.getLogger(__name__)


async def ask(
    house: House, tongues: Mapping[str, Speaker[RequestT]], first: Speaker[RequestT], asked: Asked[RequestT]
) -> Answer:
    """The answer to a request that is of one of these tongues, by their dialects; it is in that of the key that the
    request names, in the `first` when there is none. Never raises."""
    tongue, who = first, first.claimed(asked)[0]
    try:
        key = await _key(house, tongues, asked)
        if key is not None:
            tongue, who = tongues[key.dialect], key.key_id
        if asked.problem is not None:
            raise asked.problem
        call = tongue.call(asked)
        asked = replace(asked, operation=call.operation)
        caller = await tongue.caller(house, asked, call, key)
        who = caller.key_id
        await _admit(house, caller, call)
        return tongue.answer(asked, await _perform(house, tongue, asked, call, caller))
    except UpwellError as exc:
        answer = tongue.refuse(asked, exc)
        operation = asked.operation or tongue.claimed(asked)[1]
        deeds.tell_refusal(who, operation, answer.code, exc, asked.peer, asked.request_id)
        return answer
    except Exception as exc:
        log.exception("request %s (%s) failed", asked.request_id, asked.operation or "unknown")
        return tongue.refuse(asked, exc)


def signed(house: House, key: AccessKey | None, key_id: str, prove: Callable[[str, datetime], None]) -> Caller:
    """Who signed with the key of that id. Raises UnknownKey when `key` is another or none, and what `prove` (secret,
    now) raises when the signature does not hold."""
    if key is None or key.key_id != key_id:
        raise UnknownKey
    prove(key.secret, house.now())
    return key.caller()


async def _key(house: House, tongues: Mapping[str, Speaker[RequestT]], asked: Asked[RequestT]) -> AccessKey | None:
    """The live key that the request names, if it is of one of these tongues and named as that tongue names keys."""
    for name in dict.fromkeys(tongue.claimed(asked)[0] for tongue in tongues.values()):
        key = await access.find_key(house.ctx, name) if name else None
        if key and key.dialect in tongues and tongues[key.dialect].claimed(asked)[0] == name:
            return key
    return None


async def _admit(house: House, caller: Caller, call: Call) -> None:
    """The nonce is new, and the account is within its rate (seed: keys share the quota of their account)."""
    limit = call.limit_per_s if house.limited else None
    if limit is not None:
        admission = await access.admit(house.ctx, caller, call.nonce, call.operation, limit)
        if admission == "too fast":
            raise TooMany("requests", limit)
        is_new = admission == "admitted"
    else:
        is_new = call.nonce is None or await access.use_nonce(house.ctx, caller.key_id, call.nonce)
    if not is_new:
        raise Replayed


async def _perform(
    house: House, tongue: Speaker[RequestT], asked: Asked[RequestT], call: Call, caller: Caller
) -> c.Result:
    if call.use is not None:
        access.require(caller, call.role)
        result: c.Result = await call.use(house.ctx, caller)
        return result
    command = tongue.command(asked, call)
    result = await uses.perform(house.ctx, caller, command, call.role, asked.origin)
    deeds.tell_deed(caller, command, result, call.operation, tongue.job_name, asked.peer)
    house.changed(command)
    return result
