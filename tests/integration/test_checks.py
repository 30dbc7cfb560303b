"""What the objects of packages hold: read beside everything else, offered only when right (L6). Real directories."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conftest import Clock
from counting import recount
from tests.job_commands import asking_job, static_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from upwell.domain.fleet import device_id
from upwell.domain.modules import STANDING
from upwell.domain.talk import TaskRef
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import Buckets
from upwell.service.context import Context
from upwell.service.manage import access, devices, jobs, packages, products
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, downloads, stored_objects

GB = 1024**3
PLACE = c.ObjectPlace(region="cn-north-4", bucket="abc", key="bbb/upgrade.bin")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest_asyncio.fixture
async def house(ctx: Context, tmp_path: Path) -> Context:
    """The context with a real store."""
    url = f"file://{tmp_path}/store"
    return replace(ctx, objects=Buckets(open_objects(url), url, {}, open_bucket))


@pytest_asyncio.fixture
async def product(house: Context, caller: Caller) -> str:
    return (await products.create_product(house, caller, c.CreateProduct(name="lamp"))).product_key


@pytest_asyncio.fixture
async def space(house: Context, caller: Caller) -> str:
    async with house.database.connection() as conn:
        return str(await conn.fetchval("select key from space where account_id = $1", caller.account_id))


@pytest.fixture
def folder(tmp_path: Path, caller: Caller) -> Path:
    """Where the account's bucket is."""
    found = tmp_path / "store" / "buckets" / access.project_id(caller.account_id) / "abc" / "bbb"
    found.mkdir(parents=True)
    return found


async def make(house: Context, caller: Caller, product: str, space: str, **more: Any) -> int:
    given = {
        "product_key": product,
        "space": space,
        "version": "V2",
        "place": PLACE,
        "size_max": GB,
        "standing": STANDING,
    } | more
    return (await packages.create_package(house, caller, c.CreatePackage(**given))).package_id


async def state(house: Context, caller: Caller, package_id: int) -> str:
    found = await packages.show_package(house, caller, c.ShowPackage(package_id=package_id))
    return found.object_state


async def read_all(house: Context) -> None:
    while await stored_objects.read_one(house):
        pass


async def test_an_empty_object_is_no_package(
    house: Context, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 4: neither when the package is made nor when its object turns out to be empty later, and no job
    is made of it then."""
    (folder / "upgrade.bin").write_bytes(b"")
    with pytest.raises(Invalid, match="object_key: that of an object of at least 1 byte; it is empty"):
        await make(house, caller, product, space)
    (folder / "upgrade.bin").write_bytes(b"firmware")
    package_id = await make(house, caller, product, space)
    (folder / "upgrade.bin").write_bytes(b"")
    await read_all(house)
    assert await state(house, caller, package_id) == "differs"
    cmd = asking_job(name="b", part="firmware", package_ids=(package_id,), targets=("x",))
    with pytest.raises(Conflict, match="is empty"):
        await jobs.create_job(house, caller, cmd)


@pytest.mark.parametrize(
    ("sign", "becomes"),
    [
        (None, "ok"),
        (sha(b"firmware"), "ok"),
        (sha(b"firmware").upper(), "ok"),
        (sha(b"other"), "differs"),
        ("z" * 64, "differs"),
    ],
)
async def test_an_object_is_read_and_compared(
    house: Context, caller: Caller, product: str, space: str, folder: Path, sign: str | None, becomes: str
) -> None:
    (folder / "upgrade.bin").write_bytes(b"firmware")
    package_id = await make(house, caller, product, space, sign=sign)
    assert await state(house, caller, package_id) == "checking"
    await read_all(house)
    assert await state(house, caller, package_id) == becomes
    shown = await packages.show_package(house, caller, c.ShowPackage(package_id=package_id))
    assert shown.size == 8
    known = (hashlib.md5(b"firmware").hexdigest(), sha(b"firmware")) if becomes == "ok" else ("", "")
    assert (shown.md5, shown.sha256) == known
    assert shown.name == f"object-{package_id}"


async def test_refusals_leave_nothing(
    house: Context, ctx: Context, caller: Caller, stranger: Caller, product: str, space: str, folder: Path
) -> None:
    for refused in (
        make(house, caller, product, space),
        make(house, caller, product, space, place=replace(PLACE, key="../" * 3 + "x.bin")),
    ):
        with pytest.raises(Invalid) as none:
            await refused
        assert none.value.field == "object_key"
    (folder / "upgrade.bin").write_bytes(b"12345")
    with pytest.raises(Invalid, match="at most 4 bytes; it has 5") as large:
        await make(house, caller, product, space, size_max=4)
    assert large.value.field == "object_key"
    with pytest.raises(Invalid):  # another account's bucket of that name is another bucket
        await make(house, stranger, product, space)
    with pytest.raises(NotFound, match="space"):
        await make(house, caller, product, "unknown")
    with pytest.raises(NotFound, match="product"):
        await make(house, caller, "unknown", space)
    with pytest.raises(NotFound, match="module"):
        await make(house, caller, product, space, module="mcu")
    with pytest.raises(Denied):
        await make(house, replace(caller, role="viewer"), product, space)
    with pytest.raises(Unavailable):
        await make(ctx, caller, product, space)
    scanned = await packages.list_packages(house, caller, c.ListPackages(asked=Slice(take=9), module="default"))
    assert (scanned.items, scanned.total, scanned.last) == ((), 0, None)


async def test_a_rewritten_object_is_read_again(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    file = folder / "upgrade.bin"
    file.write_bytes(b"right")
    package_id = await make(house, caller, product, space)
    await read_all(house)

    async def after(change: Any) -> str:
        change()
        clock.move(minutes=6)
        assert not await stored_objects.look_again(house)
        await read_all(house)
        return await state(house, caller, package_id)

    assert await after(lambda: None) == "ok"
    assert await after(lambda: file.write_bytes(b"wrong")) == "differs"
    assert await after(lambda: file.unlink()) == "missing"
    assert await after(lambda: None) == "missing"
    assert await after(lambda: file.write_bytes(b"right")) == "ok"
    assert await after(lambda: file.write_bytes(b"longer")) == "differs"
    assert await after(lambda: file.write_bytes(b"right")) == "ok"


async def test_a_sign_is_right_however_late_its_object(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    (folder / "upgrade.bin").write_bytes(b"too early")
    package_id = await make(house, caller, product, space, sign=sha(b"right"))
    await read_all(house)
    assert await state(house, caller, package_id) == "differs"
    (folder / "upgrade.bin").write_bytes(b"right")
    await stored_objects.read_anew(house, caller.account_id, "abc", PLACE.key)
    await read_all(house)
    assert await state(house, caller, package_id) == "ok"


async def test_an_object_that_grew_too_large_is_not_read(
    house: Context, caller: Caller, product: str, space: str, folder: Path
) -> None:
    (folder / "upgrade.bin").write_bytes(b"x")
    package_id = await make(house, caller, product, space)
    with (folder / "upgrade.bin").open("r+b") as file:
        file.truncate(GB + 1)
    async with asyncio.timeout(10):  # reading it takes 16 s at the pace of checks
        await read_all(house)
    assert await state(house, caller, package_id) == "differs"


async def test_a_reader_that_died_is_followed_by_another(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    (folder / "upgrade.bin").write_bytes(b"x" * 1_000_000)
    package_id = await make(house, caller, product, space)
    dying = asyncio.create_task(stored_objects.read_one(house, bytes_per_s=100_000))
    async with asyncio.timeout(5):
        while not await _claimed(house, package_id):
            await asyncio.sleep(0.01)
    assert not await stored_objects.read_one(house)  # it is another's
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert not await stored_objects.read_one(house)
    clock.move(minutes=3)
    await read_all(house)
    assert await state(house, caller, package_id) == "ok"


async def _claimed(house: Context, package_id: int) -> bool:
    async with house.database.connection() as conn:
        return bool(
            await conn.fetchval("select check_until is not null from package where package_id = $1", package_id)
        )


async def test_two_readers_share_the_work(
    house: Context, caller: Caller, product: str, space: str, folder: Path
) -> None:
    ids = []
    for n in range(8):
        (folder / f"{n}.bin").write_bytes(bytes([n]) * 100_000)
        ids.append(await make(house, caller, product, space, place=replace(PLACE, key=f"bbb/{n}.bin")))
    found = await asyncio.gather(*(stored_objects.read_one(house) for _ in range(8)))
    assert all(found)
    assert [await state(house, caller, each) for each in ids] == ["ok"] * 8


async def test_reading_keeps_to_its_rate(
    house: Context, caller: Caller, product: str, space: str, folder: Path
) -> None:
    (folder / "upgrade.bin").write_bytes(b"x" * 1_000_000)
    await make(house, caller, product, space)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await stored_objects.read_one(house, bytes_per_s=2_000_000)
    assert loop.time() - began >= 0.45


async def test_only_right_objects_are_offered_and_opened(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """L6, at the offer and at the link."""
    file = folder / "upgrade.bin"
    file.write_bytes(b"right")
    package_id = await make(house, caller, product, space, source_versions=("V1", "V1.1"))
    device = c.CreateDevice(product_key=product, name="lamp-1")
    await devices.create_device(house, caller, device)
    lamp = device_id(product, "lamp-1")

    async def offered() -> bool:
        return task.device_id in await dispatch.asked_for(house, [task.device_id])

    async def runs(version: str) -> None:
        """As if it had said so before the job was made: a report during it would end its task."""
        text = "insert into module_version values ($1, 'default', $2, now())"
        text += " on conflict (device_id, module) do update set version = $2"
        async with house.database.connection() as conn:
            await conn.execute(text, lamp, version)
        await recount(house)

    await runs("V1.1")
    cmd = static_job(package_id=package_id, product_key=product, selection="SPECIFIC", device_names=("lamp-1",))
    created = await jobs.create_job(house, caller, cmd)
    task = TaskRef(device_id=lamp, job_id=created.job_id)
    assert not await offered()
    await read_all(house)
    assert await offered()
    found = await downloads.find_download(house, task)
    assert (found.key, found.size, found.md5) == (
        f"@{access.project_id(caller.account_id)}/cn-north-4/abc/bbb/upgrade.bin",
        5,
        hashlib.md5(b"right").hexdigest(),
    )
    await runs("V0")
    assert not await offered()
    await runs("V1")
    assert await offered()

    file.write_bytes(b"wrong")  # noticed by the link itself
    with pytest.raises(NotFound):
        await downloads.find_download(house, task)
    assert await state(house, caller, package_id) == "checking" and not await offered()
    await read_all(house)
    assert await state(house, caller, package_id) == "differs" and not await offered()
    with pytest.raises(NotFound):
        await downloads.find_download(house, task)
    file.write_bytes(b"right")
    await stored_objects.read_anew(house, caller.account_id, "abc", PLACE.key)
    await read_all(house)
    assert await offered()
    file.unlink()
    with pytest.raises(NotFound):
        await downloads.find_download(house, task)
    assert await state(house, caller, package_id) == "missing" and not await offered()

    with pytest.raises(Conflict) as running:
        await packages.delete_package(house, caller, c.DeletePackage(package_id=package_id))
    assert running.value.reason == "package_has_running_job"


async def test_scans_by_module_and_space(
    house: Context, caller: Caller, stranger: Caller, product: str, space: str, folder: Path
) -> None:
    (folder / "upgrade.bin").write_bytes(b"x")
    firmware = [await make(house, caller, product, space, version=f"V{n}") for n in range(3)]
    software = await make(house, caller, product, space, module="software")

    async def ids(who: Caller = caller, **more: Any) -> list[int]:
        cmd = c.ListPackages(**{"asked": Slice(take=9), "module": "default"} | more)
        return [item.package_id for item in (await packages.list_packages(house, who, cmd)).items]

    assert await ids() == firmware[::-1]
    assert await ids(module="software") == [software]
    assert await ids(module=None, without=STANDING) == []
    assert await ids(version="V1") == [firmware[1]]
    assert await ids(space=space, product_key=product) == firmware[::-1]
    assert await ids(product_key="other") == []
    assert await ids(asked=Slice(take=1, below=firmware[2])) == [firmware[1]]
    assert await ids(asked=Slice(take=9, skip=1)) == firmware[1::-1]
    assert await ids(asked=Slice(take=9, below=1 << 90)) == firmware[::-1]
    assert await ids(stranger) == []
    with pytest.raises(NotFound):
        await ids(stranger, space=space)
    with pytest.raises(NotFound):
        await packages.show_package(house, stranger, c.ShowPackage(package_id=software))
    await packages.delete_package(house, caller, c.DeletePackage(package_id=software))
    assert await ids(module="software") == [] and (folder / "upgrade.bin").exists()
