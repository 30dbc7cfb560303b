"""A process of its own that makes products for an account, one after another and each in the audit, to be killed.

Run: python -m tests.audited_process DSN ACCOUNT_ID; it says `ready` before the first.
"""

import asyncio
import sys
from itertools import count

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import products
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Asker, acted
from upwell.storage.database import Database


async def main(dsn: str, account_id: int) -> None:
    database = Database(dsn)
    await database.open()
    ctx, caller = Context(database), Caller(account_id, "admin", "killed", "alibaba")
    print("ready", flush=True)
    await asyncio.gather(*(_one(ctx, caller) for _ in range(4)))


async def _one(ctx: Context, caller: Caller) -> None:
    for n in count():
        command = c.CreateProduct(name=f"p{n}")
        asker = Asker(
            who=caller.key_id, tongue=caller.dialect, address="local", operation="make", request_id=str(n),
            account_id=caller.account_id,
        )  # fmt: skip
        await acted(ctx, asker, command, lambda bound, command=command: products.create_product(bound, caller, command))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
