"""When devices are set aside, as our defaults say and show it."""

from dataclasses import asdict
from typing import Any

from upwell.dialects.checks import Range
from upwell.dialects.operations import Param, Values
from upwell.domain.errors import Invalid
from upwell.domain.setbacks import FAILURES_MAX, SPAN_MAX_MIN, Setback, problem

SET_ASIDE = Param(
    "set_aside", "members",
    members=(
        Param("failures", "int", check=Range(0, FAILURES_MAX)),
        Param("first_min", "int", check=Range(1, SPAN_MAX_MIN)),
        Param("most_min", "int", check=Range(1, SPAN_MAX_MIN)),
        Param("hold_failures", "int", check=Range(1, FAILURES_MAX)),
    ),
    closed=True,
)  # fmt: skip


def read(said: Values, path: str) -> Setback | None:
    """When devices are set aside; None where nothing stands in it. Raises Invalid."""
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        return None
    rule = Setback(**given)
    wrong = problem(rule)
    if wrong is not None:
        raise Invalid(f"{path}.{wrong[0]}", wrong[1])
    return rule


def shown(rule: Setback) -> dict[str, Any]:
    """As it would be said again."""
    return {name: value for name, value in asdict(rule).items() if value is not None}
