"""The cache of objects of one process, and how the download door asks it.

There is none where every store has files of its own, and where its folder can't be had.
"""

import logging

from upwell.config import Settings
from upwell.doors.downloads.files import Held, Hold
from upwell.doors.downloads.heads import Found
from upwell.objects import local_folder
from upwell.objects.buckets import Buckets
from upwell.objects.cache import Cache, Wanted
from upwell.objects.cache_folder import Folder
from upwell.wiring.health import MB

SPARE_MB = 512
"""What stays free beside `disk_floor_mb`: the cache is never why a server is not ready."""

log = logging.getLogger(__name__)


def is_of_use(settings: Settings) -> bool:
    """Whether there is a store without files, and the cache is not turned off."""
    urls = (settings.objects_at, *settings.buckets.values())
    return settings.object_cache_mb > 0 and any(local_folder(url) is None for url in urls)


def floor_bytes(settings: Settings) -> int:
    """Of the disk, what the cache leaves free."""
    return (settings.disk_floor_mb + SPARE_MB) * MB


def cache_of(settings: Settings, objects: Buckets) -> Cache | None:
    """The cache over these stores; a server without one serves all the same, so that it can't be had is a line of the
    log."""
    if not is_of_use(settings):
        return None
    try:
        folder = Folder(settings.object_cache, settings.object_cache_mb * MB, floor_bytes(settings))
    except OSError as exc:
        log.warning("there is no cache of objects: %s can't be used: %s", settings.object_cache, exc.strerror or exc)
        return None
    return Cache(folder, objects.whole)


def hold_by(cache: Cache | None) -> Hold | None:
    """How the download door asks for an object."""
    if cache is None:
        return None

    async def hold(found: Found, start: int, fetch: bool) -> Held | None:
        return await cache.hold(Wanted(found.key, found.size, found.sha256), start, fetch=fetch)

    return hold
