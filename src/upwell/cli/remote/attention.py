"""`upwell attention`: what waits for you."""

from typing import Annotated, Any

import typer

from upwell.cli.apps import STYLE
from upwell.cli.remote.acting import At, verb
from upwell.cli.telling import Column, member, minute, number, of, table

attention = typer.Typer(**STYLE)
LACKS = {
    "person": "a person who promotes it", "reached": "any device that comes", "verdicts": "verdicts",
    "evidence": "devices that are fine",
}  # fmt: skip
HALTED: tuple[Column, ...] = (
    ("rollout", member("rollout_id")), ("since", lambda r: minute(r["at"])), ("why", member("reason")),
)  # fmt: skip
AWAITING: tuple[Column, ...] = (
    ("rollout", member("rollout_id")), ("since", lambda r: minute(r["at"])), ("revision", member("revision")),
    ("made by", lambda r: ", ".join(r["makers"])), ("yours", lambda r: "yes" if r["may_decide"] else ""),
)  # fmt: skip
WAVES: tuple[Column, ...] = (
    ("rollout", member("rollout_id")), ("wave", member("wave")), ("since", lambda r: minute(r["at"])),
    ("lacks", lambda r: LACKS.get(r["lacks"], r["lacks"])),
)  # fmt: skip
LOST: tuple[Column, ...] = (
    ("package", member("package_id")), ("name", member("name")), ("version", member("version")),
    ("why", member("reason")),
)  # fmt: skip
PARTS: tuple[tuple[str, str, tuple[Column, ...], str], ...] = (
    ("halted", "Halted by their guards", HALTED, "upwell rollout resume ROLLOUT, or cancel"),
    ("awaiting_approval", "Wait for approval", AWAITING, "upwell rollout approve ROLLOUT"),
    ("waiting_waves", "Waves that go no further by themselves", WAVES, "upwell rollout promote ROLLOUT"),
    ("lost_packages", "Packages whose object is lost", LOST, "put the object back, or make the package anew"),
)  # fmt: skip


@verb(attention, "attention", "upwell attention", "upwell attention --product lamp-eu --json | jq .total")
def show(
    at: At,
    product: Annotated[str | None, typer.Option("--product", metavar="PRODUCT", help="Only of this product.")] = None,
) -> None:
    """Show what waits for a person: rollouts that were halted, wait for approval or stall, devices that are set aside
    or fail to log in, packages whose object is lost."""
    found: Any = at.client.show_attention(product_id=product)
    if at.as_json:
        at.one(found)
        return
    for name, title, columns, does in PARTS:
        part = found[name]
        if part["total"]:
            print(f"{title}: {number(part['total'])}")
            table(columns, part["items"])
            at.say(f"Next: {does}\n")
    for name, what, does in (
        ("set_aside_devices", "set aside, for they failed too often", "upwell device list --set-aside"),
        ("refused_devices", "refused when they log in", "upwell device timeline DEVICE --kind refused"),
    ):
        if found[name]:
            print(f"{of(found[name], 'device')} {'is' if found[name] == 1 else 'are'} {what}")
            at.say(f"Next: {does}\n")
    if not found["total"]:
        at.say("Nothing waits for you.")
