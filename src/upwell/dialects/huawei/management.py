"""Huawei's management API, version 5 (huawei 2-4): from a request line to an operation, from its parts to a command of
the core, and from the core's result to the members of the answer. Bytes, signatures and HTTP are elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from upwell.dialects.huawei import (
    app_ops,
    device_ops,
    group_ops,
    hook_ops,
    job_ops,
    module_ops,
    package_ops,
    product_ops,
    tag_ops,
)
from upwell.dialects.huawei.operation import Operation, Pairs
from upwell.domain.commands import Command, Result
from upwell.domain.errors import NotFound

ROOT = ("v5", "iot")
UPLOAD_PATH = "/batchtask-files"  # POST of a form there is the door's (huawei 3.10)

OPERATIONS: dict[str, Operation] = {
    **package_ops.OPERATIONS,
    **module_ops.OPERATIONS,
    **job_ops.OPERATIONS,
    **app_ops.OPERATIONS,
    **product_ops.OPERATIONS,
    **device_ops.OPERATIONS,
    **group_ops.OPERATIONS,
    **tag_ops.OPERATIONS,
    **hook_ops.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request line leads: an operation, the project and the ids of the path, decoded."""

    name: str
    operation: Operation
    project_id: str
    ids: Mapping[str, str]

    def decode(self, query: Pairs, body: bytes) -> Command:
        """The command that the request asks for. Raises NotFound, Missing or Invalid, which `codes` words."""
        return self.operation.parse(self.ids, query, body)


def route(method: str, path: str) -> Route:
    """Where a method and a path lead; `path` is percent-encoded as on the wire, so that %2F stays within its id. Raises
    NotFound("action") when no operation is there."""
    segments = path.removesuffix("/").split("/")[1:]
    if tuple(segments[:2]) == ROOT and len(segments) > 3:
        for name, operation in OPERATIONS.items():
            ids = _ids(operation.path, segments[3:]) if operation.method == method else None
            if ids is not None:
                return Route(name, operation, unquote(segments[2]), ids)
    raise NotFound("action", f"{method} {path}"[:128])


def pairs(query: str) -> list[tuple[str, str]]:
    """The names and values of a query as on the wire; the SDK writes a blank as %20 and a plus as %2B."""
    parts = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in parts]


def upload_project(method: str, path: str) -> str | None:
    """The project of a request that uploads a file of targets; None for any other request."""
    segments = path.removesuffix("/").split("/")[1:]
    is_upload = method == "POST" and len(segments) > 3 and f"/{'/'.join(segments[3:])}" == UPLOAD_PATH
    return unquote(segments[2]) if is_upload and tuple(segments[:2]) == ROOT else None


def _ids(template: str, segments: list[str]) -> dict[str, str] | None:
    """The ids of a path that a template fits, by their names; None when it doesn't."""
    parts = template.split("/")[1:]
    if len(parts) != len(segments):
        return None
    ids: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            ids[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return ids


def encode(name: str, result: Result) -> dict[str, Any] | None:
    """The members of a successful answer in their order; None for one without a body."""
    return OPERATIONS[name].render(result)
