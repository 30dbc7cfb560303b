"""Secrets encrypted, with another key, and no more: beside a server that rolls out, and killed in the middle."""

import asyncio
import base64
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from tests.held import killed_at
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import IMAGE, RATES, begin, lost

from upwell.domain.errors import Unavailable
from upwell.service.context import Context
from upwell.service.manage import access, resealing
from upwell.service.manage.access import Caller
from upwell.service.upgrade import logins, nodes, seal_keys
from upwell.service.upgrade.downloads import server_secret
from upwell.service.upgrade.lives import make_devices
from upwell.simulator.fleet import Fleet
from upwell.simulator.wire import DeviceIdentity
from upwell.storage.database import Connection, Database
from upwell.storage.sealing import Kept, Seals, key_id

ONE, TWO = secrets.token_bytes(32), secrets.token_bytes(32)
DEVICES = 1200  # more than are done at once


class Opened:
    """Contexts of the same database, each of a process with keys of its own."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.databases = dsn, list[Database]()

    async def __call__(self, *keys: bytes, plain: bool = False) -> Context:
        database = Database(self.dsn, seals=Seals(keys, writes_plain=plain))
        await database.open()
        self.databases.append(database)
        return Context(database)

    async def close(self) -> None:
        for each in self.databases:
            await each.close()


@pytest_asyncio.fixture
async def opened(dsn: str) -> AsyncIterator[Opened]:
    made = Opened(dsn)
    yield made
    await made.close()


async def rotated(ctx: Context) -> dict[str, tuple[int, int]]:
    return {step.table: (step.read, step.written) async for step in resealing.rotate(ctx) if step.is_over}


async def kept(ctx: Context) -> dict[str, Counter[str]]:
    return {held.table: held.by_key async for held in resealing.counted(ctx)}


async def fleet(ctx: Context) -> list[str]:
    """Devices by their ids, one of them with a second secret, a key and a secret of the platform's."""
    product_id = ctx.new_id()
    ids = [UUID(int=secrets.randbits(128)) for _ in range(DEVICES)]

    async def body(conn: Connection) -> None:
        names = [each.hex for each in ids]
        made = (ids, names, [None] * DEVICES, [f"secret-of-{name}" for name in names], names)
        await make_devices(conn, None, product_id, ctx.now(), *made)

    key = await access.create_key(ctx, "acme", "admin", "alibaba")
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into product (product_id, account_id, space_id, product_key, product_secret, name, created_at)"
            " values ($1, $2, $2, 'abcdefghijk', 'plain-product-secret', 'p', now())", product_id, key.account_id,
        )  # fmt: skip
    await ctx.database.transact(body)
    await server_secret(ctx, "download")
    return [str(each) for each in ids]


async def secret_of(ctx: Context, device_id: str) -> str | None:
    [facts] = await logins.login_facts(ctx, [UUID(device_id)])
    return facts and facts.secret


async def test_all_is_encrypted_rotated_and_plain_again(ctx: Context, opened: Opened) -> None:
    ids = await fleet(ctx)
    download, one, two = await server_secret(ctx, "download"), key_id(ONE), key_id(TWO)
    for keys, plain, key in (((ONE,), False, one), ((TWO, ONE), False, two), ((TWO,), True, ""), ((ONE,), False, one)):
        at = await opened(*keys, plain=plain)
        done = await rotated(at)
        assert done["device"] == (DEVICES, DEVICES) and done["access_key"][1] == 1 and done["secret"][1] == 1, done
        assert all(set(by) <= {key} for by in (await kept(at)).values())
        assert await secret_of(at, ids[7]) == f"secret-of-{UUID(ids[7]).hex}"
        assert await server_secret(at, "download") == download
        async with at.database.connection() as conn:
            assert [each.key_id for each in await seal_keys.known(conn)] == ([key] if key else [])
        assert (await rotated(at))["device"] == (DEVICES, 0), "what is done is left alone"


async def test_what_an_erased_device_has_no_more_is_left_alone(ctx: Context, opened: Opened) -> None:
    """The others in its rows' chunk are done, one that has a second secret alone too."""
    at = await opened(ONE)
    ids = await fleet(at)
    await rotated(at)
    async with at.database.connection() as conn:
        await conn.execute("update device set secret = '' where device_id = $1", UUID(ids[0]))
        second = at.database.seals.seal(Kept.SECONDARY, ids[1], "second")
        await conn.execute(
            "update device set secret = '', secondary_secret = $2 where device_id = $1", UUID(ids[1]), second
        )
    assert (await rotated(await opened(TWO, ONE)))["device"] == (DEVICES, DEVICES - 1)
    async with at.database.connection() as conn:
        rows = await conn.fetch(
            "select secret, secondary_secret from device where device_id = any ($1) and secret = ''",
            [UUID(each) for each in ids[:2]],
        )
    assert len(rows) == 2, "none of them was given a secret"
    only = await opened(TWO)
    [opens] = [row["secondary_secret"] for row in rows if row["secondary_secret"] is not None]
    assert only.database.seals.open(Kept.SECONDARY, ids[1], opens) == "second"


async def test_who_lacks_a_key_rotates_nothing(ctx: Context, opened: Opened) -> None:
    await fleet(ctx)
    await rotated(await opened(ONE))
    for keys in ((TWO,), ()):
        with pytest.raises(Unavailable, match=key_id(ONE)):
            await rotated(await opened(*keys))
    assert set((await kept(await opened()))["device"]) == {key_id(ONE)}


async def test_every_server_must_have_the_key_first(ctx: Context, opened: Opened) -> None:
    """One that could not read what another encrypts, or would go on with the old key, is told of."""
    serving = await opened(ONE)
    await seal_keys.begin(serving.database)
    lease = nodes.Lease(serving.database, UUID(int=1), serving.now)
    await lease.keep()
    with pytest.raises(Unavailable, match=f"does not have the key {key_id(TWO)}"):
        await seal_keys.begin((await opened(TWO, ONE)).database)
    serving = await opened(ONE, TWO)
    await nodes.Lease(serving.database, UUID(int=1), serving.now).keep()
    with pytest.raises(Unavailable, match=f"A server that runs encrypts with the key {key_id(ONE)}"):
        await rotated(await opened(TWO, ONE))
    serving = await opened(TWO, ONE)
    await nodes.Lease(serving.database, UUID(int=1), serving.now).keep()
    assert "device" in await rotated(await opened(TWO, ONE))


async def test_a_row_that_is_damaged_or_moved_stops_no_other(
    ctx: Context, opened: Opened, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    at = await opened(ONE)
    ids = await fleet(at)
    await rotated(at)
    async with at.database.connection() as conn:
        move = "update device set secret = (select secret from device where device_id = $2) where device_id = $1"
        await conn.execute(move, UUID(ids[0]), UUID(ids[1]))
    found = await logins.login_facts(at, [UUID(each) for each in ids[:3]])
    assert [facts is None for facts in found] == [True, False, False]
    assert f"a secret can't be read: what=device.secret of={ids[0]}" in caplog.text
    with pytest.raises(Unavailable, match="damaged, or is another row's"):
        await rotated(await opened(TWO, ONE))


# --- a server ---


def key_file(server: Process, *lines: bytes) -> None:
    file = server.dir / "key"
    text = b"\n".join(each if each == b"plain" else base64.b64encode(each) for each in lines)
    file.touch(0o600)
    file.write_bytes(text)


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    key_file(process, ONE)
    process.options = ("--secret-key-file", str(process.dir / "key"))
    process.start()
    yield process
    process.stop()


def restart(server: Process, *lines: bytes) -> None:
    assert server.process is not None
    server.process.terminate()
    assert server.process.wait(60) == 0
    key_file(server, *lines)
    server.start()


def command(server: Process) -> list[str]:
    upwell = str(Path(sys.executable).with_name("upwell"))
    return [upwell, "secrets", "rotate", "--data-dir", str(server.dir / "data"), *server.options]


@pytest.mark.timeout(400)
async def test_a_key_is_rotated_while_devices_are_updated(server: Process) -> None:
    """The command is killed once in the middle, and run again."""
    client = server.client()
    product_key, devices = product_with(client, 40)
    firmware = package(client, product_key, IMAGE)
    conn = await asyncpg.connect(server.dsn)
    seen = {row["secret"][:23] for row in await conn.fetch("select secret from device")}
    assert seen == {f"sealed:{key_id(ONE)}"}
    await conn.close()
    restart(server, TWO, ONE)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in devices
    ]
    devices_run, over = Fleet("127.0.0.1", server.mqtt, identities, 13, RATES, "2.0.0"), asyncio.Event()
    running = asyncio.create_task(devices_run.run(over))
    job = begin(client, firmware, product_key, "static")
    one = "begin; select from device order by device_id limit 1 for update"
    await asyncio.to_thread(killed_at, command(server), server.dsn, one, "%update device d set secret%")
    done = await asyncio.to_thread(subprocess.run, command(server), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and f"all secrets are encrypted with the key {key_id(TWO)}" in done.stdout, done
    for _ in range(600):
        if devices_run.settled():
            break
        await asyncio.sleep(0.2)
    over.set()
    await running
    assert devices_run.astray() == [] and await lost(server, devices_run, product_key, job) == []
    conn = await asyncpg.connect(server.dsn)
    assert {row["secret"][:23] for row in await conn.fetch("select secret from device")} == {f"sealed:{key_id(TWO)}"}
    assert [row["key_id"] for row in await conn.fetch("select key_id from seal_key")] == [key_id(TWO)]
    await conn.close()
    restart(server, TWO)  # the old key is needed no more
    assert product_with(server.client(), 1), "and owners' signatures hold"
