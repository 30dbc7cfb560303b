"""Both drivers of the objects port against the same promises: a real directory and a real S3 server (nanio)."""

import asyncio
import errno
import fcntl
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import free_port
from tests.s3_faults import faults

from upwell.domain.errors import Invalid, NotFound, Unavailable
from upwell.objects import open_bucket, open_objects
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


WRITES = """
import asyncio, sys
from upwell.objects import open_bucket, open_objects
async def main():
    writer = await open_objects(sys.argv[1]).create("a.bin")
    await writer.write(b"x" * 3_000_000)
    print("written", flush=True)
    sys.stdin.readline()
    await writer.commit()
asyncio.run(main())
"""


async def test_two_processes_share_a_directory(tmp_path: Path) -> None:
    """What one has unfinished the other leaves alone while it opens, checks and writes, and removes when its writer was
    killed."""
    incoming = tmp_path / "store/.incoming"
    for ends in ("commits", "is killed"):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITES, str(tmp_path / "store")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with writer:
            assert writer.stdin and writer.stdout
            assert await asyncio.to_thread(writer.stdout.readline) == b"written\n"
            objects = open_objects(str(tmp_path / "store"))
            await objects.check()
            await put(objects, "b.bin", b"beside")
            assert len(list(incoming.iterdir())) == 1
            if ends == "commits":
                await asyncio.to_thread(writer.communicate, b"\n", 30)
                assert (await objects.look("a.bin")).size == 3_000_000
                await objects.delete("a.bin")
            else:
                writer.kill()
                await asyncio.to_thread(writer.communicate)
                open_objects(str(tmp_path / "store"))
                assert not await objects.exists("a.bin")
        assert not list(incoming.iterdir())


async def test_a_file_that_is_taken_for_a_left_one_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process opens the directory just between a new file and its lock."""
    objects, lock, taken = open_objects(str(tmp_path / "store")), fcntl.flock, []

    def late(fd: int, how: int) -> None:
        if not taken:
            taken.extend((tmp_path / "store/.incoming").iterdir())
            taken[0].unlink()
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    await put(objects, "a.bin", b"abc")
    assert len(taken) == 1 and await everything(objects, "a.bin", 0, 3) == b"abc"


async def test_without_locks_only_old_files_are_left_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    objects = open_objects(str(tmp_path / "store"))
    incoming = tmp_path / "store/.incoming"
    for name, hours in (("old", 25), ("young", 23)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (time.time() - hours * 3600,) * 2)
    open_objects(str(tmp_path / "store"))
    assert [file.name for file in incoming.iterdir()] == ["young"]
    await put(objects, "a.bin", b"abc")
    assert await everything(objects, "a.bin", 0, 3) == b"abc"


async def test_a_directory_that_is_away_says_nothing_of_its_objects(tmp_path: Path) -> None:
    """Not even of the buckets in it: an object that can't be looked for is not lost."""
    store = tmp_path / "store"
    own, bucket = open_objects(str(store)), open_bucket(str(store), "buckets/one/abc")
    for objects in (own, bucket):
        await put(objects, "a.bin", b"abc")
        with pytest.raises(NotFound):
            await objects.look("b.bin")
    store.rename(tmp_path / "unmounted")
    for mount_point in (False, True):
        if mount_point:
            store.mkdir()  # where the volume was: an empty folder
        for objects in (own, bucket):
            with pytest.raises(Unavailable):
                await objects.look("a.bin")
            with pytest.raises(Unavailable):
                await everything(objects, "a.bin", 0, 3)
    store.rmdir()
    (tmp_path / "unmounted").rename(store)
    for objects in (own, bucket):
        assert await everything(objects, "a.bin", 0, 3) == b"abc"


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
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.split("?")[0])
    caught.value.close()


class Odd(http.server.BaseHTTPRequestHandler):
    """What listens on a port that is no store's."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


async def test_why_a_store_can_not_be_used_is_said_in_words(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the name of the client's class: whoever set it up is to find what is wrong."""

    async def why(url: str) -> str:
        with pytest.raises(Unavailable) as caught:
            await open_objects(url).check()
        return caught.value.problem.partition(": ")[2]

    def at(endpoint: str) -> str:
        return f"s3://bucket/p?endpoint={endpoint}&region=us-east-1"

    plain = s3_url.partition("endpoint=")[2].partition("&")[0]
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        found = await asyncio.gather(
            why(at(nobody)), why(at("http://no-such-host.invalid")), why(at(plain.replace("http", "https"))),
            why(at(f"http://127.0.0.1:{other.server_port}")), why(s3_url.replace("bucket", "no-such-bucket")),
        )  # fmt: skip
        other.shutdown()
    assert found == [
        "the connection is refused", "its host has no address", "it does not speak TLS", "501 Not Implemented",
        "NoSuchBucket",
    ]  # fmt: skip
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert await why(s3_url) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("endpoint", ["nowhere", "127.0.0.1:9000", "ftp://h", "http://", "http://a b", "http://u:p@h"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    """The client would panic at the first request."""
    with pytest.raises(Invalid, match="endpoint") as caught:
        open_objects(f"s3://bucket?endpoint={endpoint}&region=r")
    assert "u:p" not in str(caught.value), "it may name a password"


@pytest.mark.parametrize("url", ["ftp://x/y", "relative/path", "s3://", "s3://b?colour=red", ""])
def test_unknown_urls_are_refused(url: str) -> None:
    with pytest.raises(Invalid):
        open_objects(url)


async def test_a_bucket_that_is_not_there_is_no_absent_object(s3_url: str) -> None:
    """An archive, a backup and a download would be told to have nothing in them."""
    objects = open_objects(s3_url.replace("s3://bucket/", "s3://absent/"))

    async def listed() -> None:
        assert not [key async for key, _ in objects.listed()]

    for asked in (
        objects.look(KEY), objects.exists(KEY), everything(objects, KEY, 0, 1), objects.delete(KEY), listed(),
        put(objects, KEY, b"x"), put(objects, KEY, bytes(20_000_000)),
    ):  # fmt: skip
        with pytest.raises(Unavailable, match="The object store refuses it: NoSuchBucket"):
            await asked


async def test_a_wrong_key_is_told_in_the_words_of_s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, word in (
        ("AWS_SECRET_ACCESS_KEY", "wrong", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "nobody", "InvalidAccessKeyId"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            objects = open_objects(s3_url)
        for asked in (objects.exists(KEY), put(objects, KEY, b"x")):
            with pytest.raises(Unavailable, match=f"The object store refuses it: {word}"):
                await asked


async def test_who_does_not_answer_is_told_so() -> None:
    objects = open_objects(f"s3://bucket/prefix?endpoint=http://127.0.0.1:{free_port()}&region=us-east-1")
    with pytest.raises(Unavailable, match="does not answer: the connection is refused"):
        await objects.exists(KEY)


async def test_an_upload_to_a_store_that_fell_silent_is_forgotten_soon(s3_url: str) -> None:
    """A server that ends waits for that."""
    with faults(s3_url) as between:
        objects = open_objects(between.url)
        between.go("silent")
        writer = await objects.create(KEY)
        await writer.write(bytes(9_000_000))
        began = time.monotonic()
        await writer.abort()
        assert time.monotonic() - began < 10


ASKS_AND_ENDS = """
import asyncio, sys
from upwell.cli.exits import to_the_end
from upwell.objects import open_objects
def ask():
    store = open_objects(sys.argv[1])
    asyncio.new_event_loop().run_until_complete(store.exists("nothing"))
    sys.exit(3)
to_the_end(ask)
"""


def test_a_program_that_asked_s3_ends_with_its_own_status(s3_url: str) -> None:
    """One in three of those that ended as Python does was aborted by a thread of the client."""
    ends = [subprocess.run([sys.executable, "-c", ASKS_AND_ENDS, s3_url], check=False).returncode for _ in range(12)]
    assert set(ends) == {3}
