"""The server as an admin sees it. What this process sees of itself is handed in by wiring; nothing here is counted."""

from dataclasses import replace

from upwell.domain import commands as c
from upwell.domain.concerns import concerns
from upwell.domain.errors import Unavailable
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require


async def show_server(ctx: Context, caller: Caller, cmd: c.ShowServer) -> c.ServerState:
    """What this process sees, and what of it is a concern. Raises Denied, Unavailable."""
    require(caller, "admin")
    look = ctx.sight.look
    if look is None:
        raise Unavailable("This process serves nobody.")
    seen = await look()
    return replace(seen, concerns=concerns(seen))
