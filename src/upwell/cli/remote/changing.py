"""`upwell rollout change`: how fast a rollout goes that runs."""

from typing import Annotated, Any, cast

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import At, verb
from upwell.cli.remote.careful import pace_of, rate_of
from upwell.cli.remote.rollouts import RolloutId, app
from upwell.cli.telling import number
from upwell.client.shapes import UpdateRolloutPace as Pace


@verb(
    app, "change", "upwell rollout change ro_0000000000000007 --per-minute 50",
    "upwell rollout change ro_0000000000000007 --pace-base 10 --pace-factor 2 --pace-each 500 --at-once 100",
    "upwell rollout change ro_0000000000000007 --bytes-per-s 2M",
    "upwell rollout change ro_0000000000000007 --constant",
)  # fmt: skip
def change(
    at: At,
    rollout: RolloutId,
    *,
    per_minute: Annotated[
        int | None, typer.Option(metavar="N", help="Offers a minute at the most; 0 holds it.")
    ] = None,
    at_once: Annotated[int | None, typer.Option(metavar="N", help="Devices at work at the most.")] = None,
    bytes_per_s: Annotated[
        str | None, typer.Option(metavar="RATE", help="Bytes a second of its downloads together: 500k, 2M.")
    ] = None,
    pace_base: Annotated[int | None, typer.Option(metavar="N", help="Offers a minute to grow from.")] = None,
    pace_factor: Annotated[float | None, typer.Option(help="By how much the pace grows each time.")] = None,
    pace_each: Annotated[int | None, typer.Option(metavar="N", help="Each time that so many succeeded.")] = None,
    pace_offered: Annotated[int | None, typer.Option(metavar="N", help="Each time that so many were offered.")] = None,
    constant: Annotated[
        bool, typer.Option("--constant", help="As fast as its maximum, with any number at work.")
    ] = False,
) -> None:
    """Change how fast a rollout goes. What is said of the pace is in place of all that was; of a rollout that wanted
    approval the change is approved anew, and nothing is offered until then."""
    given = {
        "base_per_min": pace_base, "factor": pace_factor, "each_succeeded": pace_each, "each_offered": pace_offered,
        "at_once": at_once, "bytes_per_s": rate_of(bytes_per_s),
    }  # fmt: skip
    pace: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if constant and pace:
        raise Ended(Exit.USAGE, "upwell: --constant goes with no pace", "  try: leave one out")
    if not pace and not constant and per_minute is None:
        raise Ended(Exit.USAGE, "upwell: nothing says how fast", "  try: --per-minute 50, or --constant")
    said = cast(Pace, pace) if pace or constant else None
    found = at.client.update_rollout(rollout, maximum_per_min=per_minute, pace=said)
    told = pace_of(found["pace"]) if "pace" in found else "constant"
    at.one(found, ("id", found["id"]), ("a minute", number(found["maximum_per_min"])), ("pace", told),
           ("status", found["status"].replace("_", " ")))  # fmt: skip
