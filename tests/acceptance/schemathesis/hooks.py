"""What Schemathesis can't know of `/v1`: a place in a list is good when an answer gave it, and none that it makes up;
and which things there are, where its server has some (UPWELL_TEST_THINGS, ids by the names of parameters and
members)."""

import json
import os
import re
import uuid
from typing import Any

import schemathesis
from schemathesis import GenerationMode

THINGS = json.loads(os.environ.get("UPWELL_TEST_THINGS", "{}"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A well-formed cursor is left out, and so is an event to go on from; what is none stays, and must be refused. Ids
    are those of things that are there, unless something is meant to be wrong."""
    for name, form in (("cursor", "[A-Za-z0-9_-]{1,200}"), ("after", "evt_[0-9a-f]{16}")):
        given = (case.query or {}).get(name)
        if isinstance(given, str) and re.fullmatch(form, given):
            del case.query[name]
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    for name in (
        "Idempotency-Key",
        "If-Match",
    ):  # one that is new, and none, or it is another request's or another edition
        if name in (case.headers or {}):
            case.headers.pop(name)
            if name == "Idempotency-Key":
                case.headers[name] = uuid.uuid4().hex
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part |= {name: thing for name, thing in THINGS.items() if name in part}
