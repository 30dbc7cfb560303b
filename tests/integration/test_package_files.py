"""Packages of several files, lists of devices, changes of packages, and which files are swept."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from test_packages import HOST, MD5, SHA256, a_package, show
from tests.job_commands import static_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable
from upwell.doors.management.uploads import Sender
from upwell.objects import open_objects
from upwell.service.context import Context
from upwell.service.manage import access, jobs, packages, products, uploads
from upwell.service.manage.access import Caller
from upwell.service.manage.audit_book import Book
from upwell.wiring.upload_desk import Uploads

pytestmark = pytest.mark.asyncio


async def an_upload(ctx: Context, caller: Caller, size: int = 5, purpose: str = "firmware") -> c.UploadTicket:
    cmd = c.CreateUploadTicket(suffix="csv", purpose=purpose)
    ticket = await uploads.create_upload_ticket(ctx, caller, cmd, HOST)
    await uploads.begin_upload(ctx, ticket.object_key)
    await uploads.finish_upload(ctx, ticket.object_key, size, f"{size:032x}", f"{size:064x}")
    return ticket


async def some_files(ctx: Context, caller: Caller, *sizes: int) -> tuple[c.GivenFile, ...]:
    urls = [(await an_upload(ctx, caller, size)).url for size in sizes]
    return tuple(c.GivenFile(name=f"f{n}", url=url) for n, url in enumerate(urls, 1))


async def make(ctx: Context, caller: Caller, name: str = "pack", **more: Any) -> int:
    cmd = c.CreatePackage(**{"name": name, "version": "2.0"} | more)
    return (await packages.create_package(ctx, caller, cmd)).package_id


async def take_list(ctx: Context, caller: Caller, url: str) -> str:
    return await ctx.database.transact(lambda conn: uploads.take_device_list(ctx, conn, caller, url))


async def test_several_files_are_one_package(ctx: Context, caller: Caller) -> None:
    one, two, three = await some_files(ctx, caller, 5, 70_000, 1)
    given = (replace(one, size=5), replace(two, md5=f"{70_000:032x}"), three)
    package_id = await make(ctx, caller, files=given, size=70_006, sign_method="SHA256")
    shown = await show(ctx, caller, package_id)
    assert (shown.url, shown.md5, shown.sha256, shown.size, shown.sign_method) == ("", "", "", 70_006, "SHA256")
    assert shown.files == tuple(
        c.PackageFile(name=f.name, url=f.url, size=n, md5=f"{n:032x}", sha256=f"{n:064x}")
        for f, n in ((one, 5), (two, 70_000), (three, 1))
    )
    page = await packages.list_packages(ctx, caller, c.ListPackages(asked=Slice.of_page(1, 9)))
    assert page.items == (shown,)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch("select package_id, used from upload")
        stored = json.loads(await conn.fetchval("select files from package"))
    assert [(r["package_id"], r["used"]) for r in rows] == [(package_id, True)] * 3
    assert [file["object_key"] for file in stored] == [f.url.removeprefix(HOST + "/") for f in given]


async def test_every_file_is_checked_and_the_wrong_one_named(ctx: Context, caller: Caller, stranger: Caller) -> None:
    one, two = await some_files(ctx, caller, 5, 6)
    foreign = (await an_upload(ctx, stranger)).url
    refusals: list[tuple[type[CallerError], str, dict[str, Any]]] = [
        (Invalid, r"files: .*file 2 \(f2\) has 6 bytes", {"files": (one, replace(two, size=7))}),
        (Invalid, r"files: .*file 1 \(f1\) is 0+5", {"files": (replace(one, md5="f" * 32), two)}),
        (Invalid, "files: .*file 2 is the second named f1", {"files": (one, replace(two, name="f1"))}),
        (Invalid, "size: .*11 bytes", {"files": (one, two), "size": 12}),
        (Invalid, "url: ", {"files": (one, two), "url": one.url}),
        (Invalid, "md5: ", {"files": (one, two), "md5": MD5}),
        (Invalid, "sha256: ", {"files": (one, two), "sha256": SHA256}),
        (Conflict, "used", {"files": (one, replace(two, url=one.url))}),
        (NotFound, "nowhere", {"files": (one, replace(two, url="nowhere"))}),
        (NotFound, "ota/", {"files": (one, replace(two, url=foreign))}),
        (Missing, "url", {}),
        (TooMany, "20 files", {"files": tuple(replace(one, name=f"n{n}") for n in range(21))}),
    ]
    for error, text, more in refusals:
        with pytest.raises(error, match=text):
            await make(ctx, caller, **more)
    await make(ctx, caller, files=(one, two))  # no refusal used a file up
    with pytest.raises(Conflict) as refused:
        await make(ctx, caller, "again", files=(two,))
    assert refused.value.reason == "file_used"


async def test_an_empty_file_is_no_package_and_serves_no_other(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 4."""
    [full, empty] = await some_files(ctx, caller, 5, 0)
    for _ in range(2):  # a refusal uses no file up
        with pytest.raises(Invalid, match="url: that of a file of at least 1 byte; the uploaded file is empty"):
            await make(ctx, caller, url=empty.url)
        with pytest.raises(Invalid, match=r"files: files of at least 1 byte; file 2 \(f2\) is empty"):
            await make(ctx, caller, files=(full, empty))
    await make(ctx, caller, files=(full,))


async def test_a_package_that_was_made_of_an_empty_file_before_gets_no_job(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 4: a database may hold one that an earlier version let through."""
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))
    url = (await an_upload(ctx, caller)).url
    package_id = await make(ctx, caller, url=url, product_key=product.product_key, verify=False)
    async with ctx.database.connection() as conn:
        await conn.execute("update package set size = 0 where package_id = $1", package_id)
    cmd = static_job(package_id=package_id, product_key=product.product_key, selection="ALL")
    with pytest.raises(Conflict, match="is empty"):
        await jobs.create_job(ctx, caller, cmd)


async def test_two_packages_race_for_shared_files(ctx: Context, caller: Caller) -> None:
    for n in range(5):
        one, two = await some_files(ctx, caller, 5, 6)
        got = await asyncio.gather(
            make(ctx, caller, f"a{n}", files=(one, two)),
            make(ctx, caller, f"b{n}", files=(replace(two, name="x"), replace(one, name="y"))),
            return_exceptions=True,
        )
        assert [isinstance(g, Conflict) for g in got].count(True) == 1


async def test_sha256_is_checked(ctx: Context, caller: Caller) -> None:
    url = (await an_upload(ctx, caller)).url
    with pytest.raises(Invalid, match="sha256"):
        await make(ctx, caller, url=url, sign_method="SHA256", sha256="f" * 64)
    package_id = await make(ctx, caller, url=url, sign_method="SHA256", sha256=f"{5:064x}")
    shown = await show(ctx, caller, package_id)
    assert (shown.sign_method, shown.files, shown.url) == ("SHA256", (), url)


# --- purposes ---


async def test_a_list_is_no_firmware_nor_the_other_way_round(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    names, image = await an_upload(ctx, caller, purpose="devices"), await an_upload(ctx, caller)
    with pytest.raises(NotFound):
        await make(ctx, caller, url=names.url)
    with pytest.raises(NotFound):
        await make(ctx, caller, files=(c.GivenFile(name="f", url=names.url),))
    for who, url in ((caller, image.url), (stranger, names.url), (caller, "nowhere")):
        with pytest.raises(NotFound):
            await take_list(ctx, who, url)
    assert await take_list(ctx, caller, names.url) == names.object_key
    with pytest.raises(Conflict) as refused:
        await take_list(ctx, caller, names.url)
    assert refused.value.reason == "file_used"
    old = await an_upload(ctx, caller, purpose="devices")
    clock.move(minutes=61)
    with pytest.raises(NotFound):
        await take_list(ctx, caller, old.url)
    with pytest.raises(Invalid):
        cmd = c.CreateUploadTicket(purpose="music")
        await uploads.create_upload_ticket(ctx, caller, cmd, HOST)


async def test_a_list_serves_one_job_whoever_races(ctx: Context, caller: Caller) -> None:
    ticket = await an_upload(ctx, caller, purpose="devices")
    got = await asyncio.gather(*(take_list(ctx, caller, ticket.url) for _ in range(4)), return_exceptions=True)
    assert [isinstance(g, Conflict) for g in got].count(True) == 3


async def test_the_ticket_says_how_much_may_come(ctx: Context, caller: Caller) -> None:
    for purpose, most in (("firmware", 1000 * 1024 * 1024), ("devices", 40 * 1024 * 1024)):
        ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(purpose=purpose), HOST)
        policy = json.loads(base64.b64decode(ticket.policy))
        assert ["content-length-range", 0, most] in policy["conditions"]
        assert ticket.object_key.split("/")[:2] == ["ota", access.project_id(caller.account_id)]


# --- tickets ---


async def test_an_upload_that_broke_off_may_begin_again(ctx: Context, caller: Caller, clock: Clock) -> None:
    ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), HOST)
    await uploads.begin_upload(ctx, ticket.object_key)
    with pytest.raises(Conflict):
        await uploads.begin_upload(ctx, ticket.object_key)
    await uploads.abandon_upload(ctx, ticket.object_key)
    with pytest.raises(NotFound):
        await uploads.finish_upload(ctx, ticket.object_key, 5, MD5, SHA256)
    got = await asyncio.gather(
        *(uploads.begin_upload(ctx, ticket.object_key) for _ in range(4)), return_exceptions=True
    )
    assert [isinstance(g, Conflict) for g in got].count(False) == 1
    await uploads.finish_upload(ctx, ticket.object_key, 5, MD5, SHA256)
    await uploads.abandon_upload(ctx, ticket.object_key)  # too late: the file is there
    with pytest.raises(Conflict):
        await uploads.begin_upload(ctx, ticket.object_key)
    late = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), HOST)
    await uploads.begin_upload(ctx, late.object_key)
    clock.move(seconds=61)
    await uploads.abandon_upload(ctx, late.object_key)
    with pytest.raises(Denied):
        await uploads.begin_upload(ctx, late.object_key)


async def test_a_store_that_does_not_answer_costs_no_ticket(ctx: Context, caller: Caller, tmp_path: Path) -> None:
    objects = open_objects(str(tmp_path / "store"))
    desk = Uploads(ctx, objects, Book(ctx))
    ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), HOST)
    incoming = tmp_path / "store" / ".incoming"
    incoming.rmdir()
    with pytest.raises(Unavailable):
        await desk.begin(ticket.object_key, ctx.now())
    incoming.mkdir()
    writer = await desk.begin(ticket.object_key, ctx.now())
    await writer.write(b"hello")
    await desk.finish(ticket.object_key, await writer.commit(), Sender("127.0.0.1", "request"))
    assert await make(ctx, caller, url=ticket.url, size=5)


async def test_files_are_swept_when_nobody_can_use_them(ctx: Context, caller: Caller, clock: Clock) -> None:
    never = (await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), HOST)).object_key
    waiting, single, names, unread = [
        await an_upload(ctx, caller, purpose=p) for p in ("firmware", "firmware", "devices", "devices")
    ]
    files = await some_files(ctx, caller, 5, 6)
    several = await make(ctx, caller, "several", files=files)
    kept = await make(ctx, caller, "kept", url=single.url)
    assert await uploads.stale_files(ctx) == []
    await take_list(ctx, caller, names.url)
    assert await uploads.stale_files(ctx) == [names.object_key]
    await uploads.forget_file(ctx, names.object_key)
    clock.move(hours=2, minutes=1)
    stale = {never, waiting.object_key, unread.object_key}
    assert set(await uploads.stale_files(ctx)) == stale
    for key in stale:
        await uploads.forget_file(ctx, key)
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=several))
    clock.move(hours=24)
    assert await uploads.stale_files(ctx) == []  # a link may still open them
    clock.move(hours=2)
    assert set(await uploads.stale_files(ctx)) == {f.url.removeprefix(HOST + "/") for f in files}
    assert (await show(ctx, caller, kept)).url == single.url


# --- changes ---


async def test_a_package_is_changed(ctx: Context, caller: Caller, clock: Clock) -> None:
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))
    made = await a_package(ctx, caller, product_key=product.product_key, note="one")
    before = await show(ctx, caller, made.package_id)
    clock.move(minutes=1)
    cmd = c.UpdatePackage(package_id=made.package_id, product_key=product.product_key, name="new")
    await packages.update_package(ctx, caller, cmd)
    await packages.update_package(ctx, caller, c.UpdatePackage(package_id=made.package_id, description="d", note="two"))
    after = await show(ctx, caller, made.package_id)
    assert after.modified_at > before.modified_at + timedelta(seconds=59)
    assert after == replace(before, name="new", description="d", note="two", modified_at=after.modified_at)
    await a_package(ctx, caller)  # the old name is free


async def test_changes_refused(ctx: Context, caller: Caller, stranger: Caller) -> None:
    one = await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))
    two = await products.create_product(ctx, caller, c.CreateProduct(name="plug"))
    mine = (await a_package(ctx, caller, product_key=one.product_key)).package_id
    other = (await a_package(ctx, caller, "other")).package_id

    async def change(who: Caller, package_id: int, **more: Any) -> None:
        await packages.update_package(ctx, who, c.UpdatePackage(package_id=package_id, **more))

    for error, reason, attempt in (
        (Conflict, "package_name_taken", change(caller, mine, name="other")),
        (Conflict, "package_of_other_product", change(caller, mine, product_key=two.product_key)),
        (NotFound, None, change(caller, mine, product_key="nobody")),
        (NotFound, None, change(caller, 77)),
        (NotFound, None, change(stranger, mine, name="x")),
        (Denied, None, change(Caller(caller.account_id, "viewer", "k", "alibaba"), mine, name="x")),
    ):
        with pytest.raises(error) as refused:
            await attempt
        assert reason is None or getattr(refused.value, "reason", None) == reason
    await change(caller, other, product_key=two.product_key, description="of no product, so of every one")
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=other))
    with pytest.raises(NotFound):
        await change(caller, other, name="x")
    await change(caller, mine, name="other")  # a deleted package's name is free
