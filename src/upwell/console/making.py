"""The form by which a rollout is made, or planned: its fields, and the body of the operation that they are.

Holds: fields are called by the path of the member that they are, so that what is wrong with one stands at it; some are
the page's own, and say which of the others count. Whatever is typed is judged by the operation alone: what is no
number goes there as it was typed.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from upwell.console.fields import Fields, nested
from upwell.dialects.upwell.job_ops import CREATE
from upwell.domain.hours import SPANS_MAX
from upwell.domain.rollout import WAVES_MAX

ONCE, INSTEAD_OF = "once", "instead_of"
WAVES, SPANS = WAVES_MAX, SPANS_MAX  # rows of the form
WHOM = ("all", "percent", "group_id", "device_names")
CARE = ("usual", "careful", "fast", "all_at_once", "own")
WAVE_BY = ("percent", "count", "group_id", "tag", "device_names")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FRESH: Fields = {
    "kind": "static", "whom": "all", "care": "careful", "guarded": "true", "waves[0].of": "1",
    "waves[0].soak_min": "60", "waves[1].of": "10", "waves[2].of": "50", "waves[3].of": "100",
}  # fmt: skip
_PLAIN = ("kind", "maximum_per_min", "timeout_min", "scheduled_at", "finish_at", "downgrade", "overwrite")
_GUARD = ("p0_percent", "p1_percent", "action", "verdict_min")
_PACE = ("base_per_min", "factor", "each_succeeded", "each_offered", "at_once", "bytes_per_s")
_APART = re.compile(r"[\s,;]+")
_PLACE = re.compile(r"\[\d+\]$")
_WAVE = re.compile(r"waves\[(\d+)\](?:\.(\w+))?")
_SPAN = re.compile(r"hours\.open(?:\[(\d+)\](?:\.(\w+))?)?$")


def typed(query: Fields) -> dict[str, str]:
    """What the form begins with: what was typed, or else what a link to it says."""
    if "whom" in query:
        return dict(query)
    begun = dict(FRESH) | {name: value for name, value in query.items() if value}
    package, product = query.get("package_id", ""), query.get("product_id", "")
    return begun | {
        "package": f"{package} {product}" if package else "", "whom": "group_id" if query.get("group_id") else "all",
        "targets.group_id": query.get("group_id", ""), ONCE: fresh_key(),
    }  # fmt: skip


def fresh_key() -> str:
    """What makes a form that is sent twice one request."""
    return uuid4().hex


def body(fields: Fields) -> dict[str, Any]:
    """The body that asks for the rollout."""
    given = {name: value.strip() for name, value in fields.items() if value.strip()}
    said = nested(CREATE, dict(_said(given)))
    if _is_guarded(given):
        said.setdefault("guard", {})
    if given.get("approval") == "true":
        said["approval"] = {}
    return said


def plan_body(fields: Fields) -> dict[str, Any]:
    """The body that asks for a plan of it, in place of the one that was asked for before."""
    other = fields.get(INSTEAD_OF, "")
    return body(fields) | ({INSTEAD_OF: other} if other else {})


def field_at(parameter: str, fields: Fields) -> str:
    """The field of the form at which it stands what is wrong with a member of the body."""
    wave = _WAVE.match(parameter)
    if wave is not None:
        rows = list(_rows(fields))
        row = rows[min(int(wave[1]), len(rows) - 1)] if rows else 0
        return f"waves[{row}].{'soak_min' if wave[2] == 'soak_min' else 'of'}"
    span = _SPAN.match(parameter)
    if span is not None:
        spans = list(_spans(fields))
        row = spans[min(int(span[1] or 0), len(spans) - 1)] if spans else 0
        return f"hours.open[{row}].{'to' if span[2] == 'to' else 'from'}"
    plain = _PLACE.sub("", parameter)
    own = {"package_id": "package", "product_id": "package", "targets": "whom", "preset": "care", "waves": "care",
           "guard": "guarded"}  # fmt: skip
    return own.get(plain, plain)


def _said(given: Fields) -> Iterator[tuple[str, str]]:
    package, _, product = given.get("package", "").partition(" ")
    product = product or given.get("product_id", "")
    yield from ((name, value) for name, value in (("package_id", package), ("product_id", product)) if value)
    yield from ((name, given[name]) for name in _PLAIN if name in given)
    whom, care = given.get("whom", "all"), given.get("care", "usual")
    if whom == "all":
        yield "targets.all", "true"
    else:
        yield f"targets.{whom}", _lines(given.get(f"targets.{whom}", ""), whom)
    if given.get("source_versions"):
        yield "source_versions", _lines(given["source_versions"], "device_names")
    if care == "own":
        yield from _waves(given)
    elif care != "usual":
        yield "preset", care
    for head, names, counts in (("guard", _GUARD, _is_guarded(given)), ("pace", _PACE, True)):
        yield from (
            (f"{head}.{name}", given[f"{head}.{name}"]) for name in names if counts and f"{head}.{name}" in given
        )
    yield from _hours(given)
    yield from ((name, given[name]) for name in ("retry.count", "retry.interval_min", "tags.remark") if name in given)


def _is_guarded(given: Fields) -> bool:
    """What a product says has its own guard; another one would be in place of its waves too."""
    return given.get("guarded") == "true" and given.get("care") != "usual"


def _rows(given: Fields) -> Iterator[int]:
    """The rows of waves in which something stands."""
    return (row for row in range(WAVES) if given.get(f"waves[{row}].of", "").strip())


def _waves(given: Fields) -> Iterator[tuple[str, str]]:
    for place, row in enumerate(_rows(given)):
        by, of = given.get(f"waves[{row}].by", "percent"), given[f"waves[{row}].of"].strip()
        if by == "tag":
            key, _, value = of.partition("=")
            yield from ((f"waves[{place}].tag.key", key.strip()), (f"waves[{place}].tag.value", value.strip()))
        else:
            yield f"waves[{place}].{by}", _lines(of, by)
        soak = given.get(f"waves[{row}].soak_min", "")
        if soak:
            yield f"waves[{place}].soak_min", soak


def _hours(given: Fields) -> Iterator[tuple[str, str]]:
    """Spans of each day, or of the days that are chosen for each."""
    spans = list(_spans(given))
    if spans and "hours.zone" in given:
        yield "hours.zone", given["hours.zone"]
    for place, row in enumerate(spans):
        head = f"hours.open[{row}]"
        yield from (
            (f"hours.open[{place}].{name}", given[f"{head}.{name}"])
            for name in ("from", "to") if f"{head}.{name}" in given
        )  # fmt: skip
        days = [day for day in DAYS if f"{head}.{day}" in given]
        if days:
            yield f"hours.open[{place}].days", "\n".join(days)


def _spans(given: Fields) -> Iterator[int]:
    """The rows of spans in which a time stands."""
    return (
        row for row in range(SPANS)
        if any(given.get(f"hours.open[{row}].{name}", "").strip() for name in ("from", "to"))
    )  # fmt: skip


def _lines(text: str, member: str) -> str:
    """Names a line each, however they were set apart."""
    return "\n".join(filter(None, _APART.split(text))) if member == "device_names" else text
