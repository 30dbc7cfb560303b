"""Places in a list that goes by moments: a moment and a number that tells items of one moment apart, as one number by
which newer items are larger."""

from datetime import UTC, datetime, timedelta

TIE_BITS = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def record_of(at: datetime, tie: int) -> int:
    """The number of that place."""
    return (at - _EPOCH) // _MICROSECOND << TIE_BITS | tie


def place_of(record: int | None) -> dict[str, datetime | int | None]:
    """The parameters `below_at` and `below_tie` of a statement that goes on below that number; None begins."""
    if record is None:
        return {"below_at": None, "below_tie": None}
    since, tie = divmod(record, 1 << TIE_BITS)
    return {"below_at": _EPOCH + min(since, _LAST) * _MICROSECOND, "below_tie": tie}
