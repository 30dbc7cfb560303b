"""The management doors of one server, joined: whose requests each answers."""

from collections.abc import Callable

from starlette.routing import Route

from upwell.config import Settings
from upwell.dialects.huawei.iam import PROJECTS_PATH, TOKENS_PATH
from upwell.domain.commands import Command
from upwell.doors.management.huawei_callers import Gate
from upwell.doors.management.huawei_sign_in import IamDoor
from upwell.doors.management.rest import RestDoor, everything
from upwell.doors.management.rpc import RpcDoor
from upwell.doors.management.rpc import everything as rpc_at_root
from upwell.doors.management.tongues import Alibaba, Tongue, Tuya
from upwell.objects import Objects
from upwell.service.context import Context, utc_now
from upwell.wiring.upload_desk import Uploads


def management_routes(
    ctx: Context, objects: Objects, settings: Settings, changed: Callable[[Command], None]
) -> list[Route]:
    """Where owners ask; `changed` is told of each command that was done."""
    tuya = Tuya(bare_secret=settings.tuya_bare_secret, wrapped_lists=settings.tuya_wrapped_lists)
    tongues: dict[str, Tongue] = {"alibaba": Alibaba(), "tuya": tuya}
    limited = settings.request_limits
    rpc = RpcDoor(
        ctx=ctx, desk=Uploads(ctx, objects), tongues=tongues, now=utc_now, changed=changed, limited=limited
    )  # fmt: skip
    gate = Gate(ctx=ctx, now=utc_now)
    signing_in = IamDoor(ctx=ctx, gate=gate)
    rest = RestDoor(ctx=ctx, gate=gate, changed=changed, limited=limited)
    return [
        rpc_at_root(rpc),
        everything(rest),
        Route(TOKENS_PATH, signing_in.tokens, methods=["POST"]),
        Route(PROJECTS_PATH, signing_in.projects, methods=["GET"]),
    ]
