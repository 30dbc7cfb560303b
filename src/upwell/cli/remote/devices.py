"""`upwell device …`: one by one, and lists of them."""

from typing import Annotated, Any, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Named, Yes, verb
from upwell.cli.telling import Column, member, minute, of
from upwell.client.shapes import Device

app = noun("Devices: look at them, add, import, disable, follow them in time.", name="device")
DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, as `upwell device list` shows it.")]
DeviceIds = Annotated[list[str], typer.Argument(metavar="DEVICE", help="Ids of devices.")]
OfProduct = Annotated[str | None, typer.Option("--product", metavar="PRODUCT", help="Only of this product.")]
Status = Literal["online", "offline", "never_online", "disabled"]
COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("status", lambda d: d["status"].replace("_", " ")), ("runs", lambda d: runs(d)),
    ("last heard", lambda d: minute(heard(d))),
)  # fmt: skip


def runs(device: Device) -> str:
    """Its versions: that of the whole device as it is, others with their module's name."""
    return ", ".join(v if module == "default" else f"{module} {v}" for module, v in device["versions"].items())


def _until(device: Device) -> str:
    """Until when it is set aside."""
    told = device.get("set_aside")
    return "" if told is None else minute(told["until"]) if "until" in told else "it is released"


def _aside(device: Device) -> str | None:
    """That it is set aside, and why."""
    told: Any = device.get("set_aside")
    if told is None:
        return None
    return (
        f"until {_until(device)}: {of(told['failures'], 'failure')}, the last {told['reason']} in {told['rollout_id']}"
    )


def heard(device: Device) -> str | None:
    """When it was heard of last, as far as that is known."""
    return device.get("last_heard_at") or device.get("offline_at") or device.get("online_at")


@verb(
    app, "list", "upwell device list --product lamp-eu --status online",
    "upwell device list --tag floor=3 --all --json | jq -r .id",
)  # fmt: skip
def list_(
    at: At,
    product: OfProduct = None,
    group: Annotated[str | None, typer.Option(help="Only of this group.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those that are so.")] = None,
    name: Annotated[str | None, typer.Option(help="Only of this name.")] = None,
    module: Annotated[str | None, typer.Option(help="With --version: of this module.")] = None,
    version: Annotated[str | None, typer.Option(help="Only those that run this version.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY[=VALUE]", help="Only with this tag.")] = None,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Only those that failed too often, and are offered nothing meanwhile.")
    ] = False,
    sort: Named = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show devices, newest first. Filters are met all together. By name those of one
    product."""
    key, _, value = (tag or "").partition("=")
    if version and not module:
        module = "default"
    listed = at.client.list_devices(
        product_id=product, group_id=group, status=status, name=name, module=module, version=version,
        tag_key=key or None, tag_value=value or None, set_aside=set_aside or None, sort=sort,
    )  # fmt: skip
    columns = (*COLUMNS[:2], ("until", _until), *COLUMNS[2:]) if set_aside else COLUMNS
    at.pages(columns, listed, "no such devices; `upwell device import --help` brings many in", limit, every)


@verb(app, "show", "upwell device show lamp-eu_kitchen-1")
def show(at: At, device: DeviceId) -> None:
    """Show a device: its state, what it runs, its tags."""
    found = at.client.show_device(device)
    at.one(
        found, ("id", found["id"]), ("name", found["name"]), ("product", found["product_id"]),
        ("status", found["status"].replace("_", " ")), ("set aside", _aside(found)), ("runs", runs(found)),
        ("last heard", minute(heard(found))),
        ("address", found.get("address")), ("nickname", found.get("nickname")),
        ("description", found.get("description")), ("behind", found.get("gateway_id")), ("tags", found["tags"]),
        ("made", minute(found["created_at"])), ("first online", minute(found.get("activated_at"))),
    )  # fmt: skip


@verb(
    app, "add", "upwell device add kitchen-1 --product lamp-eu", "upwell device add kitchen-1 --product lamp-eu --json"
)
def add(
    at: At,
    name: Annotated[str, typer.Argument(help="Its name in its product.")],
    product: Annotated[str, typer.Option(metavar="PRODUCT", help="The product that it is of.")],
    id_: Annotated[str | None, typer.Option("--id", help="Its id; else product, _ and name.")] = None,
    nickname: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    gateway: Annotated[str | None, typer.Option(help="The id of the device that it is behind.")] = None,
) -> None:
    """Make a device; prints the secret that it logs in with."""
    made = at.client.create_device(product_id=product, name=name, id=id_, nickname=nickname, gateway_id=gateway)
    at.one(
        made, ("id", made["id"]), ("name", made["name"]), ("product", made["product_id"]), ("secret", made["secret"])
    )


@verb(app, "secret", "upwell device secret lamp-eu_kitchen-1")
def secret(at: At, device: DeviceId) -> None:
    """Print what a device logs in with."""
    found = at.client.show_device_secret(device)
    at.one(found, ("id", found["id"]), ("name", found["name"]), ("secret", found["secret"]))


@verb(app, "disable", "upwell device disable lamp-eu_kitchen-1 --yes")
def disable(at: At, devices: DeviceIds, yes: Yes = False) -> None:
    """Let devices log in no more, and cut those that are connected."""
    named = _there(at, devices)
    at.sure(f"This disables {of(len(named), 'device')}: they are cut and get no update.", yes)
    _enable(at, devices, False)


@verb(app, "enable", "upwell device enable lamp-eu_kitchen-1")
def enable(at: At, devices: DeviceIds) -> None:
    """Let disabled devices log in again."""
    _enable(at, devices, True)


def _there(at: At, devices: list[str]) -> list[str]:
    """Each once; a name that is none is refused before anything is done."""
    named = list(dict.fromkeys(devices))
    for device in named:
        at.client.show_device(device)
    return named


def _enable(at: At, devices: list[str], enabled: bool) -> None:
    for device in dict.fromkeys(devices):
        found = at.client.update_device(device, enabled=enabled)
        at.one(found, (found["id"], found["status"].replace("_", " ")))


@verb(
    app, "release", "upwell device release lamp-eu_kitchen-1",
    "upwell device release --all --product lamp-eu --yes",
)  # fmt: skip
def release(
    at: At,
    devices: Annotated[
        list[str] | None, typer.Argument(metavar="[DEVICE]...", help="Ids of devices; or say which by options.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are set aside and that the options name.")] = False,
    product: OfProduct = None,
    rollout: Annotated[str | None, typer.Option(help="With --all: that failed last in this rollout.")] = None,
    reason: Annotated[str | None, typer.Option(help="With --all: that failed last for this reason.")] = None,
    yes: Yes = False,
) -> None:
    """Have devices that are set aside be offered updates again; their failures are forgotten."""
    if bool(devices) is every or (devices and (product or rollout or reason)):
        how = "nothing says which devices" if not devices else "devices by name go with no other option"
        raise Ended(Exit.USAGE, f"upwell: {how}", "  try: upwell device release DEVICE, or --all --product PRODUCT")
    for device in _there(at, devices or []):
        found = at.client.release_device(device)
        at.one(found, (found["id"], "released"))
    if every:
        _release_all(at, {"product_id": product, "rollout_id": rollout, "reason": reason}, yes)


def _release_all(at: At, which: dict[str, str | None], yes: bool) -> None:
    """As many as are counted before, and no more."""
    counted = at.client.count_set_aside(**which)
    left, released = counted["devices"], 0
    if left:
        at.sure(f"This releases {of(left, 'device')}: they are offered updates again.", yes)
    while left:
        told = at.client.release_devices(devices=left, **which)
        released, left = released + told["released"], told["left"]
    at.one({"released": released}, ("released", of(released, "device")))


@verb(app, "delete", "upwell device delete lamp-eu_kitchen-1 --yes")
def delete(at: At, devices: DeviceIds, yes: Yes = False) -> None:
    """Delete devices; their open tasks are cancelled."""
    named = _there(at, devices)
    at.sure(f"This deletes {of(len(named), 'device')} and cancels their open tasks.", yes)
    for device in named:
        at.client.delete_device(device)
        at.say(f"deleted {device}")


TAGS: tuple[Column, ...] = (
    ("key", member("key")), ("value", member("value")),
    ("devices", lambda t: f"more than {t['devices']:,}" if t["more"] else f"{t['devices']:,}"),
)  # fmt: skip


@verb(app, "tags", "upwell device tags", "upwell device tags --all --json | jq -r .key | uniq")
def tags(at: At, limit: Limit = LIST_MAX, every: Every = False) -> None:
    """Show the tags that devices have, and how many have each."""
    at.pages(TAGS, at.client.list_tags(), "no device has a tag; see `upwell device tag --help`", limit, every)


@verb(
    app, "tag", "upwell device tag lamp-eu_kitchen-1 floor=3 room=kitchen", "upwell device tag lamp-eu_kitchen-1 floor="
)
def tag(
    at: At,
    device: DeviceId,
    tags: Annotated[list[str], typer.Argument(metavar="KEY=VALUE", help="Without a value the tag is taken away.")],
) -> None:
    """Give a device tags, or take them away; others stay."""
    given = dict(_tag(each) for each in tags)
    if some := {key: value for key, value in given.items() if value}:
        at.client.set_device_tags(device, tags=some)
    for key in (key for key, value in given.items() if not value):
        at.client.delete_device_tag(device, key)
    found = at.client.show_device(device)
    at.one(found, ("id", found["id"]), ("tags", found["tags"]))


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text} is no KEY=VALUE")
    return key, value
