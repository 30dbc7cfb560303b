"""How carefully rollouts go about their devices where they do not say, as options say it and in words: what a product's
and an account's defaults have beyond what one rollout may say.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.careful import Careful, hours_of, pace_of, rule, written
from upwell.cli.telling import of

TRY = "  try: --preset careful --guard, or --none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The options of defaults alone, each of them absent."""

    approval_over: Annotated[
        int | None,
        typer.Option(metavar="N", help="Rollouts of more devices wait for an approver; 0 has all of them wait."),
    ] = None
    no_approval: Annotated[
        bool, typer.Option("--no-approval", help="They wait for nobody, whatever the account says.")
    ] = False
    set_aside: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="A device that failed so often since its last success is offered nothing for a while; 0 is never.",
        ),
    ] = None
    aside_first: Annotated[
        int | None, typer.Option(metavar="MIN", help="For how long at first, doubling with each failure; 60.")
    ] = None
    aside_most: Annotated[int | None, typer.Option(metavar="MIN", help="For how long at the most; 1440.")] = None
    aside_hold: Annotated[
        int | None, typer.Option(metavar="N", help="From so many failures on until a person releases it.")
    ] = None

    def said(self, careful: Careful) -> dict[str, Any]:
        """The members of a request, with those that the other options say. Raises Ended."""
        given = {
            "failures": self.set_aside, "first_min": self.aside_first, "most_min": self.aside_most,
            "hold_failures": self.aside_hold,
        }  # fmt: skip
        aside = {name: value for name, value in given.items() if value is not None}
        if self.no_approval and self.approval_over is not None:
            raise Ended(Exit.USAGE, "upwell: --no-approval goes with no --approval-over", "  try: one of them")
        approval: dict[str, Any] | None = {"required": False} if self.no_approval else None
        approval = approval if self.approval_over is None else {"over": self.approval_over}
        more = {"set_aside": aside or None, "approval": approval}
        return careful.said() | {name: value for name, value in more.items() if value is not None}


def wanted(usual: Usual, careful: Careful, none: bool) -> dict[str, Any]:
    """What is asked for; nothing where `none` is. Raises Ended where nothing is said, or both."""
    said = usual.said(careful)
    if bool(said) is none:
        how = "--none goes with no other" if none else "nothing says what the defaults are"
        raise Ended(Exit.USAGE, f"upwell: {how}", TRY)
    return said


def words(usual: Any) -> str:
    """Defaults in words."""
    told = [
        f"preset {usual['preset']}" if "preset" in usual else "",
        f"waves {written(usual['waves'])}" if "waves" in usual else "",
        "the same devices first" if usual.get("same_devices_first") else "",
        f"a guard {rule(usual['guard'])}" if "guard" in usual else "",
        pace_of(usual["pace"]) if "pace" in usual else "",
        f"in hours {hours_of(usual['hours'])}" if "hours" in usual else "",
        _approval(usual["approval"]) if "approval" in usual else "",
        _aside(usual["set_aside"]) if "set_aside" in usual else "",
    ]
    return "; ".join(filter(None, told))


def _approval(approval: Any) -> str:
    if not approval["required"]:
        return "no approval"
    return f"approval of more than {of(approval['over'], 'device')}" if approval["over"] else "approval of each"


def _aside(aside: Any) -> str:
    if not aside["failures"]:
        return "no device is set aside"
    held = f", from {of(aside['hold_failures'], 'failure')} on until it is released" if "hold_failures" in aside else ""
    span = f"for {aside['first_min']} to {aside['most_min']} min"
    return f"devices are set aside after {of(aside['failures'], 'failure')} {span}{held}"
