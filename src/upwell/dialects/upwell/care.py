"""How carefully a rollout goes about its devices: what its creation takes of that, and what it shows."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from upwell.dialects.checks import OneOf, Range
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell.params import Percent, percent
from upwell.dialects.upwell.shapes import Field, Shape, at, free, members, number, switch, text
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.guard import FROM, FROM_MAX, REJECTED, Guard, Share, Watch
from upwell.domain.rollout import PRESETS, WAVES_MAX, Wave, problem

DEVICES_MAX, SOAK_MAX = 100_000_000, 43_200  # devices of a wave, minutes of a soak
VERDICT_MAX = 43_200  # minutes until a silent device counts as failed
ACTIONS = ("pause", "cancel")

_WAVE: Table = (
    Param("percent", "number", check=Percent()),
    Param("count", "int", check=Range(1, DEVICES_MAX)),
    Param("at_least", "int", check=Range(1, DEVICES_MAX)),
    Param("at_most", "int", check=Range(1, DEVICES_MAX)),
    Param("soak_min", "int", check=Range(0, SOAK_MAX)),
)
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
    Param("waves", "list", members=_WAVE, closed=True, most=WAVES_MAX, selects=True),
    Param("preset", check=OneOf(PRESETS)),
    Param("same_devices_first", "bool"),
    Param("guard", "members", members=_GUARD, closed=True),
)
NAMES = tuple(param.name for param in PARAMS)


def read(v: Values, path: str = "") -> c.Care | None:
    """How carefully a rollout goes about its devices; None where nothing was said. Raises Invalid."""
    if v["waves"] is None and v["preset"] is None:
        if v["same_devices_first"] is not None:
            raise Invalid(path + "same_devices_first", "only with waves or preset")
        return None if v["guard"] is None else c.Care(preset="all_at_once", guard=_watch(v["guard"], path + "guard"))
    if v["waves"] is not None and v["preset"] is not None:
        raise Invalid(path + "preset", "not together with waves", "both are given")
    waves = tuple(_wave(wave, f"{path}waves[{place}]") for place, wave in enumerate(v["waves"] or ()))
    wrong = problem(waves) if waves else None
    if wrong is not None:
        raise Invalid(f"{path}waves[{wrong[0]}]", wrong[1])
    watch = None if v["guard"] is None else _watch(v["guard"], path + "guard")
    return c.Care(preset=v["preset"] or "", waves=waves, same_first=bool(v["same_devices_first"]), guard=watch)


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


def _wave(said: Values, path: str) -> Wave:
    if (said["percent"] is None) is (said["count"] is None):
        raise Invalid(path, "with either percent or count", "it has both" if said["count"] else "it has neither")
    share = percent(said["percent"])
    return Wave(
        count=said["count"], percent=None if share is None else Decimal(share), at_least=said["at_least"] or 1,
        at_most=said["at_most"], soak_min=said["soak_min"] or 0,
    )  # fmt: skip


def _waves(r: c.Job) -> list[dict[str, Any]] | None:
    """Those that it was dealt to, or else those that its owner asked for."""
    asked = r.care.waves if r.care else ()
    dealt = {wave.wave: wave for wave in r.waves}
    numbers = range(1, max(len(asked), len(dealt)) + 1)
    return [_WAVES.show((n, asked[n - 1] if asked else None, dealt.get(n), r.open_wave)) for n in numbers] or None


def _stands(number: int, open_wave: int) -> str:
    return "waiting" if number > open_wave else "open" if number == open_wave else "passed"


def _of_asked(name: str) -> Callable[[Any], Any]:
    return lambda w: None if w[1] is None else getattr(w[1], name)


def _of_dealt(name: str) -> Callable[[Any], Any]:
    return lambda w: None if w[2] is None else getattr(w[2], name) or None


def _of_seen(name: str, *, or_none: bool = False) -> Callable[[Any], Any]:
    def found(w: Any) -> Any:
        value = None if w[2] is None or w[2].seen is None else getattr(w[2].seen, name)
        return None if or_none and not value else value

    return found


def _offered(wave: Any) -> int | None:
    seen = None if wave[2] is None else wave[2].seen
    if seen is None:
        return None
    return int(seen.fine + seen.failed - seen.silent + seen.told + seen.rejected + seen.postponed)


_WAVES = Shape("", "", (
    number("wave", lambda w: w[0], "from 1"),
    text("status", lambda w: _stands(w[0], w[3]), "more may come", enum=["waiting", "open", "passed"]),
    free("percent", {"type": "number"}, lambda w: float(w[1].percent) if w[1] and w[1].percent else None,
         always=False),
    number("count", _of_asked("count"), always=False),
    number("size", lambda w: None if w[2] is None else w[2].size,
           "devices that were dealt to it, beside those of the waves before", always=False),
    number("soak_min", lambda w: (w[2] or w[1]).soak_min if w[2] or w[1] else None, always=False),
    at("opened_at", _of_dealt("opened_at"), always=False),
    text("opened_by", _of_dealt("opened_by"), "a key's id, or `upwell` by its rule", always=False),
    number("offered", _offered, "those of them that have been told", always=False),
    number("fine", _of_seen("fine"), always=False),
    number("failed", _of_seen("failed"), always=False),
    number("open", _of_seen("open"), "without a verdict yet", always=False),
    number("silent", _of_seen("silent", or_none=True), "of the failed ones, who may tell a result still", always=False),
    *(number(name, _of_seen(name, or_none=True), "evidence of nothing", always=False)
      for name in ("rejected", "postponed", "already_there")),
))  # fmt: skip
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
    waves = [
        {"percent": None if w.percent is None else float(w.percent), "count": w.count, "at_least": w.at_least,
         "at_most": w.at_most, "soak_min": w.soak_min}
        for w in care.waves
    ]  # fmt: skip
    told = {
        "waves": [{name: value for name, value in wave.items() if value is not None} for wave in waves] or None,
        "preset": care.preset or None, "same_devices_first": care.same_first,
        "guard": None if care.guard is None else _WATCH.show(care.guard),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


FIELDS: tuple[Field, ...] = (
    GUARD_FIELD,
    free("paused", members(*_PAUSED.fields), lambda r: None if r.paused is None else _PAUSED.show(r.paused),
         "nothing of it is offered since then", always=False),
    text("preset", lambda r: r.care.preset or None if r.care else None, always=False),
    switch("same_devices_first", lambda r: r.care.same_first if r.care else None,
           "whether its lot is that of every such rollout", always=False),
    free("waves", {"type": "array", "items": members(*_WAVES.fields)}, _waves,
         "each has those before in it", always=False),
)  # fmt: skip
