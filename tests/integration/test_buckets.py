"""Owners' buckets in real directories and on a real S3 server, beside the platform's own store."""

import hashlib
import os
import shutil
import threading
from pathlib import Path

import pytest

from upwell.domain.errors import Invalid, NotFound
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import Buckets, object_ref
from upwell.objects.port import Objects, Seen

ONE, OTHER = "1" * 32, "2" * 32
AWKWARD = ["a b.bin", "升级/包.bin", "50%.bin", "a#b?c.bin", "~x*.bin", "a\\b.bin"]
UNADDRESSABLE = ["a//b.bin", "/a.bin", "../a.bin", "a/./b.bin", "a\nb.bin"]


def under(folder: Path, **mapped: str) -> Buckets:
    """Buckets over a directory store in the folder; the names of the map are written with `__` for `/`."""
    url = f"file://{folder}/store"
    names = {name.replace("__", "/").replace("ANY", "*").replace("ONE_", f"{ONE}:"): to for name, to in mapped.items()}
    return Buckets(open_objects(url), url, names, open_bucket)


@pytest.fixture(params=["directory", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "directory":
        return open_bucket(f"file://{tmp_path}/bucket")
    return open_bucket(request.getfixturevalue("s3_url"), tmp_path.name)


async def put(store: Objects, key: str, data: bytes) -> None:
    writer = await store.create(key)
    await writer.write(data)
    await writer.commit()


async def content(store: Objects, key: str) -> bytes:
    size = (await store.look(key)).size
    return b"".join([chunk async for chunk in store.read(key, 0, size)])


@pytest.mark.parametrize("key", ["bbb/upgrade.bin", *AWKWARD])
async def test_keys_of_any_text(bucket: Objects, key: str) -> None:
    await put(bucket, key, key.encode())
    assert await content(bucket, key) == key.encode()
    assert [each async for each in bucket.listed()] == [(key, len(key.encode()))]
    assert (await bucket.look(key)).size == len(key.encode())
    await bucket.delete(key)
    assert not await bucket.exists(key)
    with pytest.raises(NotFound):
        await bucket.look(key)


@pytest.mark.parametrize("key", UNADDRESSABLE)
async def test_a_directory_holds_what_s3_can_not_name(tmp_path: Path, s3_url: str, key: str) -> None:
    folder = tmp_path / "in" / "bucket"
    await put(open_bucket(f"file://{folder}"), key, b"x")
    assert [each async for each in open_bucket(f"file://{folder}").listed()] == [(key, 1)]
    assert {file.relative_to(tmp_path).parts[:2] for file in tmp_path.rglob("*.bin")} == {("in", "bucket")}
    with pytest.raises(Invalid) as refused:
        await open_bucket(s3_url).look(key)
    assert refused.value.field == "object_key"


async def test_a_list_of_a_directory_in_which_others_remove(tmp_path: Path) -> None:
    await put(open_bucket(f"file://{tmp_path}"), "kept.bin", b"x")
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for name in ("a", "b", "c"):
                (tmp_path / name / "below").mkdir(parents=True)
                (tmp_path / name / "below" / "file").touch()
            for name in ("a", "b", "c"):
                shutil.rmtree(tmp_path / name)

    worker = threading.Thread(target=come_and_go)
    worker.start()
    try:
        for _ in range(300):
            assert ("kept.bin", 1) in [each async for each in open_bucket(f"file://{tmp_path}").listed()]
    finally:
        stop.set()
        worker.join()


async def test_a_tag_changes_with_the_object(bucket: Objects) -> None:
    await put(bucket, "x.bin", b"one")
    first = await bucket.look("x.bin")
    assert await bucket.look("x.bin") == first
    await put(bucket, "x.bin", b"two")
    second = await bucket.look("x.bin")
    assert second.size == first.size and second.tag != first.tag


async def test_the_longest_keys(bucket: Objects, tmp_path: Path) -> None:
    longest = "k" * 255 + "/" + "k" * 764 + ".bin"
    if isinstance(open_bucket(f"file://{tmp_path}/bucket"), type(bucket)):
        await put(bucket, longest, b"x")  # nanio keeps keys as file names and can't hold it; S3 can
        assert [each async for each in bucket.listed()] == [(longest, 1)]
    with pytest.raises(Invalid):
        await bucket.look(longest + "x")


async def test_one_store_to_whoever_reads(tmp_path: Path) -> None:
    every = under(tmp_path)
    await put(every, "ota/x/plain.bin", b"plain")
    ref = object_ref(ONE, "cn-north-4", "abc", "bbb/../升.bin")
    await put(every, ref, b"bucket")
    assert await content(every, "ota/x/plain.bin") == b"plain"
    assert await content(every, ref) == b"bucket"
    path = every.local_path(ref)
    assert path is not None and path.is_relative_to(tmp_path / "store" / "buckets" / ONE / "abc")
    assert await every.look(ref) == Seen(6, (await every.look(ref)).tag)
    assert await every.presign(ref, 60) is None
    with pytest.raises(Invalid):
        await every.look("@nobody/x")


async def test_two_accounts_buckets_of_one_name_never_meet(tmp_path: Path) -> None:
    every = under(tmp_path)
    await put(every, object_ref(ONE, "cn-north-4", "abc", "x.bin"), b"mine")
    for key in ("x.bin", f"../../{ONE}/abc/x.bin", f"/../{ONE}/abc/x.bin"):
        assert not await every.exists(object_ref(OTHER, "cn-north-4", "abc", key))
    assert not await every.exists(object_ref(ONE, "cn-north-4", "abcd", "x.bin"))
    assert await every.exists(object_ref(ONE, "other-region", "abc", "x.bin"))  # a bucket's name is one everywhere


async def test_the_map_says_where_and_whose(tmp_path: Path) -> None:
    every = under(
        tmp_path,
        r1__abc=f"file://{tmp_path}/r1",
        ANY__abc=f"file://{tmp_path}/any",
        ONE_r1__abc=f"file://{tmp_path}/one-r1",
        ONE_ANY__own=f"file://{tmp_path}/own",
    )
    for project, region, bucket in ((ONE, "r1", "abc"), (OTHER, "r1", "abc"), (ONE, "r2", "abc"), (ONE, "r1", "own")):
        await put(every, object_ref(project, region, bucket, "x.bin"), f"{project[0]} {region} {bucket}".encode())
    await put(every, object_ref(OTHER, "r1", "own", "x.bin"), b"2 r1 own")
    held = {name: (tmp_path / name / "x.bin").read_bytes() for name in ("one-r1", "r1", "any", "own")}
    assert held == {"one-r1": b"1 r1 abc", "r1": b"2 r1 abc", "any": b"1 r2 abc", "own": b"1 r1 own"}
    assert (tmp_path / "store" / "buckets" / OTHER / "own" / "x.bin").read_bytes() == b"2 r1 own"


async def test_a_directory_that_is_only_read_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    (folder / "bbb").mkdir(parents=True)
    (folder / "bbb" / "my firmware.bin").write_bytes(b"x")
    (folder / ".incoming").mkdir()
    (folder / ".incoming" / "unfinished").write_bytes(b"half")
    bucket = open_bucket(f"file://{folder}")
    assert [each async for each in bucket.listed()] == [("bbb/my firmware.bin", 1)]
    assert (folder / ".incoming" / "unfinished").read_bytes() == b"half"
    empty = open_bucket(f"file://{tmp_path}/absent")
    assert not await empty.exists("x.bin") and not (tmp_path / "absent").exists()
    assert [each async for each in empty.listed()] == []


async def test_a_broken_upload_was_never_there(bucket: Objects) -> None:
    writer = await bucket.create("x.bin")
    await writer.write(os.urandom(9_000_000))
    await writer.abort()
    assert [each async for each in bucket.listed()] == []


async def test_a_large_object_through_a_bucket(bucket: Objects) -> None:
    data = os.urandom(20_000_001)
    writer = await bucket.create("large.bin")
    for start in range(0, len(data), 1 << 20):
        await writer.write(data[start : start + (1 << 20)])
    stored = await writer.commit()
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert await content(bucket, "large.bin") == data


@pytest.mark.parametrize(
    ("region", "name"),
    [("r/1", "abc"), ("", "abc"), ("r", "ab"), ("r", "ABC"), ("r", "a/b"), ("r", "b" * 64), ("*", "abc")],
)
async def test_what_is_no_bucket(region: str, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        object_ref(ONE, region, name, "x.bin")
    assert refused.value.field == "bucket"
