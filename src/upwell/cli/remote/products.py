"""`upwell product …`."""

from functools import partial
from typing import Annotated, cast

import typer

from upwell.cli.apps import noun
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Named, Yes, verb
from upwell.cli.remote.audit import instant
from upwell.cli.remote.careful import Careful
from upwell.cli.remote.limits import Limited
from upwell.cli.remote.usual import Usual, wanted, words
from upwell.cli.telling import Column, member, minute, moment, number, of
from upwell.client.shapes import UpdateProductRolloutDefaults as Defaults

app = noun("Products: kinds of device.", name="product")
Product = Annotated[str, typer.Argument(metavar="PRODUCT", help="The product's id.")]
COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("name", member("name")), ("devices", lambda p: number(p["device_count"])),
    ("made", moment("created_at")),
)  # fmt: skip


@verb(app, "create", "upwell product create lamp", "upwell product create lamp --id lamp-eu --json | jq -r .id")
def create(
    at: At,
    name: Annotated[str, typer.Argument(help="What people call it; no other product of the account is called so.")],
    id_: Annotated[str | None, typer.Option("--id", help="Its id, for ever; made up without.")] = None,
    space: Annotated[str | None, typer.Option(help="The space that it lies in; else the default one.")] = None,
) -> None:
    """Make a product; prints its id, from which the ids of its devices are made."""
    made = at.client.create_product(name=name, id=id_, space_id=space)
    at.one(made, ("id", made["id"]), ("name", made["name"]), ("space", made["space_id"]))
    at.say(f"\nNext: upwell device import FILE.csv --product {made['id']}")


@verb(app, "list", "upwell product list")
def list_(
    at: At,
    space: Annotated[str | None, typer.Option(help="Only of this space.")] = None,
    sort: Named = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show products, newest first."""
    none = "no products; make one: upwell product create NAME"
    at.pages(COLUMNS, at.client.list_products(space_id=space, sort=sort), none, limit, every)


@verb(app, "show", "upwell product show lamp-eu")
def show(at: At, product: Product) -> None:
    """Show a product, its modules and how many devices it has."""
    found = at.client.show_product(product)
    if at.as_json:
        at.one(found)
        return
    counts = at.client.count_devices(product_id=product)
    modules = ", ".join(each["name"] for each in at.client.list_modules(product))
    devices = f"{number(counts['devices'])}, of which {number(counts['online'])} online now,"
    devices += f" {number(counts['devices'] - counts['ever_online'])} never"
    at.one(
        found, ("id", found["id"]), ("name", found["name"]), ("space", found["space_id"]), ("devices", devices),
        ("modules", modules), ("rollouts", words(found.get("rollout_defaults") or {})),
        ("made", minute(found["created_at"])),
    )  # fmt: skip


@verb(
    app, "defaults", "upwell product defaults lamp-eu --preset careful --guard",
    "upwell product defaults lamp-eu --waves 1%:5-50@60,10%,100% --guard-p0 1",
    "upwell product defaults lamp-eu --set-aside 3 --aside-first 30 --aside-hold 10",
    "upwell product defaults lamp-eu --none",
)  # fmt: skip
def defaults(
    at: At,
    product: Product,
    *,
    careful: Careful,
    usual: Usual,
    none: Annotated[bool, typer.Option("--none", help="None: devices are offered all at once.")] = False,
    yes: Yes = False,
) -> None:
    """Say how carefully the product's rollouts go about their devices: those that do not say, whoever starts them, in
    whatever tongue; what is said here takes the place of all that was."""
    said = wanted(usual, careful, none)
    if none:
        count = at.client.show_product(product)["device_count"]
        at.sure(f"From now on rollouts of {product} offer all at once, {of(count, 'device')}, and none halts.", yes)
    found = at.client.update_product(product, rollout_defaults=cast(Defaults, said))
    told = words(found.get("rollout_defaults") or {})
    at.one(found, ("id", found["id"]), ("rollouts", told or "all at once, without a guard"))


@verb(
    app, "limits", "upwell product limits lamp-eu", "upwell product limits lamp-eu --per-minute 100 --at-once 500",
    "upwell product limits lamp-eu --none",
)  # fmt: skip
def limits(at: At, product: Product, *, limited: Limited) -> None:
    """Show or set how much all rollouts of a product may do together: what is said is in the place of what was, as an
    admin may."""
    client = at.client
    limited.applied(at, partial(client.show_product_limits, product), partial(client.update_product_limits, product))


HOURS: tuple[Column, ...] = (
    ("hour", moment("at")),
    ("versions", lambda h: ", ".join(f"{each['version']} {number(each['devices'])}" for each in h["versions"])),
    ("unknown", lambda h: number(h["unknown"]) if h.get("unknown") else ""),
    ("others", lambda h: number(h["others"]) if h.get("others") else ""),
)  # fmt: skip


@verb(
    app, "versions", "upwell product versions lamp-eu",
    "upwell product versions lamp-eu --module wifi --since 2026-01-31",
)  # fmt: skip
def versions(
    at: At,
    product: Product,
    module: Annotated[str | None, typer.Option(help="Of this module; else of the whole device.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment.")] = None,
    limit: Limit = 24,
    every: Every = False,
) -> None:
    """Show how versions spread over the product's devices, newest hour first; hours in which nothing changed are not
    there: what stood before goes on."""
    listed = at.client.list_version_history(
        product_id=product, module=module, since=instant("--since", since), until=instant("--until", until)
    )
    at.pages(HOURS, listed, "no device of it has told a version in that time", limit, every)


@verb(app, "rename", 'upwell product rename lamp-eu "Lamp, Europe"')
def rename(at: At, product: Product, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a product another name; its id stays."""
    found = at.client.update_product(product, name=name)
    at.one(found, ("id", found["id"]), ("name", found["name"]))


@verb(app, "delete", "upwell product delete lamp-eu --yes")
def delete(at: At, product: Product, yes: Yes = False) -> None:
    """Delete a product that has no devices."""
    found = at.client.show_product(product)
    at.sure(f"This deletes the product {found['name']}, which has {of(found['device_count'], 'device')}.", yes)
    at.client.delete_product(product)
    at.say(f"deleted {product}")


@verb(app, "secret", "upwell product secret lamp-eu")
def secret(at: At, product: Product) -> None:
    """Print the secret that devices of the product enrol with."""
    found = at.client.show_product_secret(product)
    at.one(found, ("id", found["id"]), ("secret", found["secret"]))


@verb(app, "module", "upwell product module lamp-eu wifi", "upwell product module lamp-eu wifi --delete --yes")
def module(
    at: At,
    product: Product,
    name: Annotated[str, typer.Argument(help="The module's name.")],
    alias: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    remove: Annotated[bool, typer.Option("--delete", help="Delete it instead.")] = False,
    yes: Yes = False,
) -> None:
    """Make a module of a product, a part that is updated by itself, or delete one."""
    if remove:
        count = at.client.show_product(product)["device_count"]
        at.sure(f"This deletes the module {name} of {product}, which has {of(count, 'device')}.", yes)
        at.client.delete_module(product, name)
        at.say(f"deleted {name}")
        return
    made = at.client.create_module(product, name=name, alias=alias)
    at.one(made, ("name", made["name"]), ("product", made["product_id"]), ("alias", made.get("alias")))
