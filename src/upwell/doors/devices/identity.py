"""Who logged in: what a login proves, whichever way its device came."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in. `facts` are the handler's own and are only carried. `payload_size_max` is how much it may say at
    once from now on, None for the door's own limit. `name` is what people call the device, for the log."""

    device_id: UUID
    facts: object = None
    payload_size_max: int | None = None
    name: str = ""
