"""The REST style of request: a method on a path, with ids in it, a query and a body; and where it leads by a table.

It refuses to hold whose request it is, how it is signed, and any vendor's code: those are the dialects'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote

from upwell.domain.errors import Invalid, NotFound

PARAMETERS_MAX = 1000  # of a query
REPEATED = "Idempotency-Replayed"  # the header of an answer that was given before


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRequest:
    """One HTTP request as it was received.

    `path` and `query` are as on the request line, percent-encoded. `headers` have lower-case names, repeated ones
    joined by ',', and values of which each character is one byte of the wire (ISO 8859-1), as HTTP servers give them.
    `body` is every byte of it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def pairs(query: str, most: int = PARAMETERS_MAX) -> list[tuple[str, str]]:
    """The names and values of a query, blank ones kept. Raises Invalid naming `query` when there are more."""
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=most)
    except ValueError as exc:
        raise Invalid("query", f"at most {most} parameters") from exc


class Placed(Protocol):
    """What is read here of an operation: `path` is below its dialect's root, its ids in braces."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...


OperationT = TypeVar("OperationT", bound=Placed)


@dataclass(frozen=True, slots=True)
class Route(Generic[OperationT]):
    """Where a request line leads: an operation, and the ids of the whole path by their names, decoded."""

    name: str
    operation: OperationT
    ids: Mapping[str, str]


def route(operations: Mapping[str, OperationT], root: str, method: str, path: str) -> Route[OperationT]:
    """Where a method and a path lead; `path` is percent-encoded as on the wire, so that %2F stays within its id. Raises
    NotFound("action") when no operation is there."""
    segments = path.removesuffix("/").split("/")[1:]
    for name, operation in operations.items():
        ids = ids_of(root + operation.path, segments) if operation.method == method else None
        if ids is not None:
            return Route(name, operation, ids)
    raise NotFound("action", f"{method} {path}"[:128])


def ids_of(template: str, segments: list[str]) -> dict[str, str] | None:
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
