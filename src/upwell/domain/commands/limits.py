"""Limits of an account or a product over all their jobs (ADR 0054)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many offers a minute, how many devices at work at once, and how many bytes a second of downloads; None: any
    number. With what is spent of the minute, and how many are at work, where that has a limit."""

    product_key: str | None
    maximum_per_min: int | None
    at_once: int | None
    bytes_per_s: int | None
    spent: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLimits:
    """→ Limits of the account, or of one product."""

    product_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimits:
    """→ Limits, in place of those of before."""

    product_key: str | None = None
    maximum_per_min: int | None = None
    at_once: int | None = None
    bytes_per_s: int | None = None
