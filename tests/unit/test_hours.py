"""A job's hours, on both changes of summer time, over midnight, and against a clock that is walked minute by minute."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from upwell.domain.hours import DAY_MIN, Hours, Look, Span, look, problem

BERLIN = "Europe/Berlin"  # leaps on 2026-03-29 from 02:00 to 03:00, goes back on 2026-10-25 from 03:00 to 02:00


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minute(text: str) -> int:
    hour, _, rest = text.partition(":")
    return 60 * int(hour) + int(rest)


def hours(opens: str, closes: str, zone: str = BERLIN, days: tuple[int, ...] = tuple(range(7))) -> Hours:
    return Hours(zone=zone, spans=(Span(opens_min=minute(opens), closes_min=minute(closes), days=days),))


@pytest.mark.parametrize(
    ("opens", "closes", "now", "open_until", "opens_at"),
    [
        # A plain night, in winter and in summer: the same on the clock.
        ("22:00", "04:00", "2026-01-10T20:59:59", None, "2026-01-10T21:00"),
        ("22:00", "04:00", "2026-01-10T21:00", "2026-01-11T03:00", "2026-01-11T21:00"),
        ("22:00", "04:00", "2026-01-11T02:59:59", "2026-01-11T03:00", "2026-01-11T21:00"),
        ("22:00", "04:00", "2026-01-11T03:00", None, "2026-01-11T21:00"),
        ("22:00", "04:00", "2026-07-10T20:00", "2026-07-11T02:00", "2026-07-11T20:00"),
        # The night of the leap has an hour less, that of the way back one more.
        ("22:00", "04:00", "2026-03-28T21:00", "2026-03-29T02:00", "2026-03-29T20:00"),
        ("22:00", "04:00", "2026-10-24T20:00", "2026-10-25T03:00", "2026-10-25T21:00"),
        # A time that does not exist is the moment of the leap, 01:00 UTC.
        ("02:30", "05:00", "2026-03-29T00:59:59", None, "2026-03-29T01:00"),
        ("02:30", "05:00", "2026-03-29T01:00", "2026-03-29T03:00", "2026-03-30T00:30"),
        ("01:00", "02:30", "2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T23:00"),
        # What lies in it whole does not open that day.
        ("02:10", "02:50", "2026-03-29T00:00", None, "2026-03-30T00:10"),
        # A time that comes twice is the first.
        ("02:30", "05:00", "2026-10-25T00:30", "2026-10-25T04:00", "2026-10-26T01:30"),
        ("01:00", "02:30", "2026-10-25T00:29:59", "2026-10-25T00:30", "2026-10-26T00:00"),
        ("01:00", "02:30", "2026-10-25T01:10", None, "2026-10-26T00:00"),
        # A whole day.
        ("00:00", "24:00", "2026-03-29T12:00", "2026-04-12T22:00", None),
    ],
)
def test_what_the_clock_there_says(
    opens: str, closes: str, now: str, open_until: str | None, opens_at: str | None
) -> None:  # fmt: skip
    found = look(hours(opens, closes), utc(now))
    assert found == Look(open_until and utc(open_until), opens_at and utc(opens_at))


def test_days_are_those_on_which_it_opens() -> None:
    """Friday's night reaches into Saturday; Saturday has none of its own."""
    friday = hours("23:00", "01:00", "UTC", days=(4,))
    assert look(friday, utc("2026-01-03T00:30")) == Look(utc("2026-01-03T01:00"), utc("2026-01-09T23:00"))
    assert look(friday, utc("2026-01-03T23:30")) == Look(None, utc("2026-01-09T23:00"))


def test_spans_that_meet_are_one() -> None:
    meet = Hours(zone="UTC", spans=(
        Span(opens_min=600, closes_min=720), Span(opens_min=700, closes_min=780), Span(opens_min=780, closes_min=800),
    ))  # fmt: skip
    assert look(meet, utc("2026-01-03T10:05")) == Look(utc("2026-01-03T13:20"), utc("2026-01-04T10:00"))


def test_a_leap_at_midnight_and_a_half_hour() -> None:
    """Beirut leaps at midnight, Lord Howe by half an hour."""
    assert look(hours("00:00", "06:00", "Asia/Beirut"), utc("2026-03-28T12:00")).opens_at == utc("2026-03-28T22:00")
    lord_howe = look(hours("02:15", "06:00", "Australia/Lord_Howe"), utc("2026-10-03T12:00"))
    assert lord_howe.opens_at == utc("2026-10-03T15:30")


@pytest.mark.parametrize("seed", range(12))
def test_it_is_open_when_the_clock_first_shows_so(seed: int) -> None:
    """Against what somebody sees who looks at the clock each minute: a day's opening is the first minute that shows its
    time or a later one of that day."""
    dice = Random(seed)
    zone = ZoneInfo(dice.choice([BERLIN, "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kolkata"]))
    opens, closes = (5 * dice.randrange(DAY_MIN // 5) for _ in range(2))
    if opens == closes:
        closes = (closes + 60) % DAY_MIN
    days = tuple(sorted(dice.sample(range(7), dice.randint(1, 7))))
    given = Hours(zone=zone.key, spans=(Span(opens_min=opens, closes_min=closes, days=days),))
    begins = utc(dice.choice(["2026-03-27T00:00", "2026-10-03T00:00", "2026-10-23T00:00", "2026-10-30T00:00"]))
    wanted, since = [], begins - timedelta(days=2)
    shown = [since + timedelta(minutes=n) for n in range(7 * DAY_MIN)]

    def first(day: object, at: int) -> datetime:
        for moment in shown:
            local = moment.astimezone(zone)
            if (local.date() == day and 60 * local.hour + local.minute >= at) or local.date() > day:  # type: ignore[operator]
                return moment
        return shown[-1]

    for day in sorted({moment.astimezone(zone).date() for moment in shown})[1:-2]:
        if day.weekday() in days:
            ends = day + timedelta(days=closes <= opens)
            wanted.append((first(day, opens), first(ends, closes)))
    for moment in shown[2 * DAY_MIN : 4 * DAY_MIN : 7]:
        is_open = any(opens_at <= moment < closes_at for opens_at, closes_at in wanted)
        found = look(given, moment)
        assert (found.open_until is not None) is is_open, (given, moment)
        if found.open_until is not None:
            assert found.open_until > moment
        assert found.opens_at is None or found.opens_at > (found.open_until or moment)


def test_what_no_hours_are() -> None:
    assert problem(hours("22:00", "04:00")) is None and problem(hours("00:00", "24:00")) is None
    for wrong in ("Berlin", "+02:00", "Europe", "../etc/passwd", "", "Europe/Berlin\0"):
        found = problem(hours("22:00", "04:00", wrong))
        assert found is not None and found[0] == "zone", wrong
    assert (problem(hours("22:00", "22:00")) or ("",))[0] == "open[0]"
    assert (problem(hours("22:00", "23:00", days=())) or ("",))[0] == "open[0].days"
    assert (problem(Hours(zone="UTC", spans=())) or ("",))[0] == "open"
