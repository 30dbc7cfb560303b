"""Devices registered in batches: what may be asked, and what is told."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A batch of devices asked for at once. `status` is CHECK_SUCCESS, CREATE, CREATE_SUCCESS or CREATE_FAILED;
    `names` are the devices made so far, or that may be made after a check; `refused` those that may not. Why is told
    by the check alone: a name is repeated when the product has it or it was given twice."""

    apply_id: int
    status: str
    asked: int
    names: tuple[str, ...]
    created_at: datetime
    refused: tuple[str, ...] = ()
    invalid_names: tuple[str, ...] = ()
    invalid_nicknames: tuple[str, ...] = ()
    repeated_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDeviceNames:
    """→ Registration. Which of these (name, nickname) could be registered; those are kept under the apply id."""

    product_key: str
    names: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevices:
    """→ Registration: of the devices that the check `apply_id` found good, or of `count` with made-up names."""

    product_key: str
    apply_id: int | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRegistration:
    """→ Registration."""

    apply_id: int
    product_key: str
