"""The platform's own keys and the links signed with them.

A key is made once per installation and lives in PostgreSQL, so that every process signs alike. A download
token says which task it is for and until when; it holds no secret, and nothing but the key makes one.
"""

import base64
import binascii
import hmac
import secrets
import struct
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from upwell.domain.errors import Denied, NotFound
from upwell.domain.flow import share
from upwell.domain.talk import TaskRef
from upwell.objects.port import Seen
from upwell.service.context import Context
from upwell.service.upgrade.stored_objects import still_same
from upwell.storage.database import Connection, Row, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

_Q = sheet("downloads")
SECRET_SIZE = 32  # bytes
_TOKEN = struct.Struct(">16sqhIB")  # device, job, nth, unix seconds, the file's place: 31 bytes
_MAC_SIZE = 17  # bytes; 136 bits, and the whole token is 48 bytes: 64 characters without padding


async def server_secret(ctx: Context, name: str) -> bytes:
    """The key of that name, 32 bytes; the first process to ask makes it, all others get the same."""

    async def body(conn: Connection) -> bytes:
        seals = seals_of(conn)
        made = seals.seal_bytes(Kept.SERVER, name, secrets.token_bytes(SECRET_SIZE))
        await conn.execute(*_Q["make_secret"](name=name, value=made))
        return seals.open_bytes(Kept.SERVER, name, bytes(await conn.fetchval(*_Q["read_secret"](name=name))))

    return await ctx.devices.transact(body)


def download_token(secret: bytes, task: TaskRef, place: int, expires: datetime) -> str:
    """A link's last part: 64 URL-safe characters that open one file of a task until `expires` (whole seconds). `place`
    counts the files of its package from 0; a package of one has only that."""
    body = _TOKEN.pack(task.device_id.bytes, task.job_id, task.nth, int(expires.timestamp()), place)
    return base64.urlsafe_b64encode(body + _mac(secret, body)).decode("ascii")


def read_download_token(secret: bytes, token: str, now: datetime) -> tuple[TaskRef, int]:
    """The task a token is for, and the place of its file. Raises Denied: `bad link` or `link expired`."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Denied("bad link") from exc
    body, mac = raw[: _TOKEN.size], raw[_TOKEN.size :]
    if len(body) != _TOKEN.size or not hmac.compare_digest(mac, _mac(secret, body)):
        raise Denied("bad link")
    device, job_id, nth, until, place = _TOKEN.unpack(body)
    if now.timestamp() >= until:
        raise Denied("link expired")
    return TaskRef(device_id=UUID(bytes=device), job_id=job_id, nth=nth), place


def policy_signature(secret: bytes, policy: str) -> str:
    """What signs an upload form: Base64 of HMAC-SHA1 over the policy's Base64 text. Compare in constant time."""
    return base64.b64encode(hmac.digest(secret, policy.encode("utf-8"), "sha1")).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that a task installs: its object, size in bytes, MD5 and SHA-256, and the names of the limits of bytes per
    second that may be over it, the narrowest first, each with this process' share of it, None where there is none."""

    key: str
    size: int
    md5: str
    sha256: str
    limits: tuple[tuple[str, int | None], ...]


async def find_download(ctx: Context, task: TaskRef, place: int = 0) -> Download:
    """The file that a task installs. Raises NotFound when the task was cancelled,
    its package is gone or has no file at that place, or the file is not what it was."""
    async with ctx.devices.connection() as conn:
        row = await conn.fetchrow(*_Q["find_download"](**asdict(task), place=place))
    if row is None:
        raise NotFound("task", str(task.job_id))
    if row["object_tag"] is not None:
        expected = Seen(row["size"], row["object_tag"])
        if not await still_same(ctx, row["package_id"], row["object_key"], expected):
            raise NotFound("file", row["object_key"])
    facts = {name: row[name] for name in ("size", "md5", "sha256")}
    return Download(key=row["object_key"], limits=_limits(row, task.job_id), **facts)


def _limits(row: Row, job_id: int) -> tuple[tuple[str, int | None], ...]:
    rates = (
        (f"job {job_id}", row["of_job"]),
        (f"product {row['account_id']} {row['product_id']}", row["of_product"]),
        (f"account {row['account_id']}", row["of_account"]),
    )
    return tuple((name, share(rate, row["nodes"])) for name, rate in rates)


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"upwell download\0" + body, "sha256")[:_MAC_SIZE]
