"""What the doors of devices are told of a device: what checks its login, what is behind it, what it may fetch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """What checks a device's login."""

    secret: str = field(repr=False)
    enabled: bool
    product_key: str
    name: str
    product_id: int
    account_id: int
    product_facts: Mapping[str, object]
    gateway_id: UUID | None  # the gateway whose topology it is in
    secondary_secret: str | None = field(default=None, repr=False)  # opens a login as the secret does
    public_id: str = ""  # the id its owner knows it by over all products


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A login that was refused: as which name, of which product if it said one, from where, by which vendor's device
    side. `account_id` is the account whose devices it can have meant, where that is one."""

    account_id: int | None
    product_key: str
    name: str
    address: str
    vendor: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubDevice:
    """A device behind a gateway; `public_id` is what its owner knows it by over all products."""

    product_key: str
    name: str
    public_id: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A file that may be fetched in blocks; size in bytes."""

    key: str
    size: int
