"""Both drivers of the objects port against the same promises: a real directory and a real S3 server (nanio)."""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from upwell.domain.errors import Invalid, NotFound, Unavailable
from upwell.objects import open_objects
from upwell.objects.port import Objects

KEY = "ota/abc/x.bin"


@pytest.fixture(params=["directory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "directory":
        return open_objects(f"file://{tmp_path}/store")
    return open_objects(request.getfixturevalue("s3_url"))


async def put(objects: Objects, key: str, data: bytes, step: int = 1 << 20) -> None:
    writer = await objects.create(key)
    for start in range(0, len(data), step):
        await writer.write(data[start : start + step])
    await writer.commit()


async def everything(objects: Objects, key: str, start: int, length: int) -> bytes:
    return b"".join([chunk async for chunk in objects.read(key, start, length)])


async def test_a_committed_object_is_whole(objects: Objects) -> None:
    data = os.urandom(20_000_003)
    writer = await objects.create(KEY)
    for start in range(0, len(data), 300_000):
        await writer.write(data[start : start + 300_000])
        assert start or not await objects.exists(KEY)
    stored = await writer.commit()
    assert (stored.size, stored.md5, stored.sha256) == (
        len(data),
        hashlib.md5(data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )
    assert await objects.exists(KEY) and (await objects.look(KEY)).size == len(data)
    assert await everything(objects, KEY, 0, len(data)) == data
    assert await everything(objects, KEY, 5_000_000, 3) == data[5_000_000:5_000_003]
    assert await everything(objects, KEY, len(data) - 2, 100) == data[-2:]
    await objects.delete(KEY)
    await objects.delete(KEY)
    assert not await objects.exists(KEY)


@pytest.mark.parametrize("size", [0, 10, 9_000_000, 17_000_000])
async def test_an_aborted_object_never_was(objects: Objects, size: int) -> None:
    writer = await objects.create("gone/x.bin")
    await writer.write(bytes(size))
    await writer.abort()
    await writer.abort()
    assert not await objects.exists("gone/x.bin")
    with pytest.raises(NotFound):
        await objects.look("gone/x.bin")
    with pytest.raises(NotFound):
        await everything(objects, "gone/x.bin", 0, 1)


async def test_an_empty_object_is_an_object(objects: Objects) -> None:
    await put(objects, "empty.bin", b"")
    assert (await objects.look("empty.bin")).size == 0


async def test_a_new_object_replaces_the_old(objects: Objects) -> None:
    await put(objects, "twice.bin", b"old and longer")
    await put(objects, "twice.bin", b"new")
    assert await everything(objects, "twice.bin", 0, 99) == b"new"


BAD_KEYS = ["", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "a/", ".", ".incoming/x", "a\\b", "a b", "ä"]


@pytest.mark.parametrize("key", [*BAD_KEYS, "a\n", "a\0b", "%2e%2e/x", "k" * 513])
async def test_bad_keys_are_refused(objects: Objects, key: str) -> None:
    with pytest.raises(Invalid):
        await objects.create(key)
    for use in (objects.delete, objects.exists, objects.look):
        with pytest.raises(Invalid):
            await use(key)
    with pytest.raises(Invalid):
        objects.local_path(key)
    with pytest.raises(Invalid):
        await everything(objects, key, 0, 1)
    with pytest.raises(Invalid):
        await objects.presign(key, 60)


async def test_directory_has_paths_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    objects = open_objects(str(tmp_path / "store"))
    writer = await objects.create("a/b.bin")
    await writer.write(b"x" * 3_000_000)
    assert len(list((tmp_path / "store/.incoming").iterdir())) == 1
    await writer.abort()
    await put(objects, "a/c.bin", b"abc")
    path = objects.local_path("a/c.bin")
    assert path is not None and path.read_bytes() == b"abc"
    assert await objects.presign("a/c.bin", 60) is None
    assert not list((tmp_path / "store/.incoming").iterdir())
    (tmp_path / "store/.incoming/left").write_bytes(b"after a crash")
    open_objects(str(tmp_path / "store"))
    assert not list((tmp_path / "store/.incoming").iterdir())


async def test_directory_failure_is_unavailable(tmp_path: Path) -> None:
    objects = open_objects(str(tmp_path / "store"))
    await put(objects, "a", b"a file where a folder is wanted")
    writer = await objects.create("a/b.bin")
    await writer.write(b"x")
    with pytest.raises(Unavailable):
        await writer.commit()
    assert not list((tmp_path / "store/.incoming").iterdir())


async def test_s3_presigns(s3_url: str) -> None:
    objects = open_objects(s3_url)
    await put(objects, "signed.bin", b"hello")
    url = await objects.presign("signed.bin", 60)
    assert url is not None and objects.local_path("signed.bin") is None
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.split("?")[0])


@pytest.mark.parametrize("url", ["ftp://x/y", "relative/path", "s3://", "s3://b?colour=red", ""])
def test_unknown_urls_are_refused(url: str) -> None:
    with pytest.raises(Invalid):
        open_objects(url)
