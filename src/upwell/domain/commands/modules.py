"""Modules, the parts of a product that are updated separately: what may be asked of them, and what is told.

`default` is the whole device and every product's. A tongue may count other names as every product's too.
"""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.shared import DeviceKey
from upwell.domain.commands.spaces import Space
from upwell.domain.modules import DEFAULT_MODULE

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleKey:
    """Which module: `module_id` alone, which leads to none of the standing ones, or product key and name in any case
    of letters. `module_id` wins when both are given."""

    module_id: int | None = None
    product_key: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A separately updatable part of a product. `default` has no number, and no times of its own but the product's."""

    module_id: int | None
    product_key: str
    product_name: str
    space: Space
    name: str
    alias: str | None
    description: str | None
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleVersion:
    """The version of a module that a device reported last; empty when nobody can know it."""

    module: str
    version: str
    product_key: str
    device_name: str
    iot_id: str


# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateModule:
    """→ Module. The name is unique in the product whatever its case, stays, and is none of the `standing`. Refused with
    TooMany when the product has `most` beside those; None is the core's own bound."""

    product_key: str
    name: str
    space: str | None = None
    alias: str | None = None
    description: str | None = None
    most: int | None = None
    standing: tuple[str, ...] = (DEFAULT_MODULE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateModule:
    """→ Module. None leaves a value as it is."""

    module: ModuleKey
    alias: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteModule:
    """→ Done. Not `default`, nor one that packages install."""

    module: ModuleKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowModule:
    """→ Module."""

    module: ModuleKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModules:
    """→ Page[Module], newest first, without the standing ones `default` and `software`. With `asked` None all of
    `product_key`, which must be there: `default` first, then by name."""

    asked: Slice | None = None
    space: str | None = None
    product_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModuleVersions:
    """→ Page[ModuleVersion], by module."""

    asked: Slice
    device: DeviceKey
