"""The OpenAPI 3.1 document of our own API, made of the table of operations: what is read, refused and told.

Holds: nothing is described here that the table does not have. What answers show may grow, so no schema of them is
closed; what requests hold is closed, because what is not understood is refused.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from upwell.dialects.checks import Length, OneOf, Pattern, Range, Text
from upwell.dialects.operations import Param, Table
from upwell.dialects.rest import REPEATED
from upwell.dialects.upwell.cloud_events import MEDIA_TYPE, PREFIX, TYPES, envelope
from upwell.dialects.upwell.codes import DOCS, TABLE
from upwell.dialects.upwell.flows import CSV
from upwell.dialects.upwell.management import OPERATIONS, ROOT, TAGGED, is_conditional
from upwell.dialects.upwell.params import ONE_MEMBER, ExactlyOne, Moment, Percent, Tags
from upwell.dialects.upwell.promises import IDEMPOTENCY_KEY, KEY_CHECK, KEY_PATTERN, TAGS_CHECK
from upwell.dialects.upwell.render import JSON_TYPE, POLICY_HEADER, PROBLEM_TYPE, RATE_HEADER, REQUEST_ID_HEADER
from upwell.dialects.upwell.rows import Row
from upwell.dialects.upwell.shapes import Shape
from upwell.domain.events import Kind

Schema = dict[str, Any]
_TYPES: Mapping[str, Schema] = {
    "text": {"type": "string"}, "int": {"type": "integer"}, "long": {"type": "integer"}, "bool": {"type": "boolean"},
    "number": {"type": "number"}, "object": {"type": "object"},
}  # fmt: skip
_REFUSALS = (400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 500, 503)
_TEXT = {"type": "string"}
_PROBLEM: Schema = {
    "type": "object",
    "description": "Why a request was refused, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail", "try", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": f"one of those at {DOCS}"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "try": {"type": "string", "description": "what to do"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemOfParameter"}},
        "request_id": {"type": "string", "description": "as in the server's log"},
    },
}
_OF_PARAMETER: Schema = {
    "type": "object",
    "required": ["parameter", "check", "problem", "try"],
    "properties": {
        "parameter": {"type": "string", "description": "by its path in the body"},
        "check": {"type": "string", "description": "what it must be"},
        "problem": _TEXT,
        "try": _TEXT,
    },
}
_EVERY: Schema = {  # headers of every answer; those of the rate where a limit holds, of whoever is known
    REQUEST_ID_HEADER: {"$ref": "#/components/headers/RequestId"},
    **{name: {"$ref": f"#/components/headers/{name}"} for name in (POLICY_HEADER, RATE_HEADER)},
}
_IDEMPOTENCY_KEY: Schema = {
    "name": IDEMPOTENCY_KEY, "in": "header", "required": False,
    "description": f"A request that comes again with it within a day is done once, and told the same: {KEY_CHECK}",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
}  # fmt: skip
_IF_MATCH: Schema = {
    "name": "If-Match", "in": "header", "required": False, "schema": _TEXT,
    "description": "It is done only if nobody edited the thing since the ETag was told: " + TAGS_CHECK,
}  # fmt: skip
_IF_NONE_MATCH: Schema = {
    "name": "If-None-Match", "in": "header", "required": False, "schema": _TEXT,
    "description": "What is shown already, by its ETag, is not sent again",
}  # fmt: skip


def document(version: str) -> Schema:
    """The document of this version of the program."""
    shapes = {shape.name: shape.schema() for shape in _shapes()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Upwell",
            "version": version,
            "description": "Over-the-air firmware updates. Members without a value are left out; lists go from page to"
            " page by `cursor`; what a request has that is not understood is refused by name.",
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, OPERATIONS.values()))],
        "paths": _paths(),
        "webhooks": {PREFIX + kind.value: _told_of(kind) for kind in TYPES},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "upw_… or ups_…"}},
            "schemas": {**shapes, "Event": envelope(), "Problem": _PROBLEM, "ProblemOfParameter": _OF_PARAMETER},
            "responses": {f"Refused{status}": _refused(status) for status in _REFUSALS},
            "headers": {
                POLICY_HEADER: {"description": "how often a caller may ask in a second", "schema": _TEXT},
                RATE_HEADER: {"description": "how often more until it is over", "schema": _TEXT},
                "RequestId": {"description": "names the request in the log", "schema": _TEXT},
                "ETag": {"description": "which edition this is, and all that is shown", "schema": _TEXT},
                "Repeated": {"description": "true: this was answered before", "schema": {"enum": ["true"]}},
            },
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY, "IfMatch": _IF_MATCH, "IfNoneMatch": _IF_NONE_MATCH},
        },
    }


def _told_of(kind: Kind) -> Schema:
    """What a hook's receiver is sent of that kind."""
    sent = {"required": True, "content": {MEDIA_TYPE: {"schema": envelope(kind)}}}
    taken = {"2XX": {"description": "It is taken."}}
    return {"post": {"summary": TYPES[kind][0], "requestBody": sent, "responses": taken}}


def _shapes() -> Iterator[Shape]:
    yield from (row.shape for row in OPERATIONS.values() if row.shape is not None)


def _paths() -> Schema:
    paths: dict[str, Schema] = {}
    for name, row in OPERATIONS.items():
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(name, row)
    return paths


def _tag(row: Row) -> str:
    return row.path.split("/")[1]


def _operation(name: str, row: Row) -> Schema:
    told = row.notes if row.is_open else f"{row.notes} Needs the role {row.role}.".strip()
    found: Schema = {"operationId": name, "tags": [_tag(row)], "summary": row.summary, "description": told}
    if row.is_open:
        found["security"] = []
    parameters = [*_parameters("path", row.ids), *_parameters("query", row.query), *_parameters("header", row.heads)]
    parameters += _headers(row)
    if parameters:
        found["parameters"] = parameters
    if row.takes:
        raw: Schema = {"type": "string", "format": "binary"}
        found["requestBody"] = {"required": True, "content": {kind: {"schema": raw} for kind in row.takes}}
    elif row.params:
        needed = bool(row.one) or any(param.required for param in row.params)
        schema = _together(row, _members(row.params))
        found["requestBody"] = {"required": needed, "content": {JSON_TYPE: {"schema": schema}}}
    refused = {str(status): {"$ref": f"#/components/responses/Refused{status}"} for status in _REFUSALS}
    known = {"304": {"description": "It is as it was.", "headers": _success(row)["headers"]}} if row.tagged else {}
    return found | {"responses": {str(row.status): _success(row) | _links(row), **known, **refused}}


def _links(row: Row) -> Schema:
    """Which operations take the id of what was made in their paths."""
    after = (name for name, other in OPERATIONS.items() if [param.name for param in other.ids] == [row.gives])
    links = {name: {"operationId": name, "parameters": {row.gives: "$response.body#/id"}} for name in after}
    return {"links": links} if links else {}


def _together(row: Row, schema: Schema) -> Schema:
    """Which members come together, and which do not."""
    together: Schema = {"oneOf": [{"required": [name]} for name in row.one]} if row.one else {}
    pairs = [{"not": {"required": list(pair)}} for group in row.apart for pair in combinations(group, 2)]
    needed: Schema = {"dependentRequired": {name: [other] for name, other in row.needs}} if row.needs else {}
    return schema | together | needed | ({"allOf": pairs} if pairs else {})


def _parameters(place: str, table: Table) -> Iterator[Schema]:
    for param in table:
        yield {"name": param.name, "in": place, "required": param.required, "schema": _schema(param)}


def _headers(row: Row) -> Iterator[Schema]:
    if row.repeats:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if is_conditional(row):
        yield {"$ref": "#/components/parameters/IfMatch"}
    if row.tagged:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _success(row: Row) -> Schema:
    headers = dict(_EVERY)
    if row.repeats:
        headers[REPEATED] = {"$ref": "#/components/headers/Repeated"}
    if row.path in TAGGED and row.shape is not None:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if row.shape is None:
        return {"description": "It is done.", "headers": headers}
    schema: Schema = {"$ref": f"#/components/schemas/{row.shape.name}"}
    if row.tells:
        lines: Schema = {"type": "string", "description": f"each line is a {row.shape.name}"}
        kinds = {media: {"schema": _TEXT if media == CSV else lines} for media in row.tells}
        return {"description": f"{row.shape.text} One a line.", "headers": headers, "content": kinds}
    if row.many:
        schema = {"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "items": schema}}}
    if row.paged:
        schema["properties"]["next_cursor"] = {"type": "string", "description": "absent on the last page"}
    return {"description": row.shape.text, "headers": headers, "content": {JSON_TYPE: {"schema": schema}}}


def _refused(status: int) -> Schema:
    codes = ", ".join(code for code, problem in TABLE.items() if problem.status == status)
    return {
        "description": f"Refused: {codes}.",
        "headers": _EVERY | ({"Retry-After": {"schema": {"type": "integer"}}} if status in (409, 429, 503) else {}),
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


# --- what is read ---------------------------------------------------------------------------------------------------


def _members(table: Table) -> Schema:
    found: Schema = {
        "type": "object",
        "properties": {param.name: _schema(param) for param in table},
        "additionalProperties": False,
    }
    needed = [param.name for param in table if param.required]
    return found | {"required": needed} if needed else found


def _schema(param: Param) -> Schema:
    if param.kind == "list":
        items = _members(param.members) if param.members else {**_TYPES["text"], **_checked(param)}
        if isinstance(param.check, ExactlyOne):
            items |= {"oneOf": [{"required": [name]} for name in param.check.names]}
        least = 1 if param.required or not param.members else 0
        unique = {"uniqueItems": True} if param.unique and not param.members else {}
        return {
            "type": "array",
            "items": items,
            "minItems": least,
            "maxItems": param.most,
            **unique,
        }
    if param.kind == "members":
        one = {"minProperties": 1, "maxProperties": 1} if param.check is ONE_MEMBER else {}
        return _members(param.members) | one
    default = {} if param.default is None else {"default": param.default}
    return {**_TYPES[param.kind], **_checked(param), **default}


def _checked(param: Param) -> Schema:
    """What JSON Schema can say of a check, and the words for the rest."""
    check = param.check
    match check:
        case None:
            return {}
        case OneOf():
            return {"enum": list(check.values)}
        case Range():
            return {"minimum": check.low, "maximum": check.high}
        case Length():
            return {"minLength": check.low, "maxLength": check.high}
        case Pattern():
            return {"pattern": f"^({_ecma(check.regex)})$", "description": check.text}
        case Text():
            return _text(check)
        case Moment():
            return {"format": "date-time", "description": check.text}
        case Tags():
            bounds = {"minProperties": check.low, "maxProperties": check.high}
            texts = {"propertyNames": _text(check.key), "additionalProperties": {**_TEXT, **_text(check.value)}}
            return {**bounds, **texts, "description": check.text}
        case Percent():
            return {"exclusiveMinimum": 0, "maximum": 100, "multipleOf": 0.001, "description": check.text}
    return {"description": check.text}


def _text(check: Text) -> Schema:
    pattern = {"pattern": f"^[{_ecma(check.chars)}]*$"} if check.chars else {}
    return {"minLength": check.low, "maxLength": check.high, **pattern, "description": check.text}


def _ecma(regex: str) -> str:
    """Python's regular expression as ECMAScript's, which knows no needless escapes."""
    return re.sub(r"\\([:@#&%! ])", r"\1", regex)
