"""A process of its own that makes devices for an account, each asked for with a key, to be killed: at some moment, or
between an effect and its answer.

Run: python -m tests.kept_process DSN ACCOUNT_ID PRODUCT_KEY; it says `ready`, then each key that it is about to ask
with. With a fourth argument it asks once with that key and is gone when it is done.
"""

import asyncio
import os
import signal
import sys
from itertools import count

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import devices
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Act, Asker
from upwell.service.manage.kept_answers import Kept, Said
from upwell.storage.database import Database

TOKEN = "upw_killed_and_again"  # of nobody


async def asked(ctx: Context, caller: Caller, key: str, product_key: str) -> c.Device:
    """As the doors do it. Raises Repeated when it was done already."""
    asker = Asker(who=caller.key_id, tongue="upwell", address="local", operation="create_device", request_id=key,
                  account_id=caller.account_id)  # fmt: skip
    act, command = Act(ctx, asker), c.CreateDevice(product_key=product_key)
    act.asks(command)
    act.may_repeat(Kept(
        ctx=ctx, account_id=caller.account_id, who=caller.key_id, name="create_device", key=key, asked=b"",
        token=TOKEN, shows=lambda made: Said(201, {}, made.iot_id.encode()),
    ))  # fmt: skip
    return await devices.create_device(act.ctx, caller, command)


async def main(dsn: str, account_id: int, product_key: str, last: str = "") -> None:
    database = Database(dsn)
    await database.open()
    ctx, caller = Context(database), Caller(account_id, "admin", "killed", "upwell")
    print("ready", flush=True)
    if last:
        await asked(ctx, caller, last, product_key)
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.gather(*(_many(ctx, caller, f"{n}", product_key) for n in range(4)))


async def _many(ctx: Context, caller: Caller, name: str, product_key: str) -> None:
    for n in count():
        key = f"{os.getpid()}-{name}-{n}"
        print(key, flush=True)
        await asked(ctx, caller, key, product_key)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
