"""Upload tickets and packages on the real database."""

import asyncio
import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from conftest import Clock
from counting import recount

from upwell.domain import commands
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, NotFound, TooMany
from upwell.domain.talk import TaskRef
from upwell.service.context import Context
from upwell.service.manage import access, packages, products, uploads
from upwell.service.upgrade import downloads

pytestmark = pytest.mark.asyncio
HOST = "http://127.0.0.1:8080"
MD5, SHA256 = "0" * 32, "1" * 64


async def a_ticket(ctx: Context, caller: access.Caller, suffix: str = "bin") -> commands.UploadTicket:
    return await uploads.create_upload_ticket(ctx, caller, commands.CreateUploadTicket(suffix=suffix), HOST)


async def a_file(ctx: Context, caller: access.Caller) -> str:
    ticket = await a_ticket(ctx, caller)
    await uploads.begin_upload(ctx, ticket.object_key)
    await uploads.finish_upload(ctx, ticket.object_key, 5, MD5, SHA256)
    return ticket.url


async def a_package(ctx: Context, caller: access.Caller, name: str = "pack", **more: Any) -> commands.Package:
    more.setdefault("version", "2.0")
    more.setdefault("url", None)
    more["url"] = more["url"] or await a_file(ctx, caller)
    return await packages.create_package(ctx, caller, commands.CreatePackage(name=name, **more))


async def show(ctx: Context, caller: access.Caller, package_id: int) -> commands.Package:
    return await packages.show_package(ctx, caller, commands.ShowPackage(package_id=package_id))


async def a_job(ctx: Context, package_id: int, status: str) -> None:
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, created_at,"
            " modified_at) values ($1, 1, 1, $2, 'static', 'ALL', $3, $4, $4)",
            ctx.new_id(), package_id, status, ctx.now(),
        )  # fmt: skip


async def test_ticket_is_a_signed_form(ctx: Context, caller: access.Caller) -> None:
    ticket = await a_ticket(ctx, caller, "tar.gz")
    folder, project, name = ticket.object_key.split("/")
    assert (folder, project) == ("ota", access.project_id(caller.account_id)) and name.endswith(".tar.gz")
    assert ticket.url == f"{HOST}/{ticket.object_key}"
    secret = await uploads.upload_secret(ctx)
    assert ticket.signature == downloads.policy_signature(secret, ticket.policy)
    policy = json.loads(base64.b64decode(ticket.policy))
    assert ["eq", "$key", ticket.object_key] in policy["conditions"] and policy["expiration"].endswith("Z")
    for bad in ("", "../x", "a/b", "a.", ".bin", "bin\n"):
        with pytest.raises(Invalid):
            await a_ticket(ctx, caller, bad)


async def test_ticket_begins_one_upload_within_its_minute(ctx: Context, caller: access.Caller, clock: Clock) -> None:
    ticket = await a_ticket(ctx, caller)
    got = await asyncio.gather(
        *(uploads.begin_upload(ctx, ticket.object_key) for _ in range(4)), return_exceptions=True
    )
    assert [isinstance(g, Conflict) for g in got].count(False) == 1
    clock.move(hours=2)  # the upload itself may take its time
    await uploads.finish_upload(ctx, ticket.object_key, 5, MD5, SHA256)
    with pytest.raises(NotFound):
        await uploads.finish_upload(ctx, ticket.object_key, 6, MD5, SHA256)
    with pytest.raises(NotFound):
        await uploads.begin_upload(ctx, "ota/none")
    late = await a_ticket(ctx, caller)
    clock.move(seconds=61)
    with pytest.raises(Denied):
        await uploads.begin_upload(ctx, late.object_key)


async def test_package_takes_the_stored_file(ctx: Context, caller: access.Caller) -> None:
    product = await products.create_product(ctx, caller, commands.CreateProduct(name="lamp"))
    made = await a_package(ctx, caller, product_key=product.product_key, size=5, md5=MD5, note="x")
    shown = await show(ctx, caller, made.package_id)
    assert (shown.size, shown.md5, shown.sha256, shown.status) == (5, MD5, SHA256, "unverified")
    assert (shown.product_key, shown.product_name, shown.verify_progress) == (product.product_key, "lamp", 0)
    exempt = await a_package(ctx, caller, "p2", verify=False)
    assert (await show(ctx, caller, exempt.package_id)).status == "exempt"


async def test_package_refusals(ctx: Context, caller: access.Caller, stranger: access.Caller) -> None:
    url = await a_file(ctx, caller)
    unfinished = (await a_ticket(ctx, caller)).url
    refusals: list[tuple[type[CallerError], dict[str, Any]]] = [
        (NotFound, {"url": unfinished}),
        (NotFound, {"url": "http://elsewhere/x.bin"}),
        (NotFound, {"url": url, "product_key": "a1nobody"}),
        (NotFound, {"url": url, "module": "mcu"}),
        (Invalid, {"url": url, "size": 6}),
        (Invalid, {"url": url, "md5": "f" * 32}),
        (Invalid, {"url": url, "is_delta": True}),
        (Invalid, {"url": url, "is_delta": True, "source_version": "2.0"}),
    ]
    for error, more in refusals:
        with pytest.raises(error):
            await a_package(ctx, caller, **more)
    with pytest.raises(NotFound):
        await a_package(ctx, stranger, url=url)
    with pytest.raises(Denied):
        await a_package(ctx, access.Caller(caller.account_id, "viewer", "k", "alibaba"), url=url)
    await a_package(ctx, caller, url=url, is_delta=True, source_version="1.0")  # no refusal used the file up
    with pytest.raises(Conflict) as refused:
        await a_package(ctx, caller, "p2", url=url)
    assert refused.value.reason == "file_used"
    with pytest.raises(Conflict) as refused:
        await a_package(ctx, caller)
    assert refused.value.reason == "package_name_taken"


async def test_file_waits_an_hour_for_its_package(ctx: Context, caller: access.Caller, clock: Clock) -> None:
    url = await a_file(ctx, caller)
    clock.move(minutes=61)
    with pytest.raises(NotFound):
        await a_package(ctx, caller, url=url)


async def test_one_file_makes_one_package_whoever_races(ctx: Context, caller: access.Caller) -> None:
    url = await a_file(ctx, caller)
    got = await asyncio.gather(*(a_package(ctx, caller, f"p{n}", url=url) for n in range(4)), return_exceptions=True)
    assert [isinstance(g, CallerError) for g in got].count(False) == 1


async def test_account_has_at_most_so_many_packages(
    ctx: Context, caller: access.Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "PACKAGES_MAX", 2)
    urls = [await a_file(ctx, caller) for _ in range(4)]
    got = await asyncio.gather(
        *(a_package(ctx, caller, f"p{n}", url=url) for n, url in enumerate(urls)), return_exceptions=True
    )
    assert [isinstance(g, TooMany) for g in got].count(True) == 2


async def test_packages_are_paged_newest_first_and_filtered(
    ctx: Context, caller: access.Caller, stranger: access.Caller
) -> None:
    product = await products.create_product(ctx, caller, commands.CreateProduct(name="lamp"))
    for n in range(4):
        key = product.product_key if n % 2 else None
        await a_package(ctx, caller, f"p{n}", version=f"{n}.0", product_key=key)
    page = await packages.list_packages(ctx, caller, commands.ListPackages(asked=Slice.of_page(1, 3)))
    assert ([p.name for p in page.items], page.total) == (["p3", "p2", "p1"], 4)
    cmd = commands.ListPackages(asked=Slice.of_page(1, 3), product_key=product.product_key)
    page = await packages.list_packages(ctx, caller, cmd)
    assert ([p.name for p in page.items], page.total) == (["p3", "p1"], 2)
    page = await packages.list_packages(ctx, caller, commands.ListPackages(asked=Slice.of_page(1, 3), version="2.0"))
    assert [p.name for p in page.items] == ["p2"]
    page = await packages.list_packages(ctx, stranger, commands.ListPackages(asked=Slice.of_page(1, 3)))
    assert (page.items, page.total) == ((), 0)


async def test_package_with_a_running_job_stays(ctx: Context, caller: access.Caller, stranger: access.Caller) -> None:
    for status in ("PLANNED", "IN_PROGRESS"):
        made = await a_package(ctx, caller, status)
        await a_job(ctx, made.package_id, status)
        with pytest.raises(Conflict) as refused:
            await packages.delete_package(ctx, caller, commands.DeletePackage(package_id=made.package_id))
        assert refused.value.reason == "package_has_running_job"
    made = await a_package(ctx, caller)
    await a_job(ctx, made.package_id, "COMPLETED")
    with pytest.raises(NotFound):
        await packages.delete_package(ctx, stranger, commands.DeletePackage(package_id=made.package_id))
    with pytest.raises(NotFound):
        await show(ctx, stranger, made.package_id)
    await packages.delete_package(ctx, caller, commands.DeletePackage(package_id=made.package_id))
    with pytest.raises(NotFound):
        await show(ctx, caller, made.package_id)
    await a_package(ctx, caller)  # the name is free again


async def test_task_leads_to_its_file_until_cancelled(ctx: Context, caller: access.Caller) -> None:
    made = await a_package(ctx, caller)
    await a_job(ctx, made.package_id, "IN_PROGRESS")
    device_id = uuid4()
    async with ctx.database.connection() as conn:
        job_id = await conn.fetchval("select job_id from job")
        await conn.execute(
            "insert into task (device_id, job_id, module, state, created_at, modified_at)"
            " values ($1, $2, 'default', 'QUEUED', $3, $3)",
            device_id, job_id, ctx.now(),
        )  # fmt: skip
        task = TaskRef(device_id=device_id, job_id=job_id)
        found = await downloads.find_download(ctx, task)
        assert found.key.startswith("ota/") and (found.size, found.md5) == (5, MD5)
        for other in (TaskRef(device_id=uuid4(), job_id=job_id), TaskRef(device_id=device_id, job_id=job_id, nth=1)):
            with pytest.raises(NotFound):
                await downloads.find_download(ctx, other)
        await conn.execute("update task set state = 'CANCELED'")
    await recount(ctx)
    with pytest.raises(NotFound):
        await downloads.find_download(ctx, task)
