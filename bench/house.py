"""An embedded PostgreSQL of its own for what is measured below the doors."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from upwell.embedded.server import EmbeddedPostgres
from upwell.objects import open_objects
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.service.manage.access import Caller
from upwell.storage.database import Database
from upwell.storage.migrating import migrate


@asynccontextmanager
async def house() -> AsyncIterator[tuple[Context, Caller]]:
    """A context and the admin of a fresh account."""
    top = _top()
    postgres = EmbeddedPostgres(top / "data")
    await postgres.start()
    database = Database(postgres.dsn)
    await database.open()
    await migrate(database)
    ctx = Context(database, objects=open_objects(str(top / "objects")))
    key = await access.create_key(ctx, "bench", "admin", "alibaba")
    try:
        yield ctx, key_caller(key)
    finally:
        await database.close()
        await postgres.stop()
        shutil.rmtree(top, ignore_errors=True)


def _top() -> Path:
    """A directory PostgreSQL's own user may pass through."""
    top = Path(tempfile.mkdtemp(prefix="upwell-bench-", dir="/tmp"))
    top.chmod(0o711)
    return top


def key_caller(key: access.NewKey) -> Caller:
    """The caller that signs with a new key."""
    return Caller(key.account_id, key.role, key.key_id, key.dialect)
