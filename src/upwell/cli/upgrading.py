"""`upwell upgrade-database`: a data dir of an earlier PostgreSQL, brought to the one of this installation."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of
from upwell.wiring.upgrading import upgraded

Where = Annotated[Path | None, typer.Option(help="the folder with the programs of the data dir's own PostgreSQL")]


@alone("upgrade-database", "upwell upgrade-database --data-dir ./upwell-data --programs /usr/lib/postgresql/17/bin")
@described
def upgrade_database(programs: Where = None, data_dir: Option = None) -> None:
    """Bring a data dir that an earlier PostgreSQL made to the PostgreSQL of this installation, while no server runs.

    It needs as much room as the database has. A kill in the midst leaves the data dir as it was; the former database is
    kept beside the new one until you remove it."""
    settings = settings_of({"data_dir": data_dir})
    kept = asyncio.run(upgraded(settings.data_dir, programs, print))
    if kept is None:
        print("the data dir is of this PostgreSQL; nothing was done")
    else:
        print(
            f"the data dir is of this PostgreSQL now; the former database is kept in {kept}: remove it when all is well"
        )
