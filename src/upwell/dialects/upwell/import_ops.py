"""Our own operations on imports: lists of devices to be made."""

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.flows import CSV, FORMS, NDJSON
from upwell.dialects.upwell.params import KEY, PRODUCT_ID, label, path_id, sort
from upwell.dialects.upwell.rows import CONTENT_TYPE, Row, flowing, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

STATUSES = ("running", "done", "failed", "canceled")
_FORM_OF = {media: form for form, media in FORMS.items()}
FORMAT = Param("format", check=OneOf(tuple(FORMS)))

_PROBLEM = (
    number("row", lambda r: r.row, "its number in the list from 1, a header counted"),
    text("parameter", lambda r: r.parameter or None, "which column or member is at fault", always=False),
    text("problem", lambda r: r.problem),
    text("try", lambda r: r.advice),
)  # fmt: skip
PROBLEM = Shape("ImportProblem", "A row that nothing was made of.", _PROBLEM)
IMPORT = Shape("Import", "A list of devices to be made.", (
    text("id", lambda r: names.import_id(r.import_id)),
    text("product_id", lambda r: r.product_key),
    text("format", lambda r: r.form, enum=list(FORMS)),
    number("size", lambda r: r.size, "bytes"),
    text("status", lambda r: r.status, "more may come", enum=list(STATUSES)),
    text("problem", lambda r: r.problem, "why it failed, or does not go on at present", always=False),
    number("rows_read", lambda r: r.rows_read, "a header counted"),
    number("made", lambda r: r.made),
    number("existing", lambda r: r.existing, "devices that were there already; nothing is changed of them"),
    number("refused", lambda r: r.refused),
    free("first_problems", {"type": "array", "items": members(*_PROBLEM)},
         lambda r: [PROBLEM.show(each) for each in r.problems] or None, always=False),
    at("started_at", lambda r: r.created_at),
    at("ended_at", lambda r: r.ended_at, always=False),
))  # fmt: skip
IMPORTED = Shape("ImportedDevice", "A device that an import made.", (
    text("id", lambda r: r.public_id),
    text("name", lambda r: r.name),
    text("secret", lambda r: r.secret),
))  # fmt: skip

_ALL, _ONE = "/imports", "/imports/{import_id}"
_PATH = path_id("import_id", label(64))


def form_of(v: Values) -> str:
    """The form that is asked for, of a list that is told: csv where none is."""
    return str(v["format"] or "csv")


def _create(v: Values) -> c.CreateImport:
    media = str(v[CONTENT_TYPE] or "").partition(";")[0].strip().lower()
    form = v["format"] or _FORM_OF.get(media)
    if form is None:
        raise Invalid("Content-Type", f"{CSV} or {NDJSON}", "or say `format`")
    return c.CreateImport(product_key=v["product_id"], form=form)


def _number(v: Values) -> int:
    return names.read_import_id(v["import_id"])


OPERATIONS: dict[str, Row] = {
    "create_import": row(
        "POST", _ALL, "operator", "Make many devices of a list.", _create, IMPORT, status=202,
        query=(Param("product_id", required=True, check=KEY), FORMAT), takes=(CSV, NDJSON), gives="import_id",
        notes="CSV with a header, or one JSON object a line; at most 256 MB and a million rows. Columns or members are"
              " those of a device to be made, `name` in each row, and `tags`, in CSV as key=value;key=value. The list"
              " is stored, and its devices are made from then on: ask for the import. A device that is there already as"
              " the row has it is left as it is, so a list may be sent again.",
    ),
    "list_imports": listed(
        _ALL, "viewer", "Imports, newest first.",
        lambda v: c.ListImports(asked=pages.asked(v), product_key=v["product_id"]), IMPORT,
        query=(PRODUCT_ID, sort("started_at", default="-started_at")),
    ),
    "show_import": row(
        "GET", _ONE, "viewer", "How far an import has come.", lambda v: c.ShowImport(import_id=_number(v)), IMPORT,
        ids=_PATH,
    ),
    "cancel_import": row(
        "POST", _ONE + "/cancel", "operator", "Make no more devices of a list.",
        lambda v: c.CancelImport(import_id=_number(v)), IMPORT, ids=_PATH, notes="Those that were made stay.",
    ),
    "list_import_problems": listed(
        _ONE + "/problems", "viewer", "Rows that nothing was made of, in their order.",
        lambda v: c.ListImportProblems(import_id=_number(v), asked=pages.asked(v)), PROBLEM, ids=_PATH,
        notes="The first 1,000 are kept.",
    ),
    "list_import_devices": flowing(
        _ONE + "/devices", "operator", "The devices that an import made, with their secrets.",
        lambda v: c.ListImportDevices(import_id=_number(v), form=form_of(v)), IMPORTED, ids=_PATH, query=(FORMAT,),
        notes="In the order of rows, those that live.",
    ),
}  # fmt: skip
