"""Links of a whole server: each opens its one file, and none outlives a cancel for long."""

import asyncio
import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from platform_house import House, house_on

from upwell.domain import commands as c
from upwell.doors.downloads import links
from upwell.service.manage import steering


async def fetch(url: str) -> bytes | int:
    """The body, or the status of a refusal."""

    def get() -> bytes | int:
        try:
            with urllib.request.urlopen(url, timeout=10) as got:
                return bytes(got.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    return await asyncio.to_thread(get)


async def stored(house: House, key: str, name: str, data: bytes) -> dict[str, object]:
    """A file of a package of several, as packages keep it."""
    writer = await house.server.objects.create(key)
    await writer.write(data)
    made = await writer.commit()
    return {"name": name, "url": "u", "object_key": key, "size": made.size, "md5": made.md5, "sha256": made.sha256}


async def test_each_file_of_several_and_none_after_a_cancel(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "KNOWN_S", 0.2)
    async with house_on(dsn, tmp_path) as house:
        known = await house.device((await house.product()).product_key)
        package = await house.package(known.key, b"whole")
        images = [b"first" * 100, b"second" * 200]
        files = [await stored(house, f"ota/x/{n}", f"f{n}.bin", image) for n, image in enumerate(images)]
        await house.rows("update package set files = $1", json.dumps(files))
        device = await house.connect(known)
        await device.inform("1.0")
        job = await house.job(package, known)
        told = json.loads(await device.said(device.ota("upgrade")))["data"]
        assert "url" not in told and "size" not in told
        assert [f["fileName"] for f in told["files"]] == ["f0.bin", "f1.bin"]
        for file, image in zip(told["files"], images, strict=True):
            assert await fetch(file["fileUrl"]) == image
            assert (file["fileSize"], file["fileMd5"]) == (len(image), hashlib.md5(image).hexdigest())
        mixed = told["files"][0]["fileUrl"][:-20] + told["files"][1]["fileUrl"][-20:]
        assert await fetch(mixed) == 403
        cancel = c.CancelTasks(job_id=job, states=c.OPEN_STATES)
        await steering.cancel_tasks(house.ctx, house.caller, cancel)
        await asyncio.sleep(0.25)
        assert [await fetch(file["fileUrl"]) for file in told["files"]] == [404, 404]
