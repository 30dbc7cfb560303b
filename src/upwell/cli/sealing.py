"""`upwell secrets …` on the server's machine: the keys that secrets in the database are encrypted with."""

import base64
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.exits import Ended, Exit
from upwell.cli.settings import Option, settings_of, with_database
from upwell.service.context import Context
from upwell.service.manage import resealing
from upwell.service.upgrade import seal_keys
from upwell.storage.sealing import KEY_SIZE, key_id

TOLD_EVERY = 100_000  # rows

app = noun("Secrets in the database: encrypted with which key.", name="secrets")


@verb(app, "make-key", "upwell secrets make-key /etc/upwell/secret-key")
def make_key(file: Annotated[Path, typer.Argument(help="a file that is not there yet")]) -> None:
    """Make a key for --secret-key-file, in a file that is for you alone.

    Keep a copy where the backups are not: without it they can't be used."""
    key = secrets.token_bytes(KEY_SIZE)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise Ended(Exit.FAILED, f"upwell: {file} can't be made: {exc.strerror}") from exc
    with os.fdopen(handle, "wb") as written:
        written.write(base64.b64encode(key) + b"\n")
        os.fsync(written.fileno())
    print(f"made the key {key_id(key)} in {file}")


@verb(app, "rotate", "upwell secrets rotate --secret-key-file /etc/upwell/secret-key")
@described
def rotate(
    data_dir: Option = None, database_url: Option = None, secret_key_file: Option = None,
    secret_key_command: Option = None,
) -> None:  # fmt: skip
    """Encrypt all secrets with the first key, while servers run or not; keys behind it are those that some are
    encrypted with now. With `plain` as the first line they are encrypted no more.

    Every server that runs must have been started with the same keys. What was interrupted is begun again."""

    async def body(ctx: Context) -> tuple[str, int]:
        written = told = 0
        async for step in resealing.rotate(ctx):
            if step.is_over:
                written, told = written + step.written, 0
                print(f"{step.table}: {step.read} rows, {step.written} written", flush=True)
            elif step.read - told >= TOLD_EVERY:
                told = step.read
                print(f"{step.table}: {step.read} rows so far", flush=True)
        return ctx.database.seals.first, written

    first, written = with_database(
        settings_of(locals()), acting("secrets rotate", {}, body, held=False), with_secrets=True
    )
    how = f"encrypted with the key {first}" if first else "kept plain"
    print(f"all secrets are {how}; rows written: {written}")


@verb(app, "status", "upwell secrets status --data-dir ./upwell-data")
@described
def status(data_dir: Option = None, database_url: Option = None) -> None:
    """Read how every secret is kept: the id of its key, or plain. It needs no key."""

    async def body(ctx: Context) -> None:
        async for held in resealing.counted(ctx):
            told = ", ".join(f"{count} {_how(key)}" for key, count in sorted(held.by_key.items()))
            print(f"{held.table}: {told or 'none'}", flush=True)
        async with ctx.database.connection() as conn:
            for key in await seal_keys.known(conn):
                whole = f", all secrets since {key.whole_at:%Y-%m-%d %H:%M}" if key.whole_at else ""
                print(f"the key {key.key_id}: in use since {key.added_at:%Y-%m-%d %H:%M}{whole}")

    with_database(settings_of(locals()), body)


def _how(key: str) -> str:
    return f"with the key {key}" if key else "plain"
