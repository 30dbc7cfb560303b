"""The hours in which a job offers: spans of local time on days of the week, in a zone of IANA (rollouts 2.37).

Holds: each opening and closing is computed for its own day, so that a change of summer time moves none of them on the
clock there. A local time stands for the first moment at which the clock shows it or a later one: one that the clock
leaps over is the moment of the leap, of one that comes twice it is the first. So a span may be an hour longer or
shorter than its numbers, and one that lies in the leap whole does not open that day. Refuses fixed offsets: they are
wrong for half of the year.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1440  # minutes of a clock's day
SPANS_MAX = 10  # of one job
AHEAD_DAYS = 15  # an opening is looked for as far: two of a weekly span, of which one may lie in a leap
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From one time of the clock to another, in minutes of the day, on these days of the week (Monday is 0). One that
    does not end later than it begins ends on the next day; 1440 is midnight at a day's end."""

    opens_min: int
    closes_min: int
    days: tuple[int, ...] = tuple(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Spans of one zone; where they meet or lie over each other they are one."""

    zone: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How it stands at a moment: until when it is open, None where it is not; when it opens next."""

    open_until: datetime | None
    opens_at: datetime | None


def problem(hours: Hours) -> tuple[str, str] | None:
    """What is wrong with hours that an owner says: which member, and what it must be."""
    if zone_of(hours.zone) is None:
        return "zone", "a zone of the IANA database, such as Europe/Berlin"
    if not 0 < len(hours.spans) <= SPANS_MAX:
        return "open", f"1 to {SPANS_MAX} spans"
    for place, span in enumerate(hours.spans):
        if span.opens_min % DAY_MIN == span.closes_min % DAY_MIN and span.closes_min - span.opens_min != DAY_MIN:
            return f"open[{place}]", "to another time than from; 00:00 to 24:00 is a whole day"
        if not span.days or not set(span.days) <= set(range(7)):
            return f"open[{place}].days", "at least one day of the week"
    return None


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone by that name; None where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name, or none that may be a file's
        return None


def look(hours: Hours, now: datetime) -> Look:
    """How it stands now. Raises ValueError for hours of a zone that is not known."""
    zone = zone_of(hours.zone)
    if zone is None:
        raise ValueError(f"no zone {hours.zone}")
    open_until = None
    for opens_at, closes_at in _joined(sorted(_openings(hours.spans, zone, now))):
        if closes_at <= now:
            continue
        if opens_at > now:
            return Look(open_until, opens_at)
        open_until = closes_at
    return Look(open_until, None)


def _openings(spans: Sequence[Span], zone: ZoneInfo, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Those that may matter now or next, in any order; those that are nothing left out."""
    today = now.astimezone(zone).date()
    for n in range(-2, AHEAD_DAYS):
        day = today + n * _DAY
        for span in spans:
            if day.weekday() in span.days:
                over_night = span.closes_min <= span.opens_min
                opens_at = moment_of(zone, day, span.opens_min)
                closes_at = moment_of(zone, day + over_night * _DAY, span.closes_min)
                if opens_at < closes_at:
                    yield opens_at, closes_at


def _joined(openings: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """The same, those that meet or overlap as one."""
    held: tuple[datetime, datetime] | None = None
    for opens_at, closes_at in openings:
        if held is not None and opens_at <= held[1]:
            held = held[0], max(held[1], closes_at)
            continue
        if held is not None:
            yield held
        held = opens_at, closes_at
    if held is not None:
        yield held


def moment_of(zone: ZoneInfo, day: date, minute: int) -> datetime:
    """The first moment at which the clock there shows that minute of the day, or a later one; in UTC."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    first, last = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= last:  # it comes once, or twice
        return first
    return _leap(zone, last, first)


def _leap(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """When the clock leaps between these two moments, to the second."""
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle in (before, after):
            break
        if middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset():
            before = middle
        else:
            after = middle
    return after
