"""Our own operations on uploads: tickets for a form, and uploads in parts, which may break off and go on."""

import base64
from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range
from upwell.dialects.operations import Param, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.params import label, path_id
from upwell.dialects.upwell.rows import BYTES, Row, row
from upwell.dialects.upwell.shapes import Field, Shape, at, free, members, number, text
from upwell.domain import commands as c
from upwell.domain.errors import Missing

SIZE_MAX = 2**32 - 1  # bytes of a file that comes in parts
PART_SIZE_MIN, PART_SIZE_MAX = 64 * 1024, 64 * 1024 * 1024
PURPOSES = ("firmware", "devices")
STATUSES = ("open", "checking", "complete", "failed")

_PART = (
    number("number", lambda r: r.number),
    number("size", lambda r: r.size),
    text("sha256", lambda r: r.sha256),
)  # fmt: skip
UPLOAD_PART = Shape("UploadPart", "A part that is stored whole.", _PART)


def _in_parts(*, always: bool) -> tuple[Field, ...]:
    """The members of an upload in parts. Those of a ticket are none of these."""
    return (
        text("id", lambda r: names.upload_id(r.upload_id), always=always),
        text("name", lambda r: r.name, always=False),
        number("size", lambda r: r.size, "bytes of the whole", always=always),
        number("part_size", lambda r: r.part_size, "bytes of each part but the last", always=always),
        number("parts_total", lambda r: r.parts_total, always=always),
        free("received", {"type": "array", "items": members(*_PART)},
             lambda r: [UPLOAD_PART.show(part) for part in r.parts], "the parts that are stored whole, in their order",
             always=always),
        text("status", lambda r: r.status, "checking: it is put together; failed: `problem` says why; more may come",
             always=always, enum=list(STATUSES)),
        text("md5", lambda r: r.md5, "of the whole, once it is complete", always=False),
        text("sha256", lambda r: r.sha256, "of the whole, once it is complete", always=False),
        text("problem", lambda r: r.problem, "why it failed", always=False),
        at("expires_at", lambda r: r.expires_at, "when it is forgotten, unless more comes of it", always=always),
    )  # fmt: skip


_CREATED = at("created_at", lambda r: r.created_at)
UPLOAD = Shape("Upload", "An upload in parts.", (*_in_parts(always=True), _CREATED))


def _of(kind: type, field: Field) -> Field:
    """The member, of that kind of view alone."""
    return Field(field.name, field.schema, lambda r: field.get(r) if isinstance(r, kind) else None, always=False)


_TICKET = (
    text("url", lambda r: r.url, "what a package or a rollout names the file by"),
    text("post_to", lambda r: f"{r.host}/", "where the form goes, as multipart/form-data"),
    free("form", {"type": "object", "additionalProperties": {"type": "string"}}, lambda r: {
        "key": r.object_key, "policy": r.policy, "OSSAccessKeyId": r.access_key_id, "signature": r.signature,
        "success_action_status": "200",
    }, "the fields of the form, before its last part, which is named file"),
)  # fmt: skip
NEW_UPLOAD = Shape("NewUpload", "With `size` an upload in parts; without it leave to upload one file by a form, begun"
                   " within a minute and used within an hour.", (
    *(_of(c.Upload, field) for field in _in_parts(always=False)),
    *(_of(c.UploadTicket, field) for field in _TICKET),
    _CREATED,
))  # fmt: skip

_ONE = "/uploads/{upload_id}"
_PATH = path_id("upload_id", label(64))
_SHA256 = Param("sha256", check=Pattern("[0-9A-Fa-f]{64}", "a SHA-256 in 64 hexadecimal digits"))
_DIGEST = Param("Content-Digest", check=Pattern(
    "sha-256=:[A-Za-z0-9+/]{43}=:", "a SHA-256 as RFC 9530 has it: sha-256=:…:, Base64 between colons"
))  # fmt: skip
_SIZE, _ALONE = "size", ("name", "sha256", "part_size")


def _create(v: Values) -> c.CreateUpload | c.CreateUploadTicket:
    if v[_SIZE] is None:
        given = next((name for name in _ALONE if v[name] is not None), None)
        if given is not None:
            raise Missing(_SIZE, f"{given} is given, which an upload in parts has")
        return c.CreateUploadTicket(suffix=v["suffix"], purpose=v["purpose"])
    return c.CreateUpload(size=v[_SIZE], name=v["name"], part_size=v["part_size"], sha256=_lower(v["sha256"]))


def _lower(digest: str | None) -> str | None:
    return digest and digest.lower()


def _put(v: Values) -> c.PutUploadPart:
    digest = v[_DIGEST.name]
    sha256 = digest and base64.b64decode(digest[len("sha-256=:") : -1]).hex()
    return c.PutUploadPart(upload_id=number_of(v), number=v["number"], sha256=sha256)


def number_of(v: Any) -> int:
    """The upload that upload_id names."""
    return names.read_upload_id(v["upload_id"])


OPERATIONS: dict[str, Row] = {
    "create_upload": row(
        "POST", "/uploads", "operator", "Begin an upload in parts, or get leave to upload one file by a form.",
        _create, NEW_UPLOAD, status=201,
        body=(Param(_SIZE, "int", check=Range(1, SIZE_MAX)), Param("name", check=label(128)), _SHA256,
              Param("part_size", "int", check=Range(PART_SIZE_MIN, PART_SIZE_MAX)),
              Param("suffix", check=Pattern(r"[0-9A-Za-z]{1,10}(\.[0-9A-Za-z]{1,10})?", "letters and digits, with at"
                                            " most one dot inside"), default="bin"),
              Param("purpose", check=OneOf(PURPOSES), default="firmware")),
        gives="upload_id", apart=((_SIZE, "suffix"), (_SIZE, "purpose")), needs=tuple((name, _SIZE) for name in _ALONE),
        notes="With `size` it is one in parts: each has `part_size` bytes, which is larger than asked where there would"
              " be over 10,000, and the last one the rest. An account has 20 open uploads at most. Without `size` it is"
              " a ticket; `purpose` devices is for a list of device names, one a line, that a rollout takes its devices"
              " from.",
    ),
    "show_upload": row(
        "GET", _ONE, "viewer", "An upload in parts, and which are there.",
        lambda v: c.ShowUpload(upload_id=number_of(v)), UPLOAD, ids=_PATH,
    ),
    "put_upload_part": row(
        "PUT", _ONE + "/parts/{number}", "operator", "Send a part.", _put, UPLOAD_PART,
        ids=(*_PATH, Param("number", "int", required=True, check=Range(1, 10_000))), heads=(_DIGEST,), takes=(BYTES,),
        notes="The body is the part's bytes, as many as Content-Length says and the part has. One that breaks off"
              " leaves nothing; one that is sent again takes the place of the earlier one. At most 8 of an account are"
              " under way at once.",
    ),
    "complete_upload": row(
        "POST", _ONE + "/complete", "operator", "Have the parts put together.",
        lambda v: c.CompleteUpload(upload_id=number_of(v), sha256=_lower(v["sha256"])), UPLOAD, status=202,
        ids=_PATH, body=(_SHA256,),
        notes="All parts must be there. `status` is checking until the whole is one file with its digests: ask for the"
              " upload again. Complete, it serves one package within an hour, by its id. Asked again it begins nothing"
              " anew.",
    ),
    "delete_upload": row(
        "DELETE", _ONE, "operator", "Give up an upload that is not complete.",
        lambda v: c.DeleteUpload(upload_id=number_of(v)), ids=_PATH,
    ),
}  # fmt: skip
