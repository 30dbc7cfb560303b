"""How Tuya's operations are written down: rows that say which parameter fills which field of which command."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from upwell.dialects.checks import Range
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_checks import FROM_ONE, device_key
from upwell.domain.commands import Command, Result
from upwell.domain.commands.lists import Slice


def _as_given(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Ask:
    """A parameter and the field of the command that it fills; `read` turns the one's value into the other's."""

    field: str
    param: Param
    read: Callable[[Any], Any] = _as_given


def ask(field: str, name: str, kind: Any = "text", read: Callable[[Any], Any] = _as_given, **more: Any) -> Ask:
    """The row of the parameter `name`; `more` are the fields of Param."""
    return Ask(field, Param(name, kind, **more), read)


PRODUCT = ask("product_key", "ProductKey", required=True)

Further = Callable[[Values], dict[str, Any]]


def _nothing(_: Any) -> dict[str, Any]:
    return {}


def operation(
    role: str,
    command: Callable[..., Command],
    asks: tuple[Ask, ...],
    shows: Callable[[Any], dict[str, Any]] = _nothing,
    *,
    more: tuple[Param, ...] = (),
    further: Further = _nothing,
    selects: bool = False,
) -> Operation:
    """One Action. An absent parameter leaves its field at the command's default; `further` makes the fields that
    several parameters decide, reading the rows `more` too, and checks what they must keep together."""

    def build(given: dict[str, Any]) -> Command:
        fields = further(given)
        for each in asks:
            value = given[each.param.name]
            if value is not None:
                fields.setdefault(each.field, each.read(value))
        return command(**fields)

    return Operation(role, (*(each.param for each in asks), *more), build, shows, selects=selects)


def data(shows: Callable[[Any], Any]) -> Callable[[Result], dict[str, Any]]:
    """An answer whose payload is under `data` (tuya 1.4)."""
    return lambda result: {"data": shows(result)}


def of_device(given: Values) -> dict[str, Any]:
    """The field of a command about one device (tuya 2.7)."""
    return {"device": device_key(given)}


def paged(size_max: int, *, number: int | None = None, size: int | None = None) -> tuple[Ask, Ask]:
    """The rows of CurrentPage and PageSize, for `sliced`; they are required unless they have a default."""
    return (
        ask("number", "CurrentPage", "int", required=number is None, check=FROM_ONE, default=number),
        ask("size", "PageSize", "int", required=size is None, check=Range(1, size_max), default=size),
    )


def sliced(command: Callable[..., Command]) -> Callable[..., Command]:
    """The command of a list, from the rows of `paged`."""
    return lambda number, size, **more: command(asked=Slice.of_page(number, size), **more)
