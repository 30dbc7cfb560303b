"""`upwell object …`: what lies in an account's buckets, beside a running server.

Where a bucket is, is read from the same settings as the server's: give them by `UPWELL_…` or upwell.toml to both. Only
the bucket's own folder is opened, never the server's store around it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.cli.telling import Column, table
from upwell.config import Settings
from upwell.domain.errors import NotFound, UpwellError
from upwell.objects import open_bucket
from upwell.objects.buckets import Buckets, object_ref
from upwell.objects.port import Objects, Stored
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.service.upgrade import stored_objects

app = noun("Objects in the buckets that packages are made from.", name="object")
COLUMNS: tuple[Column, ...] = (("key", lambda o: o[0]), ("bytes", lambda o: str(o[1])), ("packages", lambda o: o[2]))
T = TypeVar("T")
CHUNK_BYTES = 1024 * 1024

Bucket = Annotated[str, typer.Option(help="3-63 lowercase letters, digits, - and .")]
Key = Annotated[str, typer.Option(help="the object's key, folders included")]
Region = Annotated[str, typer.Option(help="needed where a bucket's place is mapped for one region")]
Account = Annotated[str, typer.Option(help="whose bucket")]


@verb(app, "put", "upwell object put --bucket firmware --key v2/upgrade.bin ./upgrade.bin")
@described
def put(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="what is copied")],
    bucket: Bucket, key: Key, region: Region = "", account: Account = access.DEFAULT_ACCOUNT,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Copy a file into a bucket; prints its size and SHA-256, the `sign` of a package. An empty file is refused: no
    package can be made of it."""
    settings = settings_of(locals())

    async def use(ctx: Context) -> str:
        account_id = await access.find_account(ctx, account)
        store = _bucket(settings, account_id, region, bucket)
        stored = await _copy(file, store, key)
        await stored_objects.read_anew(ctx, account_id, bucket, key)
        return f"{stored.size} bytes, sha256 {stored.sha256}"

    print(with_database(settings, _acting("object put", account, bucket, key, region, use)))


@verb(app, "list", "upwell object list --bucket firmware")
@described
def list_objects(
    bucket: Bucket, region: Region = "", account: Account = access.DEFAULT_ACCOUNT,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Show a bucket's objects, and how the packages stand that are made from them."""
    settings = settings_of(locals())

    async def use(ctx: Context) -> list[tuple[str, int, str]]:
        account_id = await access.find_account(ctx, account)
        store = _bucket(settings, account_id, region, bucket)
        found = {key: size async for key, size in store.listed()}
        packages = await stored_objects.packages_of_bucket(ctx, account_id, bucket)
        # An object that is gone is shown as long as a package is made from it.
        return [(key, found.get(key, 0), packages.get(key, "")) for key in sorted(found.keys() | packages.keys())]

    table(COLUMNS, with_database(settings, use))


@verb(app, "rm", "upwell object rm --bucket firmware --key v2/upgrade.bin")
@described
def remove(
    bucket: Bucket, key: Key, region: Region = "", account: Account = access.DEFAULT_ACCOUNT,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Remove an object; packages that are made from it are offered no more."""
    settings = settings_of(locals())

    async def use(ctx: Context) -> None:
        account_id = await access.find_account(ctx, account)
        store = _bucket(settings, account_id, region, bucket)
        is_there = await store.exists(key)
        await store.delete(key)
        await stored_objects.read_anew(ctx, account_id, bucket, key)
        if not is_there:
            raise NotFound("object", key)

    with_database(settings, _acting("object rm", account, bucket, key, region, use))
    print(f"removed {key}")


def _acting(
    operation: str, account: str, bucket: str, key: str, region: str, use: Callable[[Context], Awaitable[T]]
) -> Callable[[Context], Awaitable[T]]:
    """What a bucket holds is in no transaction: it is in the audit before it is done."""

    async def known(ctx: Context) -> T:
        what = {"account": account, "bucket": bucket, "key": key, "region": region}
        account_id = await access.find_account(ctx, account)
        return await acting(operation, what, use, account_id=account_id, held=False)(ctx)

    return known


def _bucket(settings: Settings, account_id: int, region: str, bucket: str) -> Objects:
    object_ref(access.project_id(account_id), region or "any", bucket, "key")  # a package could name it no other way
    url = settings.objects_at
    # Only buckets are asked for, so the server's own store, which belongs to its process, is not opened.
    every = Buckets(open_bucket(url), url, settings.buckets, open_bucket)
    return every.bucket(access.project_id(account_id), region, bucket)


async def _copy(file: Path, store: Objects, key: str) -> Stored:
    """Raises UpwellError for a file without a byte; what the key has stays then."""
    writer, is_empty = await store.create(key), True
    try:
        with file.open("rb") as source:
            while data := await asyncio.to_thread(source.read, CHUNK_BYTES):
                await writer.write(data)
                is_empty = False
        if is_empty:
            raise UpwellError(f"{file} is empty, and no package can be made of an empty file; nothing was stored")
        return await writer.commit()
    finally:
        await writer.abort()  # does nothing after a commit
