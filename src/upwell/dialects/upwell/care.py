"""How carefully a rollout goes about its devices: what its creation takes of that, and what it shows."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import aside, waves
from upwell.dialects.upwell.params import Percent, label
from upwell.dialects.upwell.shapes import Field, Shape, at, free, members, number, switch, text, texts
from upwell.domain import commands as c
from upwell.domain.approval import Approval, Stands
from upwell.domain.errors import Invalid, Missing
from upwell.domain.flow import BYTES_PER_S_MAX, BYTES_PER_S_MIN
from upwell.domain.guard import FROM, FROM_MAX, REJECTED, Guard, Share, Watch
from upwell.domain.hours import DAYS, SPANS_MAX, Hours, Span
from upwell.domain.hours import problem as problem_of_hours
from upwell.domain.pace import AT_ONCE_MAX, Growth, Pace
from upwell.domain.pace import problem as problem_of_pace
from upwell.domain.rollout import PRESETS, WAVES_MAX, problem

VERDICT_MAX = 43_200  # minutes until a silent device counts as failed
ACTIONS = ("pause", "cancel")
PER_MIN_MAX = 60_000  # offers of one rollout
_GROWTH = ("base_per_min", "factor", "each_offered", "each_succeeded")

_GUARD: Table = (
    Param("p0_percent", "number", check=Percent()),
    Param("p1_percent", "number", check=Percent()),
    Param("alpha_percent", "number", check=Percent()),
    Param("beta_percent", "number", check=Percent()),
    Param("at_least", "int", check=Range(1, 10)),
    Param("percent", "number", check=Percent()),
    Param("from_offer", "int", check=Range(1, FROM_MAX)),
    Param("rejected_p0_percent", "number", check=Percent()),
    Param("rejected_p1_percent", "number", check=Percent()),
    Param("action", check=OneOf(ACTIONS)),
    Param("verdict_min", "int", check=Range(1, VERDICT_MAX)),
)
PARAMS: Table = (
    Param("waves", "list", members=waves.TABLE, closed=True, most=WAVES_MAX, selects=True),
    Param("preset", check=OneOf(PRESETS)),
    Param("same_devices_first", "bool"),
    Param("guard", "members", members=_GUARD, closed=True),
)
_OVER = Param("over", "int", check=Range(0, waves.DEVICES_MAX))
_CLOCK = Pattern("([01][0-9]|2[0-3]):[0-5][0-9]|24:00", "a time such as 22:00")
_SPAN: Table = (
    Param("days", "list", check=OneOf(DAYS), most=len(DAYS)),
    Param("from", required=True, check=_CLOCK),
    Param("to", required=True, check=_CLOCK),
)
HOURS = Param(
    "hours", "members",
    members=(Param("zone", check=label(64)), Param("open", "list", members=_SPAN, closed=True, most=SPANS_MAX)),
    closed=True,
)  # fmt: skip
BYTES_PER_S = Param("bytes_per_s", "int", check=Range(BYTES_PER_S_MIN, BYTES_PER_S_MAX))
PACE = Param(
    "pace", "members",
    members=(
        Param("base_per_min", "int", check=Range(1, PER_MIN_MAX)),
        Param("factor", "number"),
        Param("each_offered", "int", check=Range(1, waves.DEVICES_MAX)),
        Param("each_succeeded", "int", check=Range(1, waves.DEVICES_MAX)),
        Param("at_once", "int", check=Range(1, AT_ONCE_MAX)),
        BYTES_PER_S,
    ),
    closed=True,
)  # fmt: skip
APPROVAL = Param("approval", "members", members=(_OVER,), closed=True)
DEFAULTS: Table = (
    *PARAMS, HOURS, PACE, aside.SET_ASIDE,
    Param("approval", "members", members=(Param("required", "bool"), _OVER), closed=True),
)  # fmt: skip


def read(v: Values, path: str = "") -> c.Care | None:
    """How carefully a rollout goes about its devices; None where nothing was said. Raises Invalid."""
    care, said, hours = _read(v, path) or c.Care(), v["approval"], hours_of(v["hours"], path + "hours")
    if said is not None:
        rule = Approval(required=said.get("required") is not False, over=said["over"] or 0)
        care = replace(care, approval=rule)
    if hours is not None and hours.spans:
        care = replace(care, hours=hours)
    pace = pace_of(v["pace"], path + "pace")
    care = replace(care, pace=None if pace == Pace() else pace)
    if v.get("set_aside") is not None:  # of defaults alone
        care = replace(care, set_aside=aside.read(v["set_aside"], path + "set_aside"))
    return None if care == c.Care() else care


def pace_of(said: Values | None, path: str = "pace") -> Pace | None:
    """The pace that is said; one that says nothing where nothing stands in it. Raises Invalid, Missing."""
    if said is None or all(value is None for value in said.values()):
        return None if said is None else Pace()
    growth = None
    if any(said[name] is not None for name in _GROWTH):
        for name in ("base_per_min", "factor"):
            if said[name] is None:
                raise Missing(f"{path}.{name}", "the pace grows")
        factor = Decimal(repr(said["factor"]))
        growth = Growth(**{name: said[name] for name in _GROWTH} | {"factor": factor})
        wrong = problem_of_pace(growth)
        if wrong is not None:
            raise Invalid(f"{path}.{wrong[0]}", wrong[1])
    return Pace(growth=growth, at_once=said["at_once"], bytes_per_s=said["bytes_per_s"])


def _said_of(pace: Pace) -> dict[str, Any]:
    """As it would be said again."""
    growth = {} if pace.growth is None else asdict(pace.growth) | {"factor": float(pace.growth.factor)}
    told = growth | {"at_once": pace.at_once, "bytes_per_s": pace.bytes_per_s}
    return {name: value for name, value in told.items() if value is not None}


def hours_of(said: Values | None, path: str = "hours") -> Hours | None:
    """The hours that are said; without a span where nothing stands in them. Raises Invalid, Missing."""
    if said is None or (said["zone"] is None and said["open"] is None):
        return None if said is None else Hours(zone="", spans=())
    for name in ("zone", "open"):
        if said[name] is None:
            raise Missing(f"{path}.{name}", "the other is there")
    spans = tuple(
        Span(opens_min=_minutes(each["from"]), closes_min=_minutes(each["to"]), days=_days(each["days"]))
        for each in said["open"]
    )
    hours = Hours(zone=said["zone"], spans=spans)
    wrong = problem_of_hours(hours)
    if wrong is not None:
        raise Invalid(f"{path}.{wrong[0]}", wrong[1])
    return hours


def _minutes(text: str) -> int:
    return 60 * int(text[:2]) + int(text[3:])


def _days(said: Sequence[str] | None) -> tuple[int, ...]:
    return tuple(range(len(DAYS))) if said is None else tuple(sorted({DAYS.index(day) for day in said}))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _said(hours: Hours) -> dict[str, Any]:
    """As it would be said again."""
    spans = [
        {"days": [DAYS[day] for day in span.days], "from": _clock(span.opens_min), "to": _clock(span.closes_min)}
        for span in hours.spans
    ]
    return {"zone": hours.zone, "open": spans}


def _read(v: Values, path: str) -> c.Care | None:
    if v["waves"] is None and v["preset"] is None:
        if v["same_devices_first"] is not None:
            raise Invalid(path + "same_devices_first", "only with waves or preset")
        return None if v["guard"] is None else c.Care(preset="all_at_once", guard=_watch(v["guard"], path + "guard"))
    if v["waves"] is not None and v["preset"] is not None:
        raise Invalid(path + "preset", "not together with waves", "both are given")
    shares = tuple(waves.read(wave, f"{path}waves[{place}]") for place, wave in enumerate(v["waves"] or ()))
    wrong = problem(shares) if shares else None
    if wrong is not None:
        raise Invalid(f"{path}waves[{wrong[0]}]", wrong[1])
    watch = None if v["guard"] is None else _watch(v["guard"], path + "guard")
    return c.Care(preset=v["preset"] or "", waves=shares, same_first=bool(v["same_devices_first"]), guard=watch)


def _watch(said: Values, path: str) -> Watch:
    for name, of in (("alpha_percent", True), ("from_offer", False)):
        if said[name] is not None and (said["percent"] is not None) is of:
            raise Invalid(f"{path}.{name}", f"{'not together' if of else 'only'} with percent")
    at_least = said["at_least"] or Guard().at_least
    rejected = {"p0": REJECTED.p0, "p1": REJECTED.p1} | _rates(said, "rejected_", "p0", "p1")
    try:
        test = Guard(**_rates(said, "", "p0", "p1", "alpha", "beta"), at_least=at_least)
        of_rejected = Guard(**rejected, alpha=test.alpha, beta=test.beta, at_least=at_least)
    except ValueError as exc:
        raise Invalid(path, "rates that make a test: p0 below p1, alpha and beta below 100 together", str(exc)) from exc
    usual = Watch()
    return Watch(
        test=test, rejected=of_rejected, share=_share(said, path, at_least), action=said["action"] or usual.action,
        verdict_min=said["verdict_min"] or usual.verdict_min,
    )  # fmt: skip


def _rates(said: Values, head: str, *names: str) -> dict[str, float]:
    given = {name: said[f"{head}{name}_percent"] for name in names}
    return {name: _rate_of(rate) for name, rate in given.items() if rate is not None}


def _rate_of(percent: Any) -> float:
    return float(Decimal(repr(percent)) / 100)


def _share(said: Values, path: str, at_least: int) -> Share | None:
    if said["percent"] is None:
        return None
    try:
        return Share(_rate_of(said["percent"]), said["from_offer"] or FROM, at_least)
    except ValueError as exc:
        raise Invalid(f"{path}.percent", "below 100") from exc


_PAUSED = Shape("", "", (
    at("at", lambda p: p.at),
    text("by", lambda p: p.by, "a key's id, or the part of Upwell that did it"),
    text("reason", lambda p: p.reason or None, always=False),
))  # fmt: skip


def _rate(name: str, test: str = "test") -> Callable[[Watch], float]:
    return lambda w: round(100 * getattr(getattr(w, test), name), 6)


_WATCH = Shape("", "", (
    *(free(f"{name}_percent", {"type": "number"}, _rate(name)) for name in ("p0", "p1", "alpha", "beta")),
    number("at_least", lambda w: w.test.at_least, "failures"),
    free("percent", {"type": "number"}, lambda w: None if w.share is None else round(100 * w.share.rate, 6),
         "halts above that instead", always=False),
    number("from_offer", lambda w: None if w.share is None else w.share.from_offer, always=False),
    *(free(f"rejected_{name}_percent", {"type": "number"}, _rate(name, "rejected")) for name in ("p0", "p1")),
    text("action", lambda w: w.action, enum=list(ACTIONS)),
    number("verdict_min", lambda w: w.verdict_min, "after its first offer, until a silent device counts as failed"),
))  # fmt: skip
GUARD_FIELD = free(
    "guard", members(*_WATCH.fields), lambda r: _WATCH.show(r.care.guard) if r.care and r.care.guard else None,
    "what halts it", always=False,
)  # fmt: skip


_FAILING = Shape("", "", (
    number("offered", lambda f: f.offered, "devices, each once"),
    number("failed", lambda f: f.failed, "of them, the silent ones too"),
    number("halts_at", lambda f: f.halts_at, "so many failures among these offers halt it at the latest"),
    free("failed_percent", {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
         lambda f: [round(100 * f.low, 1), round(100 * f.high, 1)], "the interval at 95 %"),
))  # fmt: skip
EVIDENCE_FIELD = free(
    "evidence", members(*_FAILING.fields), lambda r: None if r.failing is None else _FAILING.show(r.failing),
    "what its guard has seen since it began, or since it went on after a halt", always=False,
)  # fmt: skip


def shown(care: c.Care) -> dict[str, Any]:
    """What was asked for, as it would be asked for again."""
    told = {
        "waves": [waves.shown(wave) for wave in care.waves] or None,
        "preset": care.preset or None, "same_devices_first": care.same_first,
        "guard": None if care.guard is None else _WATCH.show(care.guard),
        "approval": None if care.approval is None else asdict(care.approval),
    }  # fmt: skip
    told = told if care.has_waves else {"approval": told["approval"]}
    told["pace"] = None if care.pace is None else _said_of(care.pace)
    told["hours"] = None if care.hours is None else _said(care.hours)
    told["set_aside"] = None if care.set_aside is None else aside.shown(care.set_aside)
    return {name: value for name, value in told.items() if value is not None}


_APPROVAL = Shape("", "", (
    text("status", lambda a: a.stands, enum=[str(each) for each in Stands]),
    number("revision", lambda a: a.revision, "from 1; each edit makes another one"),
    texts("makers", lambda a: a.makers, "who made it, and who changed it since it was approved: they do not decide"),
    at("asked_at", lambda a: a.asked_at),
    at("decided_at", lambda a: a.decided_at, always=False),
    text("decided_by", lambda a: a.decided_by or None, always=False),
    text("remark", lambda a: a.remark or None, always=False),
))  # fmt: skip
HOURS_SHAPE = Shape("", "", (
    text("zone", lambda h: h.hours.zone, "of the IANA database"),
    free("open", {"type": "array", "items": {"type": "object"}}, lambda h: _said(h.hours)["open"], "local time there"),
    switch("is_open", lambda h: h.closes_at is not None),
    at("closes_at", lambda h: h.closes_at, "where it is open", always=False),
    at("opens_at", lambda h: h.opens_at, "next", always=False),
))  # fmt: skip
_PACE = Shape("", "", (
    *(number(name, lambda p, name=name: _said_of(p.pace).get(name), always=False)  # type: ignore[misc]
      for name in ("base_per_min", "each_offered", "each_succeeded", "at_once", "bytes_per_s")),
    free("factor", {"type": "number"}, lambda p: _said_of(p.pace).get("factor"), always=False),
    number("now_per_min", lambda p: p.per_min, "where it grows, as it was at the last offer", always=False),
    number("at_work", lambda p: None if p.pace.at_once is None else p.running,
           "devices that were offered it and have not ended, where that has a limit; or have just now", always=False),
))  # fmt: skip
FIELDS: tuple[Field, ...] = (
    GUARD_FIELD,
    free("pace", members(*_PACE.fields), lambda r: None if r.pace is None else _PACE.show(r.pace),
         "beside maximum_per_min", always=False),
    free("hours", members(*HOURS_SHAPE.fields), lambda r: None if r.hours is None else HOURS_SHAPE.show(r.hours),
         "outside of them nothing is offered", always=False),
    free("approval", members(*_APPROVAL.fields), lambda r: None if r.approval is None else _APPROVAL.show(r.approval),
         "of one that wants a person's", always=False),
    free("paused", members(*_PAUSED.fields), lambda r: None if r.paused is None else _PAUSED.show(r.paused),
         "nothing of it is offered since then", always=False),
    text("preset", lambda r: r.care.preset or None if r.care else None, always=False),
    switch("same_devices_first", lambda r: r.care.same_first if r.care else None,
           "whether its lot is that of every such rollout", always=False),
    free("waves", {"type": "array", "items": members(*waves.SHAPE.fields)}, waves.of_job,
         "each has those before in it", always=False),
)  # fmt: skip
