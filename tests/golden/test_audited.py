"""What the stages compare with the audit (`audited.py`) lacks no operation: each changing one of each vendor's tongue
is done in its record, and refused to somebody who is known. Which ones those are is read from the dialects' tables."""

import json

import pytest
from tests.golden.audited import CHANGING, operation_of
from tests.golden.book import Step, load


def asked(dialect: str, step: Step) -> str:
    """The operation that a step asks for; empty where it is no request."""
    if dialect != "huawei":
        return str(step.ask.get("do", ""))
    method, _, path = str(step.ask.get("ask", "")).partition(" ")
    return operation_of(method, path.replace("~", "/v5/iot/project", 1).partition("?")[0]) if path else ""


def is_done(dialect: str, step: Step) -> bool:
    answer = step.answer or {}
    if dialect == "huawei":
        return int(answer.get("status", 0)) in range(200, 300)
    text = json.dumps(answer, separators=(",", ":")).lower()
    return '"success":true' in text or "<success>true" in text


def is_known(step: Step) -> bool:
    """Whether it is asked by a key that there is, whose signature holds."""
    by = step.ask.get("by", "")
    return (
        by != "nobody"
        and isinstance(by, str)
        and not {"secret", "headers", "after", "sign", "common"} & step.ask.keys()
    )


@pytest.mark.parametrize("dialect", sorted(CHANGING))
def test_each_changing_operation_is_done_and_refused_in_the_record(dialect: str) -> None:
    steps = [step for chapter in load(dialect) for step in chapter.steps]
    done = {asked(dialect, step) for step in steps if is_done(dialect, step)}
    refused = {asked(dialect, step) for step in steps if step.answer and not is_done(dialect, step) and is_known(step)}
    assert CHANGING[dialect] - done == set()
    assert CHANGING[dialect] - refused == set()
