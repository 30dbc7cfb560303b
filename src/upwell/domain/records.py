"""Numbers that order what has no number of its own: devices, and devices within a job. Each is below 2**96.

A device's record is 52 bits of the microsecond it was made in and 44 bits of its id, so newer is larger and a list can
go on from any record by key (device_bound), at the same cost at any depth.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

RECORD_BITS = 96
_LOT_BITS = 44
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROS_MAX = (1 << RECORD_BITS - _LOT_BITS) - 1


def device_record(created_at: datetime, device_id: UUID) -> int:
    """The record of a device, from what its row holds."""
    return (created_at - _EPOCH) // _MICROSECOND << _LOT_BITS | device_id.int >> 128 - _LOT_BITS


def device_bound(record: int) -> tuple[datetime, UUID]:
    """A device's record is smaller than `record` exactly if (created_at, device_id) is smaller than this pair."""
    micros, lot = divmod(record, 1 << _LOT_BITS)
    micros = min(micros, _MICROS_MAX)
    return _EPOCH + micros * _MICROSECOND, UUID(int=lot << 128 - _LOT_BITS)


def target_record(device_id: UUID) -> int:
    """The record of a device within one job: the head of its id, which orders a job's tasks already."""
    return device_id.int >> 128 - RECORD_BITS


def target_bound(record: int) -> UUID:
    """A device's record within a job is smaller than `record` exactly if its id is smaller than this one."""
    return UUID(int=record << 128 - RECORD_BITS)
