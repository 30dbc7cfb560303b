"""The cache of objects in whole servers, with a real S3 server behind something that counts what it is asked."""

import asyncio
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead
from pathlib import Path

import asyncpg
import pytest
from alibabacloud_iot20180120 import models as m
from platform_house import House, house_on, until
from test_object_downloads import DATA
from test_workers import Shared
from tests.prove.rollout import Process, package, product_with
from tests.s3_between import Between, between

from upwell.domain.talk import TaskRef
from upwell.doors.downloads import links
from upwell.objects import cache, open_objects
from upwell.objects.cache_filling import KEPT_BACK_BYTES
from upwell.service.clock import utc_now
from upwell.service.upgrade.downloads import download_token

CROWD = 50
THREADS = ThreadPoolExecutor(CROWD)
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret"}


@pytest.fixture
def s3(s3_url: str) -> Iterator[Between]:
    found = re.search(r"http://127\.0\.0\.1:([0-9]+)", s3_url)
    assert found is not None
    with between(("127.0.0.1", int(found[1]))) as it:
        yield it


async def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    def get() -> tuple[int, dict[str, str], bytes]:
        try:
            request = urllib.request.Request(url, headers=headers, method=method)
            with urllib.request.urlopen(request, timeout=60) as got:
                return got.status, dict(got.headers), got.read()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, dict(exc.headers), exc.read()

    return await asyncio.get_running_loop().run_in_executor(THREADS, get)


async def link_to(house: House, image: bytes) -> tuple[str, int]:
    """What opens the file of a task, and its package."""
    known = await house.device((await house.product()).product_key)
    made = await house.package(known.key, image)
    job = await house.job(made, known)
    for _ in range(500):
        rows = await house.rows("select device_id, job_id, nth from task where job_id = $1", job)
        if rows:
            return house.server.links.make(TaskRef(**rows[0]), 0), made
        await asyncio.sleep(0.02)
    raise AssertionError("the job made no task")


@pytest.fixture
async def house(dsn: str, tmp_path: Path, s3: Between, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(cache, "FIRST_WITHIN_S", 30.0)  # this machine may be busy
    monkeypatch.setattr(links, "KNOWN_S", 0.1)
    async with house_on(dsn, tmp_path, objects_url=s3.url) as it:
        yield it


async def test_fifty_at_once_are_one_get_and_all_that_follows_is_none(
    house: House, s3: Between, tmp_path: Path
) -> None:
    url, _ = await link_to(house, DATA)
    s3.forget()
    s3.let(1_000_000)
    asking = [asyncio.create_task(fetch(url)) for _ in range(CROWD)]
    assert house.server.meter.cache is not None
    lookups = house.server.meter.cache.lookups
    await until(lambda: lookups.found == {("joined",): CROWD}, 60)
    s3.let(float("inf"))
    got = await asyncio.gather(*asking)
    assert {(status, body) for status, _, body in got} == {(200, DATA)} and len(s3.gets) == 1
    status, headers, body = await fetch(url, Range="bytes=1000000-")
    assert (status, body) == (206, DATA[1_000_000:])
    assert (
        headers["Content-Range"] == f"bytes 1000000-{len(DATA) - 1}/{len(DATA)}"
        and headers["ETag"] == got[0][1]["ETag"]
    )
    assert (await fetch(url, Range="bytes=5-9"))[2] == DATA[5:10]
    assert (await fetch(url, Range=f"bytes={len(DATA)}-"))[0] == 416
    status, headers, body = await fetch(url, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(DATA)), b"")
    s3.close()  # whoever has it needs nobody
    assert (await fetch(url))[2] == DATA
    reading = (await house.server.meter.read(shared=False)).found
    assert reading["upwell_downloads_total"] == {("done",): CROWD + 2, ("part",): 1}
    assert reading["upwell_download_bytes_total"] == {(): (CROWD + 2) * len(DATA) - 1_000_000 + 5}
    assert reading["upwell_download_resumes_total"] == {(): 2}
    assert reading["upwell_object_cache_lookups_total"] == {("joined",): CROWD, ("hit",): 4}
    assert reading["upwell_object_cache_fills_total"] == {("done",): 1}
    assert reading["upwell_object_cache_bytes"] == {(): len(DATA)}


async def test_a_deleted_package_is_not_served_though_it_is_held(house: House, s3: Between) -> None:
    url, made = await link_to(house, DATA)
    assert (await fetch(url))[2] == DATA
    await house.rows("update task set state = 'CANCELED'")
    await house.rows("update job set ended_at = now()")
    await house.rows("update package set deleted_at = now() where package_id = $1", made)
    await asyncio.sleep(0.2)
    assert (await fetch(url))[0] == 404


async def test_a_file_of_which_no_digest_is_known_goes_the_old_way(house: House, s3: Between) -> None:
    url, made = await link_to(house, DATA)
    [row] = await house.rows("select object_key, size, md5 from package where package_id = $1", made)
    await house.rows("update package set files = $1", json.dumps([{"name": "f.bin", "url": "u"} | row]))
    assert (await fetch(url))[2] == DATA
    cache = house.server.meter.cache
    assert cache is not None and cache.fills.found == {} and cache.lookups.found == {("miss",): 1}


async def test_an_object_that_is_not_what_it_was_is_refused(
    house: House, s3: Between, caplog: pytest.LogCaptureFixture
) -> None:
    url, made = await link_to(house, DATA)
    [row] = await house.rows("select object_key from package where package_id = $1", made)
    writer = await open_objects(s3.url).create(row["object_key"])
    await writer.write(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    await writer.commit()
    with pytest.raises(IncompleteRead) as cut:
        await fetch(url)
    assert len(cut.value.partial) <= len(DATA) - KEPT_BACK_BYTES
    assert (await fetch(url))[0] == 503
    assert "is not what it should be" in caplog.text


async def test_a_cache_that_is_off_or_can_not_be_had_changes_nothing(
    dsn: str, tmp_path: Path, s3: Between, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "off").mkdir()
    async with house_on(dsn, tmp_path / "off", objects_url=s3.url, object_cache_mb="0") as house:
        url, _ = await link_to(house, DATA)
        assert (await fetch(url))[2] == DATA
        assert not (tmp_path / "off/object-cache").exists()
    (tmp_path / "object-cache").write_text("a file is in the way")
    async with house_on(dsn, tmp_path, objects_url=s3.url) as house:
        url, _ = await link_to(house, DATA)
        assert (await fetch(url))[2] == DATA
    assert caplog.text.count("there is no cache of objects") == 1


async def test_the_folder_may_go_while_it_is_used(house: House, s3: Between, tmp_path: Path) -> None:
    url, _ = await link_to(house, DATA)
    assert (await fetch(url))[2] == DATA
    shutil.rmtree(tmp_path / "object-cache")
    assert (await fetch(url))[2] == DATA


def _link(process: Process, image: bytes) -> str:
    """What opens the file of the only task of a server of its own."""
    client = process.client()
    product_key, devices = product_with(client, 1)
    made = package(client, product_key, image)
    wanted = m.CreateOTAStaticUpgradeJobRequest(
        firmware_id=made, product_key=product_key, target_selection="SPECIFIC", target_device_name=[devices[0][0]]
    )
    assert client.create_otastatic_upgrade_job(wanted).body.success
    return asyncio.run(_token(process))


async def _token(process: Process) -> str:
    conn = await asyncpg.connect(process.dsn)
    try:
        while (task := await conn.fetchrow("select device_id, job_id, nth from task")) is None:
            await asyncio.sleep(0.05)
        secret = bytes(await conn.fetchval("select value from secret where name = 'download'"))
    finally:
        await conn.close()
    until = utc_now().replace(year=utc_now().year + 1)
    return f"http://127.0.0.1:{process.download}/ota/{download_token(secret, TaskRef(**task), 0, until)}"


def _get(url: str, least: int = 0) -> bytes:
    """The body; with `least` the first of it, when so much is there."""
    with urllib.request.urlopen(url, timeout=60) as got:
        return bytes(got.read(least) if least else got.read())


def test_killed_while_it_fetches_and_started_again(s3: Between) -> None:
    process = Process(f"--objects-url={s3.url}", variables=KEYS)
    folder = process.dir / "data/object-cache"
    process.start()
    try:
        url = _link(process, DATA)
        s3.forget()
        s3.let(1_500_000)
        assert _get(url, 500_000) == DATA[:500_000], "it comes while it is fetched"
        assert [each.suffix for each in folder.iterdir() if each.name != "lock"] == [".part"]
        process.kill()
        s3.let(float("inf"))
        process.start()
        assert [each.name for each in folder.iterdir()] == ["lock"]
        assert _get(url) == DATA and len(s3.whole) == 2
        process.kill()
        process.start()
        s3.forget()
        assert _get(url) == DATA and s3.whole == [], "it is held over a kill"
    finally:
        process.stop()


def test_two_workers_fetch_it_once(s3: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPWELL_OBJECTS_URL", s3.url)
    server = Shared()
    try:
        server.start()
        url = _link(server, DATA)
        s3.forget()

        async def crowd() -> list[bytes]:
            loop = asyncio.get_running_loop()
            return await asyncio.gather(*(loop.run_in_executor(THREADS, _get, url) for _ in range(CROWD)))

        assert set(asyncio.run(crowd())) == {DATA} and len(s3.whole) == 1
        held = [each for each in (server.dir / "data/object-cache").iterdir() if each.name != "lock"]
        assert [each.stat().st_size for each in held] == [len(DATA)]
    finally:
        server.stop()
