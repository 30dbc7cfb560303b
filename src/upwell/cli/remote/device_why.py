"""`upwell device why`: why one device is not updated."""

from typing import Annotated

import typer

from upwell.cli.exits import one_line
from upwell.cli.remote import device_lists  # noqa: F401  # its verbs come before this one
from upwell.cli.remote.acting import At, verb
from upwell.cli.remote.devices import DeviceId, app
from upwell.cli.telling import second


@verb(
    app, "why", "upwell device why lamp-eu_kitchen-1 --rollout ro_0000000000000007",
    "upwell device why lamp-eu_kitchen-1 --package pkg_0000000000000007",
)  # fmt: skip
def why(
    at: At,
    device: DeviceId,
    rollout: Annotated[str | None, typer.Option(help="By this rollout.")] = None,
    package: Annotated[str | None, typer.Option(help="By the rollout of this package.")] = None,
) -> None:
    """Show why a device is not updated: each check, the first no, and what to do or what happens by itself."""
    told = at.client.explain_device(device, rollout_id=rollout, package_id=package)
    at.one(
        told, ("answer", told["code"].replace("_", " ")), ("next", told["next_step"]),
        ("when", second(told.get("next_at")) or None), ("rollout", told.get("rollout_id")),
    )  # fmt: skip
    at.say("")
    for check in told["checks"]:
        since = f" ({second(check['at'])})" if check.get("at") else ""
        at.say(f"{'yes' if check['yes'] else 'NO ':4}{one_line(check['question'])} {one_line(check['fact'])}{since}")
