"""Which keys the secrets of a database are encrypted with, and whether this process has them.

Holds: a key is written down, with a check value, before anything is encrypted with it; and again once this process is
known to serve, so that whoever takes away keys that nothing needs (resealing) sees one or the other. A process that
lacks a key that is written down encrypts nothing and keeps nothing plain.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from upwell.domain.errors import Unavailable
from upwell.service.journal import tell
from upwell.storage.database import Connection, Database, filled, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept, Unsealable, no_key

log = logging.getLogger(__name__)
SQL = sheet("seal_keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """A key that secrets may be encrypted with. `whole_at`: when all were found to be."""

    key_id: str
    check_value: str
    added_at: datetime
    whole_at: datetime | None


async def known(conn: Connection) -> list[SealKey]:
    """Those that are written down, oldest first; what this process has of them is noted in its seals."""
    found = [filled(SealKey, row) for row in await conn.fetch(*SQL["seal_keys"]())]
    seals = seals_of(conn)
    seals.missing = tuple(each.key_id for each in found if not seals.has(each.key_id, each.check_value))
    return found


async def look(database: Database) -> list[SealKey]:
    """As `known`, for whoever may need no secret: a key that is missing is told when one is needed."""
    async with database.connection() as conn:
        return await known(conn)


async def begin(database: Database) -> None:
    """From now on secrets are encrypted with the first key of this process. Raises Unavailable when it lacks one that
    they are encrypted with."""

    async def body(conn: Connection) -> None:
        await conn.execute(*SQL["lock_seal_keys"]())
        found, seals = await known(conn), seals_of(conn)
        if seals.missing:
            raise Unavailable(no_key(seals.missing) + _instead(seals.ids))
        if seals.first and seals.first not in [each.key_id for each in found]:
            await _require_known(conn, seals.first)
            check = seals.check_value(seals.first)
            await conn.execute(*SQL["add_seal_key"](key_id=seals.first, check_value=check, now=datetime.now(UTC)))

    await database.transact(body)


def readable(conn: Connection, kept: Kept, row: object, text: str) -> str | None:
    """The secret, or None, told in the log, where it can't be read: for what is asked of many rows at once, of which
    one that is damaged must not stop the others."""
    try:
        return seals_of(conn).open(kept, row, text)
    except Unsealable as exc:
        tell(log, "a secret can't be read", logging.ERROR, what=kept.value, of=row, reason=exc.problem)
        return None


async def _require_known(conn: Connection, first: str) -> None:
    """Raises Unavailable while a process serves that could not read what is encrypted with this key."""
    for node in await conn.fetch(*SQL["nodes_that_seal"]()):
        if first not in node["opens"]:
            raise Unavailable(
                f"A server that runs, or ended less than a minute ago, does not have the key {first} and could not "
                "read what is encrypted with it: start every server with it behind the key that they use now, or "
                "behind `plain`, before it is the first."
            )


def _instead(ids: tuple[str, ...]) -> str:
    return f" Given instead: {', '.join(ids)}." if ids else ""
