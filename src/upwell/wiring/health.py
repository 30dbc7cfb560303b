"""What `/readyz` looks at: that this process can write, store, has room, and that its engine turns."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from upwell.config import Settings
from upwell.domain.errors import Unavailable
from upwell.engine.duties import Part
from upwell.objects import local_folder
from upwell.service.context import Context
from upwell.service.upgrade.nodes import Lease
from upwell.storage.migrating import require_schema
from upwell.wiring import open_files

MB = 1_000_000


def checks_of(
    settings: Settings, ctx: Context, lease: Lease, parts: Sequence[Part]
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The checks by name. `parts` are the engine's."""
    assert ctx.objects is not None  # noqa: S101  # wiring gives it before anything listens
    floor_mb, folders = settings.disk_floor_mb, folders_of(settings)

    async def database() -> None:
        await require_schema(ctx.database)  # a newer program may have migrated it under us
        await lease.keep(ctx.database)  # a write that this process makes every few seconds anyway

    async def disk() -> None:
        for what, folder in folders.items():
            free_mb = await asyncio.to_thread(_free_mb, what, folder)
            if free_mb < floor_mb:
                raise Unavailable(f"The disk of the {what} has {free_mb} MB free; disk_floor_mb is {floor_mb}.")

    async def engine() -> None:
        late = [f"{part.name} (late by {part.late_s():.0f} s)" for part in parts if part.late_s()]
        if late:
            raise Unavailable(f"These parts of the engine stand still: {', '.join(late)}.")

    async def files() -> None:
        open_files.look()

    return {"database": database, "objects": ctx.objects.check, "disk": disk, "engine": engine, "files": files}


def folders_of(settings: Settings) -> dict[str, Path]:
    """What this server keeps on disks of its own, by what it is."""
    objects = local_folder(settings.objects_at)
    kept = {} if objects is None else {"objects": objects}
    return kept | ({"database": settings.data_dir} if settings.database_url is None else {})


def _free_mb(what: str, folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free // MB
    except OSError as exc:
        raise Unavailable(f"The folder of the {what} can't be looked at: {exc.strerror}.") from exc
