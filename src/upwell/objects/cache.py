"""Objects of a store without files, fetched once into files of our own, so that they can leave by sendfile.

Holds: what lies in the cache is served only once this process has digested it and its SHA-256 is the one that is asked
for. An object is fetched once, however many ask for it; who asks meanwhile has the stream as it comes, one for all,
and its end only when the whole is what it should be: nobody gets a wrong object whole. Nobody waits for long: whoever
would, and whoever comes when something is wrong with the cache or its disk, is sent to the store, as if there were no
cache. An error is told once a minute. The event loop does no more than look at one file.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from upwell.domain.errors import Unavailable, UpwellError
from upwell.meters.counting import Tally
from upwell.objects.cache_filling import Filling, Held, State
from upwell.objects.cache_folder import HASH_BYTES, Busy, Folder, NoRoom, Part, Stamp, is_digest, is_left, stamp_of

FILLS_MAX = 4
"""Objects fetched or digested at once; who asks for another one meanwhile is sent to the store."""

FIRST_WITHIN_S = 2.0
"""A reader waits for its first byte until nothing has come for so long, and then asks the store itself."""

AGAIN_S = 30.0
"""An object that could not be had, or no room for it, is not tried again for so long."""

TRIED_MAX = 10_000
"""Objects of which that is known."""

TOLD_EVERY_S = 60.0
"""An error of one kind is logged no more often."""

LOOK_PAUSE_S = 0.02
"""Between two looks at what another process has written."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
Stream = Callable[[str, int], AsyncIterator[bytes]]


class Differs(Exception):
    """What was fetched is not what it should be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object: where the store has it, its size in bytes, and the SHA-256 that it must have."""

    key: str
    size: int
    sha256: str


class Cache:
    """Over `folder`; `stream(key, size)` yields an object's bytes out of its store."""

    def __init__(self, folder: Folder, stream: Stream, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.lookups = Tally()  # hit, joined, miss
        self.fills = Tally()  # done, store, disk, differs, no_room, defect, or cut by our own end
        self._stream = stream
        self._clock = clock
        self._stamps: dict[str, Stamp] = {}
        self._filling: dict[str, Filling] = {}
        self._tried: dict[str, tuple[float, State]] = {}  # until when it is not tried again, and why
        self._told: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(FILLS_MAX, thread_name_prefix="object-cache")

    async def stop(self) -> None:
        """End what is being brought; what is held stays for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hold(self, wanted: Wanted, start: int, *, fetch: bool) -> Held | None:
        """The object from that byte on; None when it is to be had from the store. With `fetch` one that is not here is
        brought. Raises Unavailable when what the store has is known not to be the object."""
        held = self._whole(wanted)
        if held is not None:
            self.lookups.add("hit")
        if held is not None or not fetch:
            return held
        filling = self._filling.get(wanted.sha256) or self._begun(wanted)
        if filling is not None and not filling.is_far(start) and await filling.ready(start, FIRST_WITHIN_S):
            held = self._joined(wanted, filling)
        self.lookups.add("joined" if held else "miss")
        return held

    def _joined(self, wanted: Wanted, filling: Filling) -> Held | None:
        if filling.fd is None:  # it was here already, and is verified by now
            return self._whole(wanted)
        try:
            return Held(os.dup(filling.fd), wanted.size, filling)
        except OSError as exc:
            self._tell("disk", f"can't be read: {exc.strerror}")
            return None

    def _whole(self, wanted: Wanted) -> Held | None:
        """What lies here, verified before and not changed since."""
        stamp = self._stamps.get(wanted.sha256)
        if stamp is None or stamp.size != wanted.size:
            return None
        try:
            fd = self.folder.opened(wanted.sha256, stamp)
        except OSError as exc:
            self._tell("disk", f"can't be read: {exc.strerror}")
            return None
        if fd is None:  # removed for another, or by hand, or changed
            del self._stamps[wanted.sha256]
            return None
        return Held(fd, wanted.size)

    def _begun(self, wanted: Wanted) -> Filling | None:
        """Begin to bring it; None when that is not to be tried now. Raises Unavailable."""
        until, state = self._tried.get(wanted.sha256, (0.0, State.FAILED))
        if until > self._clock():
            if state is State.DIFFERS:
                raise Unavailable("the stored object is not what it should be")
            return None
        fits = 0 < wanted.size <= self.folder.bytes_max and is_digest(wanted.sha256)
        if len(self._filling) >= FILLS_MAX or not fits:
            return None
        filling = self._filling[wanted.sha256] = Filling(wanted.size)
        task = asyncio.get_running_loop().create_task(self._bring(wanted, filling))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return filling

    async def _bring(self, wanted: Wanted, filling: Filling) -> None:
        """All of it, to its end; whatever happens is told to who waits, and where it is a fault to the log."""
        outcome, problem = "cut", ""
        try:
            stamp = await self._thread(self.folder.verified, wanted.sha256, wanted.size)
            outcome = "here"
            if stamp is None:
                stamp, outcome = await self._fetched(wanted, filling)
            self._remember(wanted.sha256, stamp)
        except NoRoom:
            outcome = "no_room"
        except Busy:
            outcome = "beside"
        except Differs:
            outcome, problem = "differs", f"{wanted.key} is not what it should be: its SHA-256 is not {wanted.sha256}"
        except UpwellError as exc:
            outcome, problem = "store", f"can't be fetched: {exc.problem}"
        except OSError as exc:
            outcome, problem = "disk", f"can't be kept: {exc.strerror or exc}"
        except Exception as exc:  # a defect of ours must not be silent, nor break a download
            outcome, problem = "defect", f"can't be filled: {type(exc).__name__}"
        finally:
            self._ended(wanted.sha256, filling, outcome)
        if problem:
            self._tell(outcome, problem)

    def _remember(self, sha256: str, stamp: Stamp) -> None:
        self._stamps.pop(sha256, None)
        self._stamps[sha256] = stamp
        if len(self._stamps) > TRIED_MAX:
            del self._stamps[next(iter(self._stamps))]

    def _ended(self, sha256: str, filling: Filling, outcome: str) -> None:
        if outcome not in ("here", "beside"):
            self.fills.add(outcome)
        whole = outcome in ("here", "done")
        state = State.WHOLE if whole else State.DIFFERS if outcome == "differs" else State.FAILED
        del self._filling[sha256]
        self._tried.pop(sha256, None)
        if not whole and outcome != "beside":
            self._tried[sha256] = self._clock() + AGAIN_S, state
            if len(self._tried) > TRIED_MAX:
                del self._tried[next(iter(self._tried))]
        filling.end(state)
        if filling.fd is not None:
            os.close(filling.fd)
            filling.fd = None

    async def _fetched(self, wanted: Wanted, filling: Filling) -> tuple[Stamp, str]:
        """What is fetched now, by us or by the process that was faster. Raises NoRoom, Busy, Differs, OSError and what
        the store raises."""
        try:
            part = await self._thread(self.folder.begin, wanted.sha256, wanted.size)
        except Busy:
            return await self._followed(wanted, filling), "here"
        filling.fd = part.fd
        try:
            digest = hashlib.sha256()
            async for data in self._stream(wanted.key, wanted.size):
                if part.written + len(data) > wanted.size:
                    raise Differs
                await self._thread(_take, part, digest, data)
                filling.advance(part.written)
            if part.written != wanted.size or digest.hexdigest() != wanted.sha256:
                raise Differs
            return await self._thread(self.folder.finish, part, wanted.sha256), "done"
        except BaseException:
            with suppress(OSError):  # without its lock it is left, and whoever wants room for it removes it
                await self._thread(self.folder.give_up, part)
            raise

    async def _followed(self, wanted: Wanted, filling: Filling) -> Stamp:
        """What another process fetches, read and digested as it comes. Raises Busy when that does not end well,
        Differs, OSError."""
        filling.fd = await self._thread(self.folder.beside, wanted.sha256, wanted.size)
        digest, at = hashlib.sha256(), 0
        while filling.fd is not None and at < wanted.size:
            left = await self._thread(is_left, filling.fd)  # looked at before what it left is read
            data = await self._thread(os.pread, filling.fd, HASH_BYTES, at)
            if data:
                await self._thread(digest.update, data)
                at += len(data)
                filling.advance(at)
            elif left:
                raise Busy
            else:
                await asyncio.sleep(LOOK_PAUSE_S)
        if at == wanted.size and digest.hexdigest() != wanted.sha256:
            raise Differs
        while filling.fd is not None:
            left = await self._thread(is_left, filling.fd)
            stamp = await self._thread(stamp_of, filling.fd)
            if await self._thread(self.folder.has, wanted.sha256, stamp):
                return stamp
            if left:
                break
            await asyncio.sleep(LOOK_PAUSE_S)
        raise Busy

    async def _thread(self, act: Callable[..., _T], *given: object) -> _T:
        """What it gives. Who is cancelled leaves no thread behind: it may write to a file that is closed next."""
        acting = asyncio.get_running_loop().run_in_executor(self._threads, act, *given)
        try:
            return await asyncio.shield(acting)
        except asyncio.CancelledError:
            await asyncio.wait({acting})
            raise

    def _tell(self, kind: str, problem: str) -> None:
        now = self._clock()
        if now - self._told.get(kind, float("-inf")) >= TOLD_EVERY_S:
            self._told[kind] = now
            _log.warning("the cache of objects: %s", problem)


def _take(part: Part, digest: "hashlib._Hash", data: bytes) -> None:
    part.write(data)
    digest.update(data)
