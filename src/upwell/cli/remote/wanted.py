"""What a rollout is wanted to do, as options say it: of one that is started, or only planned.

Holds: which devices are meant is always said, by exactly one option; what is asked for is the same of both, so that a
plan tells what the start of the same words does.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At
from upwell.cli.remote.audit import instant
from upwell.cli.remote.careful import Careful
from upwell.client.shapes import Package

Kind = Literal["static", "dynamic", "verify"]
PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's id, pkg_….")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options, each of them absent."""

    all_: Annotated[bool, typer.Option("--all", help="All devices of the product.")] = False
    device: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A device's name; may be given again.")] = (
        None
    )
    percent: Annotated[float | None, typer.Option(help="A share of the product's devices.")] = None
    group: Annotated[str | None, typer.Option(help="The devices of a group.")] = None
    product: Annotated[str | None, typer.Option(help="Where the package is every product's: of which.")] = None
    kind: Annotated[Kind, typer.Option(help="static: devices of now; dynamic: a standing policy.")] = "static"
    source: Annotated[list[str] | None, typer.Option(metavar="VERSION", help="Only devices that run this.")] = None
    per_minute: Annotated[int | None, typer.Option(min=0, help="Offers a minute at most.")] = None
    timeout: Annotated[int | None, typer.Option(metavar="MIN", help="Minutes from the first progress.")] = None
    retries: Annotated[int | None, typer.Option(help="How often a failed device tries again.")] = None
    retry_after: Annotated[int, typer.Option(metavar="MIN", help="Minutes before it does.")] = 10
    begin: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Begin then.")] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="With --at: end then.")] = None
    overwrite: Annotated[bool, typer.Option(help="In place of unfinished tasks of other rollouts.")] = False
    confirm: Annotated[bool, typer.Option("--confirm", help="Each device waits for `rollout confirm`.")] = False
    downgrade: Annotated[bool, typer.Option(help="Also devices that have left the version before.")] = False
    push: Annotated[bool, typer.Option(help="Tell devices at once, or wait until they ask.")] = True

    def product_of(self, package: Package) -> str:
        """Whose devices are meant. Raises Ended where a package of every product does not say."""
        found = self.product or package.get("product_id")
        if found is None:
            which = package["id"]
            raise Ended(Exit.USAGE, f"upwell: {which} is every product's", "  try: say whose devices: --product ID")
        return found

    def targets(self) -> dict[str, Any]:
        """Which devices. Raises Ended unless exactly one option says so."""
        given = {
            "all": self.all_ or None, "device_names": self.device or None, "percent": self.percent,
            "group_id": self.group,
        }  # fmt: skip
        said = {name: value for name, value in given.items() if value is not None}
        if len(said) != 1:
            how = "two options say which devices" if said else "nothing says which devices"
            raise Ended(Exit.USAGE, f"upwell: {how}", "  try: one of --all, --device NAME, --percent P, --group GROUP")
        return said

    def count(self, at: At, product: str) -> tuple[int, str]:
        """How many devices those are now, and in words."""
        if self.device:
            return len(set(self.device)), "the devices that are named"
        if self.group is not None:
            return at.client.show_group(self.group)["devices"]["devices"], f"the group {self.group}"
        total = at.client.count_devices(product_id=product)["devices"]
        if self.percent is not None:
            return round(total * self.percent / 100), f"{self.percent:g} % of the devices of {product}"
        return total, f"all devices of {product}"

    def body(self, package: Package, careful: Careful) -> dict[str, Any]:
        """What is asked of the API. Raises Ended."""
        return {
            "kind": self.kind, "package_id": package["id"], "product_id": self.product_of(package),
            "targets": self.targets(), "source_versions": self.source or None, "maximum_per_min": self.per_minute,
            "timeout_min": self.timeout,
            "retry": None if self.retries is None else {"count": self.retries, "interval_min": self.retry_after},
            "scheduled_at": instant("--at", self.begin), "finish_at": instant("--until", self.until),
            "overwrite": self.overwrite or None, "needs_confirmation": self.confirm or None,
            "downgrade": self.downgrade or None, "push": None if self.push else False, **careful.said(),
        }  # fmt: skip
