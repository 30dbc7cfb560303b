"""Imports: many devices made of a list of rows, and lists of devices told piece by piece."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.devices import CreateDevice
from upwell.domain.commands.lists import Slice

# --- what a list has in it ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHead:
    """What stands before the first device of a list: its columns where it names them, how many bytes it has and how
    many rows."""

    columns: tuple[str, ...] = ()
    size: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDevice:
    """What one row asks for."""

    row: int
    device: CreateDevice
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """Why nothing was made of a row, by the parameter that is at fault, empty where none is, and what to do."""

    row: int
    parameter: str
    problem: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRows:
    """Some rows of a list: `size` bytes of it and `rows` rows, blank ones too."""

    items: tuple[NewDevice | RowProblem, ...]
    size: int
    rows: int


# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import. `form` is csv or ndjson, `status` running, done, failed for the reason in `problem`, or canceled. Of
    `rows_read`, which a header is one of, so many were made, named devices that exist as they are asked for, or were
    refused; the first problems are `problems`."""

    import_id: int
    product_key: str
    form: str
    size: int
    status: str
    problem: str | None
    rows_read: int
    made: int
    existing: int
    refused: int
    created_at: datetime
    ended_at: datetime | None
    problems: tuple[RowProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDevice:
    """A device that an import made, by the row that it is of."""

    row: int
    public_id: str
    name: str
    secret: str


# --- asked ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateImport:
    """→ Import of the list that comes with the command; its devices are made from now on."""

    product_key: str
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowImport:
    """→ Import."""

    import_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListImports:
    """→ Page[Import], newest first, without their problems."""

    asked: Slice
    space: str | None = None
    product_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListImportProblems:
    """→ Page[RowProblem] in the order of rows; `asked.below` is the row that the page before ended with."""

    import_id: int
    asked: Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class ListImportDevices:
    """→ Flow[ImportedDevice] of those that live on, in the order of rows."""

    import_id: int
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelImport:
    """→ Import. What was made stays."""

    import_id: int
