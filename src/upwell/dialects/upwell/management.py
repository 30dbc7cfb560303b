"""Our own management API: every operation, where a request line leads, what is asked for and what is answered. Bytes,
keys and HTTP are elsewhere.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from upwell.dialects import rest
from upwell.dialects.rest import Route, ids_of, pairs
from upwell.dialects.upwell import (
    aside_ops,
    attention_ops,
    audit_ops,
    device_ops,
    event_ops,
    flows,
    group_ops,
    hook_ops,
    hours_ops,
    import_ops,
    job_ops,
    key_ops,
    limit_ops,
    module_ops,
    package_ops,
    pages,
    people_ops,
    product_ops,
    promises,
    reading,
    rollback_ops,
    server_ops,
    steer_ops,
    task_ops,
    timeline_ops,
    upload_ops,
    why_ops,
)
from upwell.dialects.upwell.codes import WrongMethod
from upwell.dialects.upwell.params import CURSOR
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command, Result
from upwell.domain.commands.lists import Flow, Page
from upwell.domain.editions import edition
from upwell.domain.errors import CallerError, NotFound

ROOT = "/v1"

OPERATIONS: dict[str, Row] = {
    **product_ops.OPERATIONS,
    **module_ops.OPERATIONS,
    **device_ops.OPERATIONS,
    **aside_ops.OPERATIONS,
    **attention_ops.OPERATIONS,
    **limit_ops.OPERATIONS,
    **import_ops.OPERATIONS,
    **group_ops.OPERATIONS,
    **hours_ops.OPERATIONS,
    **upload_ops.OPERATIONS,
    **package_ops.OPERATIONS,
    **job_ops.OPERATIONS,
    **steer_ops.OPERATIONS,
    **rollback_ops.OPERATIONS,
    **task_ops.OPERATIONS,
    **timeline_ops.OPERATIONS,
    **why_ops.OPERATIONS,
    **key_ops.OPERATIONS,
    **people_ops.OPERATIONS,
    **audit_ops.OPERATIONS,
    **server_ops.OPERATIONS,
    **event_ops.OPERATIONS,
    **hook_ops.OPERATIONS,
}

TAGGED = frozenset(row.path for row in OPERATIONS.values() if row.tagged)
"""Paths of things that can be edited: what shows or changes one tells its tag."""


def is_conditional(row: Row) -> bool:
    """Whether what the operation changes may be named by its edition."""
    return row.path in TAGGED and row.method in ("PATCH", "PUT", "DELETE")


def tag(row: Row, result: Result, body: bytes) -> str | None:
    """The entity tag of an answer about a thing that can be edited."""
    if row.path not in TAGGED or row.shape is None:
        return None
    return promises.tag(edition(row.thing(result)), body)


_PLAIN: dict[str, dict[str, Row]] = {}  # by whole paths without an id: what is one of these is no id
for _name, _row in OPERATIONS.items():
    if "{" not in _row.path:
        _PLAIN.setdefault(ROOT + _row.path, {})[_name] = _row


def route(method: str, path: str) -> Route[Row]:
    """Where a method and a path lead; HEAD leads where GET does, and its answer's body is not sent. Raises
    NotFound("action"), or WrongMethod where the path is there alone."""
    known = _PLAIN.get(path.removesuffix("/"), OPERATIONS)
    try:
        return rest.route(known, ROOT, "GET" if method == "HEAD" else method, path)
    except NotFound:
        segments = path.removesuffix("/").split("/")[1:]
        others = {row.method for row in known.values() if ids_of(ROOT + row.path, segments) is not None}
        if not others:
            raise
        heads = {"HEAD"} if "GET" in others else set[str]()
        raise WrongMethod(method, tuple(sorted(others | heads))) from None


def streams(method: str, path: str) -> bool:
    """Whether a request has a body that is taken as it comes, and never kept."""
    try:
        return path.startswith(f"{ROOT}/") and bool(route(method, path).operation.takes)
    except CallerError:
        return False


def command(found: Route[Row], query: str, body: bytes, headers: Mapping[str, str]) -> Command:
    """What a request asks for, its cursor opened. Raises Missing, Invalid, NotFound."""
    given = pairs(query)
    if found.operation.paged:
        scope = _scope(found, given)
        given = [(name, pages.opened(value, scope) if name == CURSOR and value else value) for name, value in given]
    return reading.command(found.operation, found.ids, given, body, headers)


def members(found: Route[Row], query: str, result: Result) -> dict[str, Any] | None:
    """What is answered: of a page also where the next one begins."""
    shown = found.operation.members(result)
    if shown is None or not isinstance(result, Page) or not found.operation.paged:
        return shown
    cursor = pages.next_cursor(result, _scope(found, pairs(query)))
    return shown if cursor is None else shown | {"next_cursor": cursor}


def pieces(found: Route[Row], flow: Flow[Any]) -> tuple[str, AsyncGenerator[bytes, None]]:
    """The media type of what is answered piece by piece, and the pieces."""
    shape = found.operation.shape
    assert shape is not None  # noqa: S101  # every row that tells has one

    async def written() -> AsyncGenerator[bytes, None]:
        yield flows.told(shape, flow.form, flow.first, first=True)
        async for items in flow.rest:
            yield flows.told(shape, flow.form, items, first=False)

    return flows.FORMS[flow.form], written()


def _scope(found: Route[Row], query: list[tuple[str, str]]) -> str:
    given: Mapping[str, Any] = {**dict(query), **found.ids}
    return pages.scope_of(found.name, given)
