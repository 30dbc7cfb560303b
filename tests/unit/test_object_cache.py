"""The cache of objects on a real folder: what it promises, and each of its looks at the disk failing in turn."""

import asyncio
import errno
import fcntl
import hashlib
import logging
import os
import random
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from upwell.domain.errors import Unavailable
from upwell.objects import cache as caching
from upwell.objects import cache_filling, cache_folder
from upwell.objects.cache import AGAIN_S, FILLS_MAX, Cache, Held, Wanted
from upwell.objects.cache_filling import AHEAD_BYTES, KEPT_BACK_BYTES
from upwell.objects.cache_folder import Folder

BOUND = 1_000_000
CHUNK = 50_000
SIZE = 300_000


class Store:
    """Objects that somebody asks for; who asks waits until it is opened that far."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.far = 1 << 40
        self.moved = asyncio.Event()

    def put(self, key: str, data: bytes) -> Wanted:
        self.objects[key] = data
        return Wanted(key, len(data), hashlib.sha256(data).hexdigest())

    def random(self, key: str, size: int = SIZE) -> Wanted:
        return self.put(key, random.Random(key).randbytes(size))

    def open(self, far: int) -> None:
        self.far = far
        self.moved.set()

    async def whole(self, key: str, size: int) -> AsyncIterator[bytes]:
        self.asked.append(key)
        data = self.objects[key]
        for at in range(0, len(data), CHUNK):
            while at + CHUNK > self.far and self.far < len(data):
                self.moved.clear()
                await self.moved.wait()
            yield data[at : at + CHUNK]


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def cache_on(path: Path, store: Store, clock: Time | None = None, **bounds: int) -> AsyncIterator[Cache]:
    folder = Folder(path, **({"bytes_max": BOUND, "floor_bytes": 0} | bounds))
    cache = Cache(folder, store.whole, clock or time.monotonic)
    try:
        yield cache
    finally:
        await cache.stop()


async def read(held: Held, start: int, size: int) -> bytes:
    """What comes of it until the rest is to be had from the store."""
    got = b""
    while start < size and (ready := await held.ready(start)):
        got += os.pread(held.fd, min(ready, CHUNK), start)
        start = len(got)
    held.close()
    return got


async def download(cache: Cache, store: Store, wanted: Wanted) -> bytes:
    """As the door does: what the cache does not have comes from the store."""
    held = await cache.hold(wanted, 0, fetch=True)
    got = b"" if held is None else await read(held, 0, wanted.size)
    return got + store.objects[wanted.key][len(got) :]


async def brought(cache: Cache, wanted: Wanted) -> None:
    held = await cache.hold(wanted, 0, fetch=True)
    assert held is not None
    await read(held, 0, wanted.size)


async def is_hit(cache: Cache, wanted: Wanted) -> bool:
    held = await cache.hold(wanted, 0, fetch=False)
    if held is not None:
        assert len(await read(held, 0, wanted.size)) == wanted.size
    return held is not None


def files(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if each.name != "lock")


async def test_an_object_is_fetched_once_for_all_who_ask_at_once(tmp_path: Path) -> None:
    store = Store()
    wanted = store.random("a")
    async with cache_on(tmp_path, store) as cache:
        got = await asyncio.gather(*(download(cache, store, wanted) for _ in range(100)))
        assert set(got) == {store.objects["a"]} and store.asked == ["a"]
        assert await is_hit(cache, wanted)
        assert dict(cache.lookups.found) == {("joined",): 100, ("hit",): 1} and dict(cache.fills.found) == {
            ("done",): 1
        }
    assert files(tmp_path) == [wanted.sha256]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}


async def test_whoever_asks_meanwhile_has_what_is_there_but_for_the_end(tmp_path: Path) -> None:
    store = Store()
    wanted = store.random("a")
    store.open(2 * CHUNK)
    async with cache_on(tmp_path, store) as cache:
        held = await cache.hold(wanted, 0, fetch=True)
        assert held is not None and 0 < await held.ready(0) <= 2 * CHUNK
        assert await cache.hold(wanted, 0, fetch=False) is None, "what is not verified is not here"
        store.open(SIZE - 1)
        async with asyncio.timeout(5):
            while await held.ready(0) < SIZE - KEPT_BACK_BYTES:
                await asyncio.sleep(0.005)
        end = asyncio.create_task(held.ready(SIZE - KEPT_BACK_BYTES))
        await asyncio.wait({end}, timeout=0.2)
        assert not end.done()
        store.open(SIZE)
        assert await asyncio.wait_for(end, 5) == KEPT_BACK_BYTES
        assert await read(held, 0, SIZE) == store.objects["a"]


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1] + b"x", lambda d: d[:-1], lambda d: d + b"x", lambda d: b"x" + d[1:]]
)
async def test_a_wrong_object_is_never_whole_in_anybodys_hands(
    tmp_path: Path, change: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    store, clock = Store(), Time()
    wanted = store.random("a")
    right, store.objects["a"] = store.objects["a"], change(store.objects["a"])
    async with cache_on(tmp_path, store, clock) as cache:
        got = await asyncio.gather(*(_tried(cache, wanted) for _ in range(10)))
        assert max(got) <= SIZE - KEPT_BACK_BYTES and files(tmp_path) == []
        assert dict(cache.fills.found) == {("differs",): 1}
        with pytest.raises(Unavailable):
            await cache.hold(wanted, 0, fetch=True)
        assert caplog.text.count("is not what it should be") == 1
        store.objects["a"] = right
        clock.now = AGAIN_S + 1
        assert await download(cache, store, wanted) == right


async def _tried(cache: Cache, wanted: Wanted) -> int:
    """How many bytes somebody gets of it."""
    held, got = await cache.hold(wanted, 0, fetch=True), 0
    assert held is not None
    with pytest.raises(Unavailable):
        while True:
            got += await held.ready(got)
            assert got < wanted.size
    held.close()
    return got


async def test_the_bound_holds_and_who_was_used_last_stays(tmp_path: Path) -> None:
    store = Store()
    all_ = [store.random(str(n), 100_000 + 30_000 * (n % 7)) for n in range(30)]
    dice = random.Random(7)
    async with cache_on(tmp_path, store) as cache:
        for _ in range(100):
            wanted = dice.choice(all_[:4] if dice.random() < 0.5 else all_)
            assert await download(cache, store, wanted) == store.objects[wanted.key]
            assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= BOUND
            assert await is_hit(cache, wanted)


@pytest.mark.parametrize("idle", [0, 1, 2])
async def test_the_least_recently_used_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: int) -> None:
    monkeypatch.setattr(cache_folder, "USED_AGAIN_S", 0.0)
    store = Store()
    *three, last = (store.random(key) for key in "abcd")
    async with cache_on(tmp_path, store) as cache:
        for wanted in (*three, *(each for each in three if each is not three[idle])):
            await download(cache, store, wanted)
        await brought(cache, last)
        assert [await is_hit(cache, each) for each in three] == [n != idle for n in range(3)]
        assert await is_hit(cache, last)


async def test_what_is_in_flight_counts_with_its_whole_size(tmp_path: Path) -> None:
    store = Store()
    first, second = store.random("a", 600_000), store.random("b", 600_000)
    store.open(CHUNK)
    async with cache_on(tmp_path, store) as cache:
        held = await cache.hold(first, 0, fetch=True)
        assert held is not None and cache.folder.held_bytes() == 600_000
        assert await cache.hold(second, 0, fetch=True) is None and store.asked == ["a"]
        assert dict(cache.fills.found) == {("no_room",): 1}
        held.close()


async def test_what_never_fits_goes_the_old_way(tmp_path: Path) -> None:
    store = Store()
    large, small = store.random("a", BOUND + 1), store.random("b")
    async with cache_on(tmp_path, store) as cache:
        await brought(cache, small)
        assert await cache.hold(large, 0, fetch=True) is None
        assert await is_hit(cache, small) and store.asked == ["b"]


async def test_below_the_floor_of_the_disk_nothing_is_kept_or_removed(tmp_path: Path) -> None:
    store = Store()
    a, b = store.random("a"), store.random("b")
    async with cache_on(tmp_path, store) as cache:
        await brought(cache, a)
        free = os.statvfs(tmp_path)
        cache.folder.floor_bytes = free.f_blocks * free.f_frsize
        assert await cache.hold(b, 0, fetch=True) is None and await is_hit(cache, a)


async def test_only_so_many_objects_are_fetched_at_once(tmp_path: Path) -> None:
    store = Store()
    all_ = [store.random(str(n), 150_000) for n in range(FILLS_MAX + 1)]
    store.open(CHUNK)
    async with cache_on(tmp_path, store) as cache:
        held = await asyncio.gather(*(cache.hold(each, 0, fetch=True) for each in all_))
        assert [each is None for each in held] == [False] * FILLS_MAX + [True] and len(store.asked) == FILLS_MAX
        for each in held[:-1]:
            assert each is not None
            each.close()


async def test_an_evicted_file_is_read_to_its_end(tmp_path: Path) -> None:
    store = Store()
    a, b = store.random("a", 700_000), store.random("b", 700_000)
    async with cache_on(tmp_path, store) as cache:
        await brought(cache, a)
        held = await cache.hold(a, 0, fetch=True)
        await brought(cache, b)
        assert held is not None and files(tmp_path) == [b.sha256]
        assert await read(held, 0, a.size) == store.objects["a"]


def _removed(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    os.truncate(path, 10)


def _changed(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"evil")


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _replaced(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [_removed, _truncated, _changed, _linked, _replaced])
@pytest.mark.parametrize("started_again", [False, True])
async def test_a_file_that_somebody_harmed_is_not_served(
    tmp_path: Path, harm: Callable[[Path], None], started_again: bool
) -> None:
    store, clock = Store(), Time()
    wanted = store.random("a")
    path = tmp_path / wanted.sha256
    async with cache_on(tmp_path, store, clock) as cache:
        await brought(cache, wanted)
        if not started_again:
            harm(path)
            assert not await is_hit(cache, wanted)
            assert await download(cache, store, wanted) == store.objects["a"]
    if started_again:
        harm(path)
    async with cache_on(tmp_path, store, clock) as cache:
        assert not await is_hit(cache, wanted)
        assert await download(cache, store, wanted) == store.objects["a"]


async def test_what_is_held_is_digested_once_after_a_start_and_not_fetched(tmp_path: Path) -> None:
    store = Store()
    wanted = store.random("a")
    async with cache_on(tmp_path, store) as cache:
        await brought(cache, wanted)
    async with cache_on(tmp_path, store) as cache:
        assert await cache.hold(wanted, 0, fetch=False) is None, "nobody has digested it yet"
        assert await download(cache, store, wanted) == store.objects["a"]
        assert await is_hit(cache, wanted) and store.asked == ["a"] and dict(cache.fills.found) == {}


async def test_a_start_removes_what_nobody_fills_and_what_is_not_ours(tmp_path: Path) -> None:
    store = Store()
    a, b = store.random("a"), store.random("b")
    async with cache_on(tmp_path, store) as cache:
        await brought(cache, a)
        await brought(cache, b)
    (tmp_path / "notes.txt").write_text("?")
    (tmp_path / f"{'0' * 64}.5.part").write_bytes(b"left")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / ("2" * 64)).symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost+found").mkdir()
    with (tmp_path / f"{'1' * 64}.5.part").open("wb") as filled:
        fcntl.flock(filled, fcntl.LOCK_EX)
        Folder(tmp_path, BOUND, 0)
        assert files(tmp_path) == sorted([a.sha256, b.sha256, "lost+found", f"{'1' * 64}.5.part"])
    Folder(tmp_path, SIZE, 0)
    assert len(files(tmp_path)) == 2, "one of two fits, beside the volume's own folder"


@pytest.mark.parametrize("name", ["../../evil", "", "A" * 64, "/" + "a" * 63, "a" * 64 + "\n"])
async def test_a_name_that_is_no_digest_names_no_file(tmp_path: Path, name: str) -> None:
    store = Store()
    store.put("a", b"x" * 100)
    async with cache_on(tmp_path / "cache", store) as cache:
        assert await cache.hold(Wanted("a", 100, name), 0, fetch=True) is None
        for act in (cache.folder.opened, cache.folder.remove):
            with pytest.raises(ValueError, match="no SHA-256"):
                act(name)
    assert [each.name for each in tmp_path.iterdir()] == ["cache"] and store.asked == []


async def test_two_processes_fetch_it_once_and_share_the_bound(tmp_path: Path) -> None:
    store = Store()
    wanted, other = store.random("a"), store.random("b", BOUND)
    store.open(CHUNK)
    async with cache_on(tmp_path, store) as one, cache_on(tmp_path, store) as two:
        first = asyncio.create_task(download(one, store, wanted))
        while not store.asked:
            await asyncio.sleep(0.005)
        second = await two.hold(wanted, 0, fetch=True)
        assert second is not None and 0 < await second.ready(0) <= CHUNK, "as it comes, from the other's file"
        assert await two.hold(other, 0, fetch=True) is None, "what the other fetches counts"
        store.open(SIZE)
        assert await first == await read(second, 0, SIZE) == store.objects["a"] and store.asked == ["a"]
        assert await is_hit(one, wanted) and await is_hit(two, wanted)
        assert dict(one.fills.found) == {("done",): 1} and ("done",) not in two.fills.found


async def test_when_the_other_process_gives_up_the_rest_comes_from_the_store(tmp_path: Path) -> None:
    store = Store()
    wanted = store.random("a")
    store.open(CHUNK)
    async with cache_on(tmp_path, store) as two:
        async with cache_on(tmp_path, store) as one:
            first = await one.hold(wanted, 0, fetch=True)
            second = asyncio.create_task(download(two, store, wanted))
            while two.lookups.found != {("joined",): 1}:
                await asyncio.sleep(0.005)
        assert first is not None
        first.close()
        assert await asyncio.wait_for(second, 5) == store.objects["a"]
        store.open(SIZE)
        assert await download(two, store, wanted) == store.objects["a"] and await is_hit(two, wanted)


async def test_nobody_waits_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    wanted, late = store.random("a", AHEAD_BYTES + 3 * CHUNK), store.random("b")
    async with cache_on(tmp_path, store, bytes_max=1 << 30) as cache:
        store.open(CHUNK)
        began = time.monotonic()
        held = await cache.hold(wanted, 0, fetch=True)
        assert held is not None
        assert await cache.hold(wanted, AHEAD_BYTES + 2 * CHUNK, fetch=True) is None, "too far ahead"
        assert time.monotonic() - began < caching.FIRST_WITHIN_S / 2
        monkeypatch.setattr(caching, "FIRST_WITHIN_S", 0.1)
        monkeypatch.setattr(cache_filling, "NEXT_WITHIN_S", 0.1)
        store.open(0)
        assert await asyncio.wait_for(cache.hold(late, 0, fetch=True), 1) is None
        assert await asyncio.wait_for(cache.hold(late, 0, fetch=True), 0.05) is None, "the next does not wait again"
        assert len(await asyncio.wait_for(read(held, 0, wanted.size), 1)) == CHUNK


async def test_a_store_that_breaks_off_leaves_no_file_and_is_asked_again_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, clock = Store(), Time()
    wanted = store.random("a")
    broken = True

    async def whole(key: str, size: int) -> AsyncIterator[bytes]:
        async for data in store.whole(key, size):
            if broken and store.asked == ["a"] and data != store.objects["a"][:CHUNK]:
                raise Unavailable("away")
            yield data

    async with cache_on(tmp_path, store, clock) as cache:
        cache._stream = whole
        assert await download(cache, store, wanted) == store.objects["a"]
        assert files(tmp_path) == [] and dict(cache.fills.found) == {("store",): 1}
        assert await download(cache, store, wanted) == store.objects["a"] and store.asked == ["a"]
        clock.now = AGAIN_S + 1
        await brought(cache, wanted)
    assert caplog.text.count("can't be fetched: away") == 1


async def test_a_defect_of_ours_breaks_no_download(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    wanted = store.random("a")

    async def whole(key: str, size: int) -> AsyncIterator[bytes]:
        yield store.objects[key][:CHUNK]
        raise ZeroDivisionError

    async with cache_on(tmp_path, store) as cache:
        cache._stream = whole
        assert await download(cache, store, wanted) == store.objects["a"]
        assert files(tmp_path) == [] and dict(cache.fills.found) == {("defect",): 1}
    assert caplog.text.count("can't be filled: ZeroDivisionError") == 1


async def test_a_slow_disk_does_not_stop_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    wanted = store.random("a")
    plain = cache_folder.Part.write

    def slow(part: cache_folder.Part, data: bytes) -> None:
        time.sleep(0.1)
        plain(part, data)

    monkeypatch.setattr(cache_folder.Part, "write", slow)
    async with cache_on(tmp_path, store) as cache:
        bringing = asyncio.create_task(brought(cache, wanted))
        late = []
        while not bringing.done():
            began = time.monotonic()
            await asyncio.sleep(0.001)
            late.append(time.monotonic() - began)
        assert sum(late) > 0.1 * SIZE / CHUNK and sorted(late)[-2] < 0.09


class Failing:
    """Stands for a module: the nth call of any of its functions that touch a disk fails."""

    def __init__(self, module: Any, names: tuple[str, ...], turn: "Turn") -> None:
        self._module, self._names, self._turn = module, names, turn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return self._turn.around(name, found) if name in self._names else found


class Turn:
    """Counts calls; the one that is due fails."""

    def __init__(self, due: int, number: int) -> None:
        self.calls, self.due, self.number = 0, due, number
        self.failed = ""

    def around(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.due:
                self.failed = name
                raise OSError(self.number, os.strerror(self.number))
            return act(*args, **kwargs)

        return acting


DISK = ("open", "fstat", "pwrite", "pread", "scandir", "statvfs", "utime", "dup")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
async def test_each_look_at_the_disk_may_fail_and_every_download_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A fetch with an eviction, a hit, and a hit after a start, with one call failing: the first, the second, and so on
    until none is left to fail."""
    caplog.set_level(logging.WARNING)
    failed: set[str] = set()
    for due in range(1, 200):
        folder, store, clock, turn = tmp_path / str(due), Store(), Time(), Turn(due, number)
        old, wanted = store.random("old", 800_000), store.random("a")
        before = len(list(Path("/proc/self/fd").iterdir()))
        async with cache_on(folder, store, clock) as cache:
            await brought(cache, old)
        async with cache_on(folder, store, clock) as cache, cache_on(folder, store, clock) as again:
            with monkeypatch.context() as patch:
                patch.setattr(cache_folder, "os", Failing(os, DISK, turn))
                patch.setattr(caching, "os", Failing(os, ("dup",), turn))
                patch.setattr(cache_folder, "fcntl", Failing(fcntl, ("flock",), turn))
                patch.setattr(Path, "rename", turn.around("rename", Path.rename))
                patch.setattr(Path, "unlink", turn.around("unlink", Path.unlink))
                for each in (cache, cache, again):
                    assert await download(each, store, wanted) == store.objects["a"]
            clock.now += AGAIN_S + 1
            assert await download(cache, store, wanted) == store.objects["a"]
            assert await is_hit(cache, wanted), (due, turn.failed)
            assert cache.folder.held_bytes() <= BOUND
        assert len(list(Path("/proc/self/fd").iterdir())) == before, (due, turn.failed)
        if not turn.failed:
            break
        failed.add(turn.failed)
    assert not turn.failed and failed >= {"open", "fstat", "pwrite", "pread", "scandir", "statvfs", "flock", "rename"}
    assert "the cache of objects" in caplog.text
