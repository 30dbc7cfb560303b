"""How lists of devices are read: a dialect's knowledge, handed in by wiring, for a list is read long after the request
that brought it."""

from collections.abc import Sequence
from typing import Protocol

from upwell.domain.commands import ListHead, ListRows, RowProblem
from upwell.domain.errors import CallerError


class RowReader(Protocol):
    """Reads lists of the forms csv and ndjson. It is pure; `whole` says that nothing comes behind `data`."""

    def head(self, form: str, data: bytes, *, whole: bool) -> ListHead | None:
        """The head of the list that begins so; None when more of it is needed. Raises Invalid for what is no such list,
        or has a column that is unknown, missing or there twice."""

    def rows(
        self, form: str, columns: Sequence[str], product_key: str, data: bytes, first: int, most: int, *, whole: bool
    ) -> ListRows:
        """At most `most` rows from the beginning of `data`, the first of which has the number `first`; none where a row
        is longer than `data`."""

    def problem(self, row: int, error: CallerError) -> RowProblem:
        """What is told of a row that was refused so."""
