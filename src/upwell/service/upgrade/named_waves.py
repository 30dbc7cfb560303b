"""Waves that are a group, a tag or devices by name: who is of them, and their dealing (ADR 0053).

Each device is of the first such wave that takes it, whatever the shares before it are; the others come to the shares by
lot. A device that is dealt moves to its wave's band of lots, so what is not dealt lies in the lowest, and whoever is
killed leaves nothing done twice.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from upwell.domain.rollout import Wave, sizes
from upwell.service.upgrade import counters
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import said_waves
from upwell.storage.queries import sheet

SQL = sheet("waves")
MEMBERS = 500  # devices that are dealt in one transaction
BAND = 1 << 56  # lots of one wave; those of the lowest band are not dealt yet


async def of_devices(conn: Connection, waves: Sequence[Wave], product_id: int, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Those of these devices that a wave names, with the number of the first that does."""
    found: dict[UUID, int] = {}
    for number, wave in enumerate(waves, 1):
        left = [device for device in map(plain, ids) if device not in found]
        if wave.is_named and left:
            found |= dict.fromkeys(await _named(conn, wave, product_id, left), number)
    return found


async def _named(conn: Connection, wave: Wave, product_id: int, ids: list[UUID]) -> list[UUID]:
    if wave.group_id is not None:
        return [plain(device) for device in await members_among(conn, wave.group_id, ids)]
    if wave.tag is not None:
        key, value = wave.tag
        rows = await conn.fetch(*SQL["tagged"](device_ids=ids, key=key, value=value))
    else:
        rows = await conn.fetch(*SQL["called"](device_ids=ids, product_id=product_id, names=list(wave.devices)))
    return [plain(row["device_id"]) for row in rows]


async def find_some(conn: Connection, row: Row) -> None:
    """Of the next lots those that a wave names are dealt to it; when all were looked at the sizes are known."""
    waves = said_waves(json.loads(row["waves"]))
    assert not isinstance(waves, str)  # noqa: S101  # a preset names nobody
    after = {name: row[name] for name in ("after_lot", "after_device", "after_nth")}
    lots = await conn.fetch(*SQL["next_lots"](job_id=row["job_id"], at_most=MEMBERS, below=BAND, **after))
    marks = await of_devices(conn, waves, row["product_id"], [lot["device_id"] for lot in lots])
    counts = {int(wave): n for wave, n in json.loads(row["named"]).items()}
    for wave in marks.values():
        counts[wave] = counts.get(wave, 0) + 1
    of_wave = [(lot, marks[plain(lot["device_id"])]) for lot in lots if plain(lot["device_id"]) in marks]
    await _deal(conn, row["job_id"], of_wave)
    if len(lots) == MEMBERS:
        last = lots[-1]
        place = {"after_lot": last["lot"], "after_device": last["device_id"], "after_nth": last["nth"]}
        await conn.execute(*SQL["look_on"](job_id=row["job_id"], named=json.dumps(counts), **place))
        return
    found = sizes(waves, row["targets"], counts)
    soaks = [wave.soak_min for wave in waves]
    await conn.execute(*SQL["add_bands"](job_id=row["job_id"], sizes=found, soaks=soaks, band=BAND))
    await conn.execute(*SQL["looked"](job_id=row["job_id"], dealt=sum(counts.values())))


async def deal_rest(conn: Connection, row: Row) -> None:
    """The next of those that no wave names come to the shares."""
    waves = said_waves(json.loads(row["waves"]))
    job_id = row["job_id"]
    dealt = {each["wave"]: each["size"] for each in await conn.fetch(*SQL["waves_of"](job_ids=[job_id]))}
    shares = [(n, dealt[n]) for n, wave in enumerate(waves, 1) if isinstance(wave, Wave) and not wave.is_named]
    before = row["dealt"] - (sum(dealt.values()) - sum(size for _, size in shares))
    nowhere = {"after_lot": None, "after_device": None, "after_nth": None}
    lots = await conn.fetch(*SQL["next_lots"](job_id=job_id, at_most=MEMBERS, below=BAND, **nowhere))
    await _deal(conn, job_id, [(lot, _share_of(before + n, shares)) for n, lot in enumerate(lots, 1)])
    count = row["dealt"] + len(lots) if lots else row["targets"]
    await conn.execute(*SQL["advance_dealing"](job_id=job_id, dealt=count, **nowhere))


def _share_of(place: int, shares: Sequence[tuple[int, int]]) -> int:
    """The wave that has this place of those that no wave names, the first being 1."""
    for number, size in shares:
        if place <= size:
            return number
        place -= size
    return shares[-1][0]


async def _deal(conn: Connection, job_id: int, of_wave: Sequence[tuple[Row, int]]) -> None:
    if not of_wave:
        return
    which: dict[str, Any] = {
        "job_id": job_id, "device_ids": [lot["device_id"] for lot, _ in of_wave],
        "nths": [lot["nth"] for lot, _ in of_wave],
    }  # fmt: skip
    waves = [wave for _, wave in of_wave]
    await conn.execute(*SQL["lock_members"](**which))
    moves = await conn.fetch(*SQL["deal"](waves=waves, **which))
    lots = [lot["lot"] for lot, _ in of_wave]
    await conn.execute(*SQL["move_lots"](waves=waves, lots=lots, band=BAND, **which))
    await counters.move(conn, counters.moves_in(moves))
