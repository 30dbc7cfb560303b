"""Tuya's answers (tuya 1.4, 2.10): lower-camel members, lower-case request ids, JSON alone.

What an operation shows is a table: a member's name, and the field of the core's view or the function that it comes
from. Top-level members are in alphabetical order, as in the seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upwell.dialects import rpc_answers
from upwell.domain.commands.lists import Page

Table = Mapping[str, str | Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that the vendor's relative wraps into a struct with one member, `wrapper` (tuya 7.6)."""

    wrapper: str
    items: list[Any]


def struct(table: Table, view: Any) -> dict[str, Any]:
    """The view's members, in the table's order."""
    return {name: getattr(view, of) if isinstance(of, str) else of(view) for name, of in table.items()}


def rows(table: Table, views: Sequence[Any]) -> list[Any]:
    """One struct for each view."""
    return [struct(table, view) for view in views]


def page(
    table: Table, wrapper: str, member: str = "data", number: str = "CurrentPage"
) -> Callable[[Page[Any]], dict[str, Any]]:
    """How a page is shown: its list, and the paging members beside it (tuya 2.6)."""

    def shown(view: Page[Any]) -> dict[str, Any]:
        paging = {name[0].lower() + name[1:]: value for name, value in rpc_answers.paging(view, number).items()}
        return paging | {member: Listed(wrapper, rows(table, view.items))}

    return shown


def success(request_id: str, members: Mapping[str, Any], *, wrapped: bool = False) -> bytes:
    """The answer to a request that was done. `wrapped` writes lists as Alibaba does (tuya 7.6)."""
    plain = {name: _unwrapped(value, wrapped) for name, value in members.items()}
    return _body({"code": "", "requestId": request_id.lower(), "success": True, **plain})


def failure(request_id: str, code: str, message: str) -> bytes:
    """The answer to a request that is refused (tuya 2.10)."""
    return _body({"code": code, "errorMessage": message, "requestId": request_id.lower(), "success": False})


def _body(members: Mapping[str, Any]) -> bytes:
    return rpc_answers.json_bytes(dict(sorted(members.items())))


def _unwrapped(value: Any, wrapped: bool) -> Any:
    if isinstance(value, Listed):
        return {value.wrapper: value.items} if wrapped else value.items
    if isinstance(value, Mapping):
        return {name: _unwrapped(member, wrapped) for name, member in value.items()}
    return value
