"""Uploads in parts below the wire: both stores, one whole of each, nothing left behind, whoever dies when."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import Clock

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from upwell.objects import open_objects
from upwell.service.context import Context, objects_of
from upwell.service.manage import parts, uploads, wholes
from upwell.service.manage.access import Caller
from upwell.service.manage.parts import Incoming

PART = 64 * 1024
IMAGE = random.Random(36).randbytes(3 * PART + 5)


@pytest_asyncio.fixture(params=["directory", "s3"])
async def stored(request: pytest.FixtureRequest, ctx: Context, tmp_path: Path) -> AsyncIterator[Context]:
    """A context with a store of objects, empty before and after."""
    url = request.getfixturevalue("s3_url") + "" if request.param == "s3" else f"file://{tmp_path}"
    with_store = replace(ctx, objects=open_objects(url.replace("some/prefix", f"some/{tmp_path.name}")))
    yield with_store


async def keys(ctx: Context) -> set[str]:
    return {key async for key, _ in objects_of(ctx).listed()}


async def begun(ctx: Context, caller: Caller, **more: object) -> int:
    cmd = c.CreateUpload(size=len(IMAGE), part_size=PART, **more)  # type: ignore[arg-type]
    return (await parts.create_upload(ctx, caller, cmd)).upload_id


async def some(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def put(ctx: Context, caller: Caller, upload: int, number: int, image: bytes = IMAGE) -> c.UploadPart:
    part = image[(number - 1) * PART : number * PART]
    coming = Incoming(some(part[:100], part[100:]), len(part))
    return await parts.put_part(ctx, caller, c.PutUploadPart(upload_id=upload, number=number), coming)


async def all_put(ctx: Context, caller: Caller, upload: int) -> None:
    for number in (4, 1, 3, 2):
        await put(ctx, caller, upload, number)
    await parts.complete_upload(ctx, caller, c.CompleteUpload(upload_id=upload))


async def shown(ctx: Context, caller: Caller, upload: int) -> c.Upload:
    return await parts.show_upload(ctx, caller, c.ShowUpload(upload_id=upload))


async def test_a_whole_is_one_object_and_nothing_else_is_left(stored: Context, caller: Caller, clock: Clock) -> None:
    upload = await begun(stored, caller)
    await all_put(stored, caller, upload)
    assert await wholes.put_together_one(stored) and not await wholes.put_together_one(stored)
    done = await shown(stored, caller, upload)
    digests = hashlib.md5(IMAGE).hexdigest(), hashlib.sha256(IMAGE).hexdigest()
    assert (done.status, done.md5, done.sha256) == ("complete", *digests)
    await parts.sweep(stored)
    [key] = await keys(stored)
    assert b"".join([piece async for piece in objects_of(stored).read(key, 0, 2 * len(IMAGE))]) == IMAGE
    clock.move(minutes=61)
    with pytest.raises(NotFound):
        await shown(stored, caller, upload)
    clock.move(hours=7)
    await parts.sweep(stored)
    assert await keys(stored) == {key}, "it is a file now, and goes as files do"
    assert await uploads.stale_files(stored) == [key]


async def test_what_broke_off_or_is_given_up_is_swept_away(stored: Context, caller: Caller, clock: Clock) -> None:
    upload, other = await begun(stored, caller), await begun(stored, caller)
    await put(stored, caller, upload, 1)
    await put(stored, caller, other, 1)
    await parts.delete_upload(stored, caller, c.DeleteUpload(upload_id=upload))
    await parts.sweep(stored)
    assert len(await keys(stored)) == 1
    clock.move(hours=23)
    await put(stored, caller, other, 2)  # it lives on from here
    clock.move(hours=23)
    await parts.sweep(stored)
    assert [part.number for part in (await shown(stored, caller, other)).parts] == [1, 2]
    clock.move(hours=2)
    await parts.sweep(stored)
    assert await keys(stored) == set()
    clock.move(hours=7)
    await parts.sweep(stored)
    async with stored.database.connection() as conn:
        assert await conn.fetchval("select count(*) from parted_upload") == 0
        assert await conn.fetchval("select count(*) from upload_part") == 0


async def test_a_process_that_dies_in_a_part_leaves_what_is_swept_away(
    stored: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead before the object, and between the object and its row."""
    upload = await begun(stored, caller)

    async def dead(*_: object) -> None:
        """A process that is killed clears nothing."""

    monkeypatch.setattr(parts, "_let_go", dead)
    for broken in (stored, replace(stored, database=_Dying(stored))):
        coming = Incoming(some(IMAGE[: PART if broken is not stored else 5]), PART)
        with pytest.raises((Invalid, Unavailable)):
            await parts.put_part(broken, caller, c.PutUploadPart(upload_id=upload, number=1), coming)
    assert (await shown(stored, caller, upload)).parts == () and len(await keys(stored)) == 1
    monkeypatch.undo()
    await put(stored, caller, upload, 1)
    clock.move(hours=7)
    await parts.sweep(stored)
    assert len(await keys(stored)) == 1 and len((await shown(stored, caller, upload)).parts) == 1


class _Dying:
    """A database that is gone after what only prepares."""

    def __init__(self, ctx: Context) -> None:
        self.unwitnessed = ctx.database.unwitnessed

    async def transact(self, body: object) -> None:
        raise Unavailable("killed")


async def test_one_of_two_puts_it_together_and_one_that_dies_is_followed(
    stored: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begun(stored, caller)
    await all_put(stored, caller, upload)
    assert sorted(await asyncio.gather(*(wholes.put_together_one(stored) for _ in range(3)))) == [False, False, True]
    second = await begun(stored, caller)
    await all_put(stored, caller, second)
    monkeypatch.setattr(wholes._Whole, "settle", _killed)
    with pytest.raises(asyncio.CancelledError):
        await wholes.put_together_one(stored)
    monkeypatch.undo()
    assert not await wholes.put_together_one(stored), "it is claimed"
    clock.move(seconds=13)
    assert await wholes.put_together_one(stored)
    assert (await shown(stored, caller, second)).status == "complete"


async def _killed(*_: object) -> None:
    raise asyncio.CancelledError


async def test_who_lost_the_claim_or_whose_upload_was_given_up_settles_nothing(
    stored: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begun(stored, caller)
    await all_put(stored, caller, upload)
    write = wholes._Whole.write

    async def given_up_meanwhile(whole: wholes._Whole, bytes_per_s: float) -> object:
        done = await write(whole, bytes_per_s)
        await parts.delete_upload(stored, caller, c.DeleteUpload(upload_id=upload))
        return done

    monkeypatch.setattr(wholes._Whole, "write", given_up_meanwhile)
    assert await wholes.put_together_one(stored)
    with pytest.raises(NotFound):
        await shown(stored, caller, upload)
    clock.move(hours=7)
    for _ in range(2):  # the parts, then what was put together of them
        await parts.sweep(stored)
    assert await keys(stored) == set() and await uploads.stale_files(stored) == []


async def test_a_part_that_is_gone_from_the_store_fails_the_upload(stored: Context, caller: Caller) -> None:
    upload = await begun(stored, caller)
    await all_put(stored, caller, upload)
    await objects_of(stored).delete(next(key for key in await keys(stored) if "/2-" in key))
    assert await wholes.put_together_one(stored)
    done = await shown(stored, caller, upload)
    assert done.status == "failed" and done.problem and not done.sha256
    await parts.sweep(stored)
    assert await keys(stored) == set()


async def test_a_store_that_is_away_is_tried_again(
    stored: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await begun(stored, caller)
    await all_put(stored, caller, upload)

    async def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(type(objects_of(stored)), "create", away)
    assert await wholes.put_together_one(stored)
    with pytest.raises(Conflict):
        await put(stored, caller, upload, 1)
    monkeypatch.undo()
    assert (await shown(stored, caller, upload)).status == "checking"
    clock.move(seconds=6)
    assert await wholes.put_together_one(stored)
    assert (await shown(stored, caller, upload)).status == "complete"


async def test_who_has_much_makes_nobody_else_wait_for_all_of_it(
    ctx: Context, caller: Caller, stranger: Caller, tmp_path: Path
) -> None:
    with_store = replace(ctx, objects=open_objects(f"file://{tmp_path}"))
    many = [await begun(with_store, caller) for _ in range(3)]
    for upload in many:
        await all_put(with_store, caller, upload)
    only = await begun(with_store, stranger)
    await all_put(with_store, stranger, only)
    assert await wholes.put_together_one(with_store)
    assert (await shown(with_store, stranger, only)).status == "complete"
    while await wholes.put_together_one(with_store):
        pass
    assert {(await shown(with_store, caller, upload)).status for upload in many} == {"complete"}


async def test_roles_and_accounts(ctx: Context, caller: Caller, stranger: Caller, tmp_path: Path) -> None:
    ctx = replace(ctx, objects=open_objects(f"file://{tmp_path}"))
    upload = await begun(ctx, caller)
    viewer = replace(caller, role="viewer")
    with pytest.raises(Denied):
        await put(ctx, viewer, upload, 1)
    for ask in (put(ctx, stranger, upload, 1), shown(ctx, stranger, upload)):
        with pytest.raises(NotFound):
            await ask
    assert (await shown(ctx, viewer, upload)).parts_total == 4 and await keys(ctx) == set()
