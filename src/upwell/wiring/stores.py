"""The database and the object stores of a server, found to be there before it says that it is ready."""

import asyncio

from upwell.config import Settings
from upwell.config.sources import SettingError
from upwell.domain.errors import Unavailable, UpwellError
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import CHECK_WITHIN_S, Buckets
from upwell.storage.database import Database
from upwell.storage.sealing import Seals


async def open_database(settings: Settings, dsn: str, seals: Seals | None = None) -> Database:
    """The database, connected to; `seals` is what its secrets are kept by, for whoever needs them. Raises Unavailable
    naming the setting that says where it is."""
    given = settings.database_url is not None
    name = f"The PostgreSQL of {settings.named('database_url')}" if given else "PostgreSQL"
    database = Database(dsn, name, seals=seals)
    await database.open()
    return database


def stores_of(settings: Settings) -> Buckets:
    """The platform's own store and the mapped buckets, whether they answer or not. Raises `Invalid`, Unavailable."""
    url = settings.objects_at
    return Buckets(open_objects(url), url, settings.buckets, open_bucket)


async def open_stores(settings: Settings) -> Buckets:
    """The platform's own store, which takes writes, and every mapped bucket, which is looked at only. Raises
    SettingError naming the setting whose store can't be used."""
    url = settings.objects_at
    setting = "data_dir" if settings.objects_url is None else "objects_url"
    try:
        buckets = stores_of(settings)
        await asyncio.wait_for(buckets.check(), CHECK_WITHIN_S)
    except TimeoutError as exc:
        rule = f"its store gives no answer within {CHECK_WITHIN_S:g} s"
        raise SettingError(setting, url, rule, settings.sources.get(setting)) from exc
    except UpwellError as exc:
        raise SettingError(setting, url, exc.problem, settings.sources.get(setting)) from exc
    try:
        await buckets.check_mapped()
    except Unavailable as exc:
        raise SettingError(
            "buckets", ", ".join(settings.buckets), exc.problem, settings.sources.get("buckets")
        ) from exc
    return buckets
