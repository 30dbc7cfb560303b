"""What the commands share: their options, the settings that these and the other sources give, the running server's
database.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from upwell.config import SETTINGS, Settings, load
from upwell.domain.errors import UpwellError
from upwell.embedded import running_dsn
from upwell.service.context import Context
from upwell.storage.database import Database, migrate

T = TypeVar("T")
Option = Annotated[str | None, typer.Option()]
Switch = Annotated[bool | None, typer.Option()]


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """The settings that a command runs with; those of its arguments that are no settings are its own. Raises
    SettingError."""
    toml = Path(os.environ.get("UPWELL_CONFIG", "upwell.toml"))
    options = {name: _written(value) for name, value in arguments.items() if name in SETTINGS}
    return load(options, os.environ, toml if toml.exists() else None)


def _written(option: str | bool | None) -> str | None:
    """An option as config reads it; a switch that is not given leaves the word to the other sources."""
    return str(option).lower() if isinstance(option, bool) else option


def with_database(settings: Settings, use: Callable[[Context], Awaitable[T]]) -> T:
    """What `use` makes of the database of the server that runs with these settings. Raises UpwellError when none
    does."""
    dsn = settings.database_url or running_dsn(settings.data_dir)
    if dsn is None:
        raise UpwellError(f"no server is running on the data dir {settings.data_dir}; start `upwell serve` first")

    async def run() -> T:
        database = Database(dsn)
        await database.open()
        try:
            await migrate(database)
            return await use(Context(database))
        finally:
            await database.close()

    return asyncio.run(run())
