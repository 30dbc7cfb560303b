"""What a row of our own table has beside what every tongue's has: what the document says of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from upwell.dialects.operations import Operation, Table
from upwell.dialects.upwell.flows import FORMS
from upwell.dialects.upwell.params import WINDOW
from upwell.dialects.upwell.shapes import Shape
from upwell.domain.commands import Command
from upwell.domain.commands.lists import Page

CONTENT_TYPE = "Content-Type"  # what a body that is taken as it comes is said to be
BYTES = "application/octet-stream"
Build = Callable[[dict[str, Any]], Command]


@dataclass(frozen=True, slots=True)
class Row(Operation):
    """One operation. `shape` is what its answer shows, of each item where it is `many`; the items are a page where it
    is `paged`. `notes` are further sentences. Of the members of each of `apart` at most one may be given, of `one`
    exactly one, and the first of each of `needs` not without the second. `gives` is the id in paths that its answer's
    own id is. One that is `tagged` shows a thing that can be edited, as which edition; `thing` is that in what a
    command tells. One that `is_open` needs no key. `heads` are headers that it reads. What has media types in `takes`
    has a body of one of these, which is taken as it comes; what has some in `tells` is answered in one of those, piece
    by piece."""

    summary: str = ""
    shape: Shape | None = None
    many: bool = False
    paged: bool = False
    notes: str = ""
    apart: tuple[tuple[str, ...], ...] = ()
    one: tuple[str, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    gives: str = ""
    tagged: bool = False
    is_open: bool = False
    thing: Callable[[Any], Any] = lambda told: told
    heads: Table = ()
    takes: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()

    @property
    def repeats(self) -> bool:
        """Whether a request may come again under an Idempotency-Key."""
        return self.method == "POST" and not self.is_open


def row(
    method: str, path: str, role: str, summary: str, build: Build, shape: Shape | None = None, *, body: Table = (),
    **more: Any,
) -> Row:  # fmt: skip
    """An operation that tells of one thing, or of none. `of` finds the thing in what a command tells."""
    of = more.pop("of", lambda told: told)
    show = None if shape is None else lambda told: shape.show(of(told))
    status = more.pop("status", 204 if shape is None else 200)
    return Row(role, body, build, show, method=method, path=path, summary=summary, shape=shape, status=status, thing=of,
               **more)  # fmt: skip


def listed(path: str, role: str, summary: str, build: Build, shape: Shape, *, query: Table = (), **more: Any) -> Row:
    """A list that goes from page to page by cursors."""
    return Row(
        role, (), build, lambda page: {"items": [shape.show(item) for item in page.items]}, method="GET", path=path,
        summary=summary, shape=shape, many=True, paged=True, query=(*query, *WINDOW), **more,
    )  # fmt: skip


def all_of(path: str, role: str, summary: str, build: Build, shape: Shape, **more: Any) -> Row:
    """A list that is never long, told whole."""
    return Row(
        role, (), build, lambda told: {"items": [shape.show(item) for item in _items(told)]}, method="GET", path=path,
        summary=summary, shape=shape, many=True, **more,
    )  # fmt: skip


def flowing(path: str, role: str, summary: str, build: Build, shape: Shape, **more: Any) -> Row:
    """A list told whole, piece by piece, in the form that is asked for."""
    tells = tuple(FORMS.values())
    return Row(role, (), build, None, method="GET", path=path, summary=summary, shape=shape, tells=tells, **more)


def _items(told: Any) -> Iterable[Any]:
    return told.items if isinstance(told, Page) else told
