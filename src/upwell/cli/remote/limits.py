"""Limits of all rollouts of an account or product together, as `product limits` and `account limits` say them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At
from upwell.cli.remote.careful import rate_of
from upwell.cli.telling import number, of, size


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The options."""

    per_minute: Annotated[int | None, typer.Option(metavar="N", help="Offers a minute; 0 has none leave.")] = None
    at_once: Annotated[int | None, typer.Option(metavar="N", help="Devices at work at once.")] = None
    bytes_per_s: Annotated[
        str | None, typer.Option(metavar="RATE", help="Bytes a second of all downloads: 500k, 2M.")
    ] = None
    none: Annotated[bool, typer.Option("--none", help="No limits, but those of each rollout.")] = False

    def applied(self, at: At, show: Callable[[], Any], update: Callable[..., Any]) -> None:
        """Set what is said, or show what is. Raises Ended."""
        said = {
            "maximum_per_min": self.per_minute, "at_once": self.at_once, "bytes_per_s": rate_of(self.bytes_per_s),
        }  # fmt: skip
        given = {name: value for name, value in said.items() if value is not None}
        if self.none and given:
            raise Ended(Exit.USAGE, "upwell: --none goes with no other", "  try: one of them")
        found = update(**given) if given or self.none else show()
        rate = (
            f"{number(found['maximum_per_min'])}, {number(found['spent'])} spent"
            if "maximum_per_min" in found
            else "any"
        )
        work = f"{of(found['at_once'], 'device')}, {number(found['at_work'])} now" if "at_once" in found else "any"
        flow = size(found["bytes_per_s"]) if "bytes_per_s" in found else "any"
        at.one(
            found, ("product", found.get("product_id")), ("offers a minute", rate), ("at work", work),
            ("bytes a second", flow),
        )  # fmt: skip
