"""What `/readyz` looks at: that this process can write, store, has room, and that its engine turns."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from upwell.domain.errors import Unavailable
from upwell.objects import Objects
from upwell.service import nodes
from upwell.service.context import Context
from upwell.storage.database import require_schema

MB = 1_000_000


class Duty(Protocol):
    """What knows how late it is: a loop or a gatherer of the engine."""

    name: str

    def late_s(self) -> float: ...


def checks_of(
    ctx: Context, node_id: UUID, objects: Objects, folders: Mapping[str, Path], floor_mb: int, duties: Sequence[Duty]
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The checks by name. `folders` are by what they hold; on each `floor_mb` must be free."""

    async def database() -> None:
        await require_schema(ctx.database)  # a newer program may have migrated it under us
        await nodes.keep_lease(ctx, node_id)  # a write that this process makes every few seconds anyway

    async def disk() -> None:
        for what, folder in folders.items():
            free_mb = await asyncio.to_thread(_free_mb, what, folder)
            if free_mb < floor_mb:
                raise Unavailable(f"The disk of the {what} has {free_mb} MB free; disk_floor_mb is {floor_mb}.")

    async def engine() -> None:
        late = [f"{duty.name} (late by {duty.late_s():.0f} s)" for duty in duties if duty.late_s()]
        if late:
            raise Unavailable(f"These parts of the engine stand still: {', '.join(late)}.")

    return {"database": database, "objects": objects.check, "disk": disk, "engine": engine}


def _free_mb(what: str, folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free // MB
    except OSError as exc:
        raise Unavailable(f"The folder of the {what} can't be looked at: {exc.strerror}.") from exc
