"""How toy owners ask: JSON below /toy/v1/, signed with SHA-256 over the secret, the request line and the body."""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from starlette.routing import BaseRoute

from upwell.dialects import rest
from upwell.dialects.rest import RestRequest
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Denied, Invalid, NotFound, TooMany, UnknownKey
from upwell.doors.management.ask import signed
from upwell.doors.management.tongue import BODY_SIZE_MAX, Answer, Asked, Call, House
from upwell.service.context import Context, objects_of
from upwell.service.manage import packages, uploads
from upwell.service.manage.access import AccessKey, Caller

Told = dict[str, Any]
STATUSES = ((UnknownKey, 401), (Denied, 403), (NotFound, 404), (TooMany, 429), (CallerError, 400))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row. `parse` takes the path's ids and the body's members; without it the request is a `use`. `reads` may say
    that it changes nothing, where the role doesn't."""

    method: str
    path: str
    role: str = "operator"
    reads: bool | None = None
    parse: Callable[[Mapping[str, str], Told], c.Command] | None = None
    render: Callable[[Any], Told]


OPERATIONS: dict[str, Operation] = {
    "make a product": Operation(
        method="POST", path="products", role="admin",
        parse=lambda ids, body: c.CreateProduct(name=body["name"]),
        render=lambda product: {"product": product.product_key},
    ),
    "list products": Operation(
        method="GET", path="products", role="admin", reads=True,
        parse=lambda ids, body: c.ListProducts(asked=Slice(take=int(body.get("most", 100)))),
        render=lambda page: {"products": [product.product_key for product in page.items]},
    ),
    "show a product": Operation(
        method="GET", path="products/{product}", role="admin",
        parse=lambda ids, body: c.ShowProduct(product_key=ids["product"]),
        render=lambda product: {"product": product.product_key},
    ),
    "register a device": Operation(
        method="POST", path="products/{product}/devices", role="admin",
        parse=lambda ids, body: c.CreateDevice(product_key=ids["product"], name=body["name"]),
        render=lambda device: {"name": device.name, "secret": device.secret},
    ),
    "upload a package": Operation(
        method="PUT", path="products/{product}/packages/{version}",
        render=lambda made: {"package": str(made.package_id)},
    ),
    "upgrade": Operation(
        method="POST", path="products/{product}/jobs",
        parse=lambda ids, body: c.CreateJob(
            kind="static", product_key=ids["product"], package_ids=(int(body["package"]),),
            device_names=tuple(body["devices"]),
            manner=c.Manner(
                maximum_per_min=body.get("per_minute", 1000),
                retry_interval_min=0 if "tries" in body else None, retry_count=body.get("tries", 1) - 1,
            ),
        ),
        render=lambda made: {"job": str(made.job_id)},
    ),
    "show a job": Operation(
        method="GET", path="jobs/{job}", role="viewer",
        parse=lambda ids, body: c.ListTasks(job_id=int(ids["job"]), asked=Slice(take=100)),
        render=lambda page: {"devices": page.total, "states": Counter(task.state for task in page.items)},
    ),
    "cancel a job": Operation(
        method="DELETE", path="jobs/{job}",
        parse=lambda ids, body: c.CancelTasks(job_id=int(ids["job"])),
        render=lambda done: {},
    ),
}  # fmt: skip


class Toy:
    """A `RestSpeaker`."""

    roots = ("/toy/v1/",)

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """None but the operations."""
        return ()

    def body_size_max(self, method: str, path: str) -> tuple[int, str]:
        """A package is a body."""
        return BODY_SIZE_MAX, "body"

    def claimed(self, asked: Asked[RestRequest]) -> tuple[str, str]:
        """The key is in a header."""
        return asked.request.headers.get("toy-key", ""), asked.request.method

    def call(self, asked: Asked[RestRequest]) -> Call:
        """Where the request line leads."""
        found = rest.route(OPERATIONS, "/toy/v1/", asked.request.method, asked.request.path)
        use = None if found.operation.parse else _upload(found.ids, asked.request.body)
        return Call(operation=found.name, role=found.operation.role, own=found, use=use, reads=found.operation.reads)

    async def caller(self, house: House, asked: Asked[RestRequest], call: Call, key: AccessKey | None) -> Caller:
        """By its signature."""
        request = asked.request

        def prove(secret: str, now: datetime) -> None:
            content = f"{secret}\n{request.method} {request.path}\n".encode() + request.body
            if not hmac.compare_digest(sha256(content).hexdigest(), request.headers.get("toy-sign", "")):
                raise UnknownKey

        return await signed(house, asked, key, request.headers.get("toy-key", ""), prove)

    def command(self, asked: Asked[RestRequest], call: Call) -> c.Command:
        """By the table."""
        try:
            command: c.Command = call.own.operation.parse(call.own.ids, json.loads(asked.request.body or b"{}"))
        except (ValueError, KeyError, TypeError) as exc:
            raise Invalid("body", "JSON with the members of the operation") from exc
        return command

    def answer(self, asked: Asked[RestRequest], result: c.Result) -> Answer:
        """In JSON."""
        return _written(200, OPERATIONS[asked.operation].render(result))

    def refuse(self, asked: Asked[RestRequest], error: Exception) -> Answer:
        """With a status of HTTP, and why."""
        status = next((number for kind, number in STATUSES if isinstance(error, kind)), 500)
        return _written(status, {"problem": str(error) if status < 500 else "try again later"}, code=str(status))

    def job_name(self, job_id: int) -> str:
        """The number itself."""
        return str(job_id)


def _upload(ids: Mapping[str, str], image: bytes) -> Callable[[Context, Caller], Any]:
    async def use(ctx: Context, caller: Caller) -> c.Package:
        ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), "http://toy")
        await uploads.begin_upload(ctx, ticket.object_key)
        writer = await objects_of(ctx).create(ticket.object_key)
        await writer.write(image)
        stored = await writer.commit()
        await uploads.finish_upload(ctx, ticket.object_key, stored.size, stored.md5, stored.sha256)
        version = ids["version"]
        package = c.CreatePackage(
            name=f"toy {version}", url=ticket.url, product_key=ids["product"], version=version, verify=False
        )
        return await packages.create_package(ctx, caller, package)

    return use


def _written(status: int, members: Told, code: str = "") -> Answer:
    return Answer(status, json.dumps(members).encode(), {"content-type": "application/json"}, code)
