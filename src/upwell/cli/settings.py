"""What the commands share: their options, the settings that these and the other sources give, the running server's
database.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar

import typer

from upwell.config import SETTINGS, Settings
from upwell.config.loading import load
from upwell.config.sources import toml_path
from upwell.domain.errors import UpwellError
from upwell.embedded.files import Paths, running_dsn
from upwell.embedded.server import EmbeddedPostgres
from upwell.service.context import Context
from upwell.service.upgrade import seal_keys
from upwell.storage.database import Database
from upwell.storage.migrating import require_schema
from upwell.wiring.secret_keys import keys_from
from upwell.wiring.stores import open_database

T = TypeVar("T")
Option = Annotated[str | None, typer.Option()]
Switch = Annotated[bool | None, typer.Option()]


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """The settings that a command runs with; those of its arguments that are no settings are its own. Raises
    SettingError."""
    options = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in arguments.items()
        if name in SETTINGS
    }
    return load(options, os.environ, toml_path(os.environ))


def on_database(settings: Settings, use: Callable[[Database], Awaitable[T]]) -> T:
    """What `use` makes of the database of these settings, whatever its schema: that of a running server, else the data
    dir's, which is started for the call. Raises UpwellError."""
    return _within(settings, use)


def with_database(settings: Settings, use: Callable[[Context], Awaitable[T]], *, with_secrets: bool = False) -> T:
    """What `use` makes of the database of these settings, whose schema is left as it is: that of a running server, else
    the data dir's, which is started for the call. The keys that secrets are encrypted with are read for what needs
    them (`with_secrets`) alone. Raises UpwellError when there is none, or its schema is of another version than this
    program's."""

    async def checked(database: Database) -> T:
        await require_schema(database)
        await seal_keys.look(database)
        return await use(Context(database))

    return _within(settings, checked, with_secrets=with_secrets)


@asynccontextmanager
async def connected(settings: Settings, *, with_secrets: bool = False) -> AsyncIterator[Database]:
    """The database of these settings: that of a running server, else the data dir's, which is started for as long.
    Raises UpwellError when there is none."""
    if settings.database_url is None and not Paths(settings.data_dir).cluster.exists():
        raise UpwellError(f"the data dir {settings.data_dir} has no database; `upwell serve` makes one")
    seals = (await keys_from(settings)).seals() if with_secrets else None
    async with AsyncExitStack() as stack:
        dsn = settings.database_url or running_dsn(settings.data_dir)
        if dsn is None:
            postgres = EmbeddedPostgres(settings.data_dir)
            stack.push_async_callback(postgres.stop)
            await postgres.start()
            dsn = postgres.dsn
        database = await open_database(settings, dsn, seals)
        stack.push_async_callback(database.close)
        yield database


def _within(settings: Settings, use: Callable[[Database], Awaitable[T]], *, with_secrets: bool = False) -> T:
    async def run() -> T:
        async with connected(settings, with_secrets=with_secrets) as database:
            return await use(database)

    return asyncio.run(run())
