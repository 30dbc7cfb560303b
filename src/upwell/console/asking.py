"""How a page asks: the operations of `/v1`, in this process, as the user who looks.

Holds: whatever a page shows was told by an operation that a script has too, read by the same table, with the same
checks and the same rights; nothing here changes anything.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from upwell.dialects.upwell import codes, management
from upwell.domain.commands.lists import Flow
from upwell.domain.editions import edition
from upwell.domain.errors import Invalid, Missing, NotFound
from upwell.service.context import Context
from upwell.service.manage import uses
from upwell.service.manage.access import Caller

Members = dict[str, Any]
QUERY_CHARS_MAX = 4000


@dataclass(frozen=True, slots=True)
class File:
    """A list that is told whole: what it is called, and its pieces as they come."""

    name: str
    media: str
    pieces: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class V1:
    """The API as one caller has it; `asked` are the lines of what was asked, for whoever wants to do the same."""

    ctx: Context
    caller: Caller
    origin: str
    asked: list[str] = field(default_factory=list)
    editions: dict[str, str] = field(default_factory=dict)  # of what can be edited, by its path

    async def get(self, path: str, /, *ids: str, **query: str | int | None) -> Members:
        """What GET on the path tells, its `{}` filled with the ids in turn. Raises UpwellError."""
        whole = management.ROOT + path.format(*(quote(each, safe="") for each in ids))
        said = urlencode({name: value for name, value in query.items() if value not in (None, "")})
        self.asked.append(f"{whole}?{said}" if said else whole)
        found = management.route("GET", whole)
        command = management.command(found, said, b"", {})
        result = await uses.perform(self.ctx, self.caller, command, found.operation.role, self.origin)
        seen = edition(found.operation.thing(result)) if found.operation.path in management.TAGGED else None
        if seen is not None:
            self.editions[whole] = seen
        return management.members(found, said, result) or {}

    async def file(self, path: str, /, **query: str) -> File:
        """What GET on a path tells piece by piece, in its `format`. Raises UpwellError."""
        found, said = management.route("GET", management.ROOT + path), urlencode(query)
        command = management.command(found, said, b"", {})
        flow = await uses.perform(self.ctx, self.caller, command, found.operation.role, self.origin)
        assert isinstance(flow, Flow)  # noqa: S101  # what else is told has no format
        media, pieces = management.pieces(found, flow)
        return File(f"{found.name}.{flow.form}", media, pieces)

    async def maybe(self, path: str, /, *ids: str, **query: str | int | None) -> Members | None:
        """The same; None where it is not found."""
        try:
            return await self.get(path, *ids, **query)
        except NotFound:
            return None

    def may(self, role: str) -> bool:
        """Whether the caller has the role, or one above it."""
        return allowed(self.caller.role, role)


async def tried(page: Awaitable[Members]) -> Members:
    """A page of a list; where a filter of it can't be, an empty one with the problem, so that nothing typed is lost."""
    try:
        return {"problem": None, **await page}
    except (Invalid, Missing) as exc:
        return {"problem": codes.refusal(exc, "").members, "items": []}


def allowed(has: str, needs: str) -> bool:
    """Whether the one role is the other, or above it."""
    order = ("viewer", "operator", "approver", "admin")
    return order.index(has) >= order.index(needs)


def kept(query: Mapping[str, str], *names: str) -> dict[str, str]:
    """Those of a page's parameters that an operation has, where they say something."""
    return {name: query[name].strip() for name in names if query.get(name, "").strip()}
