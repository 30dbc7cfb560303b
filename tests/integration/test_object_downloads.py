"""From an owner's bucket to a device: a whole server, a directory and a real S3 server, links of every form, TLS."""

import asyncio
import hashlib
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from certificates import self_signed, trusting
from platform_house import House, house_on, until
from tests.job_commands import static_job

from upwell.domain import commands as c
from upwell.domain.fleet import device_id
from upwell.domain.links import without_token
from upwell.domain.talk import TaskRef
from upwell.objects import open_bucket
from upwell.objects.buckets import object_ref
from upwell.service.manage import access, devices, jobs, packages, products
from upwell.service.upgrade import stored_objects

DATA = os.urandom(3_000_017)


@pytest_asyncio.fixture
async def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return self_signed(tmp_path)


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path, s3_url: str, certificate: tuple[Path, Path]) -> AsyncIterator[House]:
    tls = {"tls_cert": str(certificate[0]), "tls_key": str(certificate[1]), "downloads": "127.0.0.1:0"}
    async with house_on(dsn, tmp_path, **tls, buckets=f"*/remote={s3_url}") as it:
        yield it


async def put(house: House, bucket: str, key: str, data: bytes) -> None:
    writer = await house.server.objects.create(_ref(house, bucket, key))
    await writer.write(data)
    await writer.commit()


def _ref(house: House, bucket: str, key: str) -> str:
    return object_ref(access.project_id(house.caller.account_id), "r1", bucket, key)


async def task_of(house: House, bucket: str, key: str) -> TaskRef:
    """A task that installs the object, once it was read."""
    ctx, caller = house.server.ctx, house.caller
    product = (await products.create_product(ctx, caller, c.CreateProduct(name=f"p-{bucket}"))).product_key
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=product, name="d"))
    async with ctx.database.connection() as conn:
        space = await conn.fetchval("select key from space where account_id = $1", caller.account_id)
    place = c.ObjectPlace(region="r1", bucket=bucket, key=key)
    sign = hashlib.sha256(DATA).hexdigest()
    made = await packages.create_package(
        ctx, caller,
        c.CreatePackage(
            product_key=product, space=space, version="V2", place=place, size_max=1 << 30, sign=sign
        ),
    )  # fmt: skip
    cmd = static_job(package_id=made.package_id, product_key=product, selection="SPECIFIC", device_names=("d",))
    created = await jobs.create_job(ctx, caller, cmd)
    states: list[str] = []

    async def look() -> None:
        while "ok" not in states:
            shown = await packages.show_package(ctx, caller, c.ShowPackage(package_id=made.package_id))
            states.append(shown.object_state)
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 20)  # the server's own loop reads it
    return TaskRef(device_id=device_id(product, "d"), job_id=created.job_id)


async def fetch(url: str, context: ssl.SSLContext, **headers: str) -> tuple[int, dict[str, str], bytes]:
    def get() -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as got:
                return got.status, dict(got.headers), got.read()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, dict(exc.headers), exc.read()

    return await asyncio.to_thread(get)


@pytest.mark.parametrize(("bucket", "key"), [("local", "bbb/../up grade.bin"), ("remote", "bbb/升级 包.bin")])
async def test_links_of_every_form(house: House, certificate: tuple[Path, Path], bucket: str, key: str) -> None:
    await put(house, bucket, key, DATA)
    task = await task_of(house, bucket, key)
    context = trusting(certificate[0])
    plain = house.server.links.make(task, 0)
    assert plain.startswith(f"{house.server.links.origin}/ota/") and "?" not in plain
    assert (await fetch(plain, context))[::2] == (200, DATA)

    named = house.server.links.make(task, 0, key)
    assert named.startswith(f"{house.server.links.secure_origin}/ota/") and named.startswith("https://127.0.0.1:")
    name = {"local": "up_grade.bin", "remote": "____.bin"}[bucket]
    assert named.partition("?")[0].endswith(f"/{name}") and "?e=" in named
    status, headers, body = await fetch(named, context)
    assert (status, body, headers["Content-Length"]) == (200, DATA, str(len(DATA)))
    assert headers["Content-Disposition"] == f"attachment;filename={name}"
    status, headers, body = await fetch(named, context, Range="bytes=1000000-1000099")
    assert (status, body) == (206, DATA[1_000_000:1_000_100])

    bare, token = without_token(named)
    assert token not in bare
    assert (await fetch(bare, context, Authorization=f"Bearer {token}"))[::2] == (200, DATA)
    assert (await fetch(bare, context))[0] == 403
    assert (await fetch(bare, context, Authorization="Bearer " + "A" * 64))[0] == 403


async def test_an_object_that_is_gone_or_changed_is_not_served(
    house: House, certificate: tuple[Path, Path], s3_url: str
) -> None:
    await put(house, "remote", "x.bin", DATA)
    task = await task_of(house, "remote", "x.bin")
    async with house.server.ctx.database.connection() as conn:  # its device has the offer: it is no task that waits
        await conn.execute("update task set state = 'NOTIFIED', offered_on = device_id where job_id = $1", task.job_id)
    context = trusting(certificate[0])
    url = house.server.links.make(task, 0, "x.bin")
    await open_bucket(s3_url).delete("x.bin")
    assert (await fetch(url, context))[0] == 404
    await put(house, "remote", "x.bin", DATA[::-1])
    assert (await fetch(url, context))[0] == 404
    await put(house, "remote", "x.bin", DATA)
    await stored_objects.read_anew(house.server.ctx, house.caller.account_id, "remote", "x.bin")
    answers: list[int] = []

    async def ask() -> None:
        while 200 not in answers:
            answers.append((await fetch(url, context))[0])
            await asyncio.sleep(0.1)

    await asyncio.wait_for(ask(), 20)
    assert set(answers) <= {200, 404}
    await until(lambda: answers[-1] == 200)
