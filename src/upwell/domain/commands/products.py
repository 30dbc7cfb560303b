"""Products: what may be asked of them, and what is told.

A product lies in one space of its account. Its key is a text that is one product's in the whole installation, because
the ids of devices are made from it. Where a command names a space, it must be the product's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.rollouts import Care
from upwell.domain.commands.spaces import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A kind of device. `facts` is what a dialect keeps of it and the core never reads; `rollout_defaults` are for jobs
    that say nothing of it, of whatever tongue."""

    product_key: str
    product_secret: str
    name: str
    space: Space
    facts: Mapping[str, object]
    device_count: int
    created_at: datetime
    rollout_defaults: Care | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct:
    """→ Product, in the default space unless one is named. Without `product_key` one of `key_size` characters is made
    up that begins with `key_head`. A `unique_name` is refused where another product that was given one has it."""

    name: str
    space: str | None = None
    product_key: str | None = None
    key_head: str = ""
    key_size: int = 24
    unique_name: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProduct:
    """→ Product."""

    product_key: str
    space: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProducts:
    """→ Page[Product], newest first; `name` is the whole name, and their facts contain `facts`. Without `counted` there
    is no total. With `product_key` that one alone."""

    asked: Slice
    space: str | None = None
    product_key: str | None = None
    name: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProduct:
    """→ Product. None leaves the name and the defaults, which an empty Care takes away; `facts` are merged over the
    present ones. Without `unique_name` a new name may be another product's too, however the old one was given."""

    product_key: str
    space: str | None = None
    name: str | None = None
    unique_name: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    rollout_defaults: Care | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProduct:
    """→ Done. Refused while the product has devices."""

    product_key: str
    space: str | None = None
