"""What several commands and views are made of."""

from dataclasses import dataclass

OPEN_STATES = frozenset({"CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey:
    """Which device: `iot_id` alone, or product key and name, or `public_id`, the id that its owner chose, alone.
    `iot_id` wins when both are given."""

    iot_id: str | None = None
    product_key: str | None = None
    name: str | None = None
    public_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It happened, and there is nothing to tell about it."""
