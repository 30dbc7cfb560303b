"""Our own answer to how the server is."""

from upwell.dialects.upwell.rows import Row, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, text
from upwell.domain import commands as c

_OF = text("of", lambda r: r.of)
_CERTIFICATE = Shape("", "", (_OF, at("ends_at", lambda r: r.ends_at)))
_DISK = Shape("", "", (
    _OF, number("free_bytes", lambda r: None if r.free < 0 else r.free, always=False),
    number("size_bytes", lambda r: None if r.size < 0 else r.size, always=False),
))  # fmt: skip
_CONCERN = Shape("", "", (
    text("kind", lambda r: r.kind, "`fails`, `certificate` or `disk`; more may come"), _OF,
    text("reason", lambda r: r.why),
))  # fmt: skip


def _list(shape: Shape) -> dict[str, object]:
    return {"type": "array", "items": members(*shape.fields)}


SERVER = Shape("Server", "The process that answers, as it sees itself.", (
    text("version", lambda r: r.version),
    text("database_version", lambda r: r.database, "of PostgreSQL"),
    number("schema_version", lambda r: r.schema),
    free("checks", {"type": "object", "additionalProperties": {"type": "string"}}, lambda r: dict(r.checks),
         "as `/readyz` tells them: `ok`, or why not"),
    free("certificates", _list(_CERTIFICATE), lambda r: [_CERTIFICATE.show(each) for each in r.certificates],
         "when the first that is shown ends, by to whom"),
    free("disks", _list(_DISK), lambda r: [_DISK.show(each) for each in r.disks], "of its own, by what lies there"),
    free("concerns", _list(_CONCERN), lambda r: [_CONCERN.show(each) for each in r.concerns],
         "what somebody should look at, the worst first"),
    at("asked_at", lambda r: r.asked_at),
))  # fmt: skip

OPERATIONS: dict[str, Row] = {
    "show_server": row(
        "GET", "/server", "admin", "How the server is.", lambda _: c.ShowServer(), SERVER,
        notes="A certificate is a concern 21 days before its end, a disk with less than 5 % or a gigabyte free.",
    ),
}  # fmt: skip
