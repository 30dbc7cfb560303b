"""How carefully a rollout goes about its devices, as options say it: of one rollout, or of all of a product's.

Holds: what is said here is what the API takes, so its refusals name the same things; only how a wave is written is the
command line's own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.telling import minute, number, of, size

Preset = Literal["careful", "fast", "all_at_once"]
_WAVE = re.compile(
    r"(?P<share>\d+(?:\.\d+)?)(?P<percent>%?)(?::(?P<at_least>\d+)-(?P<at_most>\d*))?(?:@(?P<soak_min>\d+))?", re.A
)
_NAMED = re.compile(r"(?P<what>group|tag|devices):(?P<which>[^@]+)(?:@(?P<soak>\d+))?", re.A)
_SPAN = re.compile(r"(?:(?P<days>[A-Za-z,-]+)@)?(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)", re.A)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EACH = {"each_offered": "offered", "each_succeeded": "succeeded"}
_HOW = "SHARE, SHARE:LEAST-MOST or SHARE@MINUTES, as in --waves devices:lamp-1+lamp-2,tag:ring=1,1%:5-50@60,10%,100%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Careful:
    """The options, each of them absent."""

    preset: Annotated[
        Preset | None,
        typer.Option(help="Waves that are made already: careful (1, 10, 50, 100 %, an hour's soak), fast (10, 100 %)."),
    ] = None
    waves: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="Waves of your own: devices or percents counted from the beginning, the last 100%; :5-50 is at least 5"
            " and at most 50 devices, @60 a soak of 60 minutes before the next one. Or devices:A+B, tag:KEY=VALUE or"
            " group:GROUP: those devices.",
        ),
    ] = None
    same_first: Annotated[
        bool, typer.Option("--same-devices-first", help="The same canaries as of each such rollout.")
    ] = False
    guard: Annotated[
        bool, typer.Option("--guard", help="Halt it on evidence that too many fail; each --guard-… says so too.")
    ] = False
    guard_p0: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Of devices that fail what you live with, 2 if not said.")
    ] = None
    guard_p1: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Of devices that fail what must be caught; 10.")
    ] = None
    guard_alpha: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="The chance to halt a good one at the most; 5.")
    ] = None
    guard_beta: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="The chance to go on with a bad one after a wave; 10.")
    ] = None
    guard_at_least: Annotated[int | None, typer.Option(metavar="N", help="Fewer failures never halt it; 2.")] = None
    guard_percent: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT", help="Halt above this share of the offered devices instead: more false alarms."
        ),
    ] = None
    guard_from: Annotated[
        int | None, typer.Option(metavar="N", help="With --guard-percent: look from so many offers on; 20.")
    ] = None
    guard_rejected_p0: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Of devices that the package does not fit, as --guard-p0; 5."),
    ] = None
    guard_rejected_p1: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Of devices that the package does not fit, as --guard-p1; 20."),
    ] = None
    guard_action: Annotated[
        Literal["pause", "cancel"] | None, typer.Option(help="What a halt does; pause if not said.")
    ] = None
    guard_verdict: Annotated[
        int | None, typer.Option(metavar="MIN", help="Minutes until a device that tells nothing has failed; 1440.")
    ] = None

    hours: Annotated[
        list[str] | None,
        typer.Option(metavar="SPAN", help="Offer then alone: 22:00-04:00, or mon-fri@22:00-04:00; may be given again."),
    ] = None
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of --hours, as the IANA database has it: Europe/Berlin.")
    ] = None
    at_once: Annotated[
        int | None, typer.Option(metavar="N", help="No more devices than these have an offer and have not ended.")
    ] = None
    bytes_per_s: Annotated[
        str | None, typer.Option(metavar="RATE", help="Its downloads have no more bytes a second together: 500k, 2M.")
    ] = None
    pace_base: Annotated[
        int | None, typer.Option(metavar="N", help="Begin with so many offers a minute, growing by --pace-factor.")
    ] = None
    pace_factor: Annotated[float | None, typer.Option(help="By how much the pace grows each time.")] = None
    pace_each: Annotated[
        int | None, typer.Option(metavar="N", help="It grows each time that so many more have succeeded.")
    ] = None
    pace_offered: Annotated[
        int | None, typer.Option(metavar="N", help="It grows each time that so many more were offered: a mere clock.")
    ] = None

    def said(self) -> dict[str, Any]:
        """The members of a request, those that something is said of. Raises Ended for waves and hours that can't be
        read."""
        told = {
            "preset": self.preset, "waves": None if self.waves is None else read(self.waves),
            "same_devices_first": self.same_first or None, "guard": self._guard(), "hours": self._hours(),
            "pace": self._pace(),
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    def _hours(self) -> dict[str, Any] | None:
        return None if self.hours is None and self.zone is None else read_hours(self.hours, self.zone)

    def _pace(self) -> dict[str, Any] | None:
        given = {
            "base_per_min": self.pace_base, "factor": self.pace_factor, "each_succeeded": self.pace_each,
            "each_offered": self.pace_offered, "at_once": self.at_once, "bytes_per_s": rate_of(self.bytes_per_s),
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None} or None

    def _guard(self) -> dict[str, Any] | None:
        given = {
            "p0_percent": self.guard_p0, "p1_percent": self.guard_p1, "alpha_percent": self.guard_alpha,
            "beta_percent": self.guard_beta, "at_least": self.guard_at_least, "action": self.guard_action,
            "verdict_min": self.guard_verdict, "percent": self.guard_percent, "from_offer": self.guard_from,
            "rejected_p0_percent": self.guard_rejected_p0, "rejected_p1_percent": self.guard_rejected_p1,
        }  # fmt: skip
        found = {name: value for name, value in given.items() if value is not None}
        return found if found or self.guard else None


def rate_of(text: str | None) -> int | None:
    """Bytes a second of what an option says. Raises Ended."""
    if text is None:
        return None
    from upwell.domain.flow import read_rate  # here, for every other command begins without it

    found = read_rate(text)
    if found is None:
        raise Ended(Exit.USAGE, f"upwell: --bytes-per-s {text}: no rate from 1k to 1000G", "  try: --bytes-per-s 2M")
    return found


def manner(care: Mapping[str, Any]) -> str:
    """How devices are offered, in words that go on a sentence."""
    if care.get("waves"):
        how = f"in {of(len(care['waves']), 'wave')}"
    else:
        how = f"in waves ({care['preset']})" if care.get("preset", "all_at_once") != "all_at_once" else "all at once"
    return f"{how}, {'with a' if 'guard' in care else 'without a'} guard"


def read(text: str) -> list[dict[str, Any]]:
    """Waves as they are written: `1%:5-50@60,10%,100%`. Raises Ended."""
    return [_wave(part.strip(), text) for part in text.split(",")]


def _wave(part: str, text: str) -> dict[str, Any]:
    named = _NAMED.fullmatch(part)
    if named is not None:
        return _named(named["what"], named["which"]) | ({"soak_min": int(named["soak"])} if named["soak"] else {})
    found = _WAVE.fullmatch(part)
    if found is None or not (found["percent"] or found["share"].isdecimal()):
        raise Ended(Exit.USAGE, f"upwell: --waves {text}: {part!r} is no wave", f"  try: {_HOW}")
    share = float(found["share"]) if found["percent"] else int(found["share"])
    wave: dict[str, Any] = {"percent" if found["percent"] else "count": share}
    bounds = {name: int(found[name]) for name in ("at_least", "at_most", "soak_min") if found[name]}
    return wave | bounds


def _named(what: str, which: str) -> dict[str, Any]:
    """Devices that are of a wave whatever the lot says."""
    if what == "tag":
        key, _, value = which.partition("=")
        return {"tag": {"key": key, "value": value}}
    return {"group_id": which} if what == "group" else {"device_names": which.split("+")}


def read_hours(spans: list[str] | None, zone: str | None) -> dict[str, Any]:
    """Hours as they are written. Raises Ended."""
    if not spans or not zone:
        lacking = "--hours mon-fri@22:00-04:00" if zone else "--zone Europe/Berlin"
        raise Ended(Exit.USAGE, "upwell: hours are spans and a zone", f"  try: add {lacking}")
    return {"zone": zone, "open": [_span(text) for text in spans]}


def _span(text: str) -> dict[str, Any]:
    """A span as it is written: `mon-fri,sun@22:00-04:00`. Raises Ended."""
    found = _SPAN.fullmatch(text.strip())
    days = _days(found["days"]) if found is not None and found["days"] else []
    if found is None or days is None:
        raise Ended(Exit.USAGE, f"upwell: --hours {text}: no span of hours", "  try: mon-fri@22:00-04:00")
    return ({"days": days} if days else {}) | {"from": found["from"], "to": found["to"]}


def _days(text: str) -> list[str] | None:
    """The days of `mon-fri,sun`; None of what names none."""
    chosen = set[int]()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return None
        begin, count = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % len(DAYS)
        chosen |= {(begin + n) % len(DAYS) for n in range(count + 1)}
    return [DAYS[day] for day in sorted(chosen)]


def hours_of(hours: Any) -> str:
    """Hours in words."""
    spans = (f"{','.join(each['days'])} {each['from']}-{each['to']}" for each in hours["open"])
    now = f"open until {minute(hours['closes_at'])}" if hours.get("is_open") else ""
    opens = f"opens {minute(hours['opens_at'])}" if hours.get("opens_at") and not now else ""
    return "; ".join(filter(None, (*spans, hours["zone"], now or opens)))


def pace_of(pace: Any) -> str:
    """A pace in words."""
    grows = ""
    if "base_per_min" in pace:
        each = [f"{number(pace[name])} {word}" for name, word in _EACH.items() if name in pace]
        grows = f"from {number(pace['base_per_min'])} a minute, times {pace['factor']:g} each {' or '.join(each)}"
        grows += f", now {number(pace['now_per_min'])}" if "now_per_min" in pace else ""
    working = f" ({number(pace['at_work'])} now)" if "at_work" in pace else ""
    at_once = f"at most {of(pace['at_once'], 'device')} at once{working}" if "at_once" in pace else ""
    flow = f"at most {size(pace['bytes_per_s'])} a second" if "bytes_per_s" in pace else ""
    return "; ".join(filter(None, (grows, at_once, flow)))


def written(waves: list[dict[str, Any]]) -> str:
    """The same, written back."""
    return ", ".join(map(_written, waves))


def _which(wave: dict[str, Any]) -> str:
    if "tag" in wave:
        return f"tag:{wave['tag']['key']}={wave['tag']['value']}"
    return f"group:{wave['group_id']}" if "group_id" in wave else f"devices:{'+'.join(wave.get('device_names', '?'))}"


def _written(wave: dict[str, Any]) -> str:
    share = f"{wave['percent']:g}%" if "percent" in wave else str(wave.get("count") or _which(wave))
    least, most = wave.get("at_least", 1), wave.get("at_most")
    bounds = f":{least}-{'' if most is None else most}" if most is not None or least > 1 else ""
    return share + bounds + (f"@{wave['soak_min']}" if wave.get("soak_min") else "")


def rule(guard: Any) -> str:
    """A guard in words."""
    how = (
        f"on evidence of more than {guard['p0_percent']:g} % failing"
        f" ({guard['p1_percent']:g} % is to be caught, α {guard['alpha_percent']:g} %, β {guard['beta_percent']:g} %)"
    )
    if "percent" in guard:
        how = f"above {guard['percent']:g} % failing from {of(guard['from_offer'], 'offer')} on"
    return (
        f"{guard['action']}s it {how},"
        f" from {of(guard['at_least'], 'failure')} on; silent for {guard['verdict_min']} min is failed"
    )
