"""Huawei's management API answers as it did when it was recorded, and the record leaves nothing out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.golden import huawei_tables as tables
from tests.golden.book import Step, differences, load, names
from tests.golden.huawei_stage import open_stage

RECORD = load("huawei")
STEPS = [step for chapter in RECORD for step in chapter.steps]
LISTS = ("ShowApplications", "ShowDevicesInGroup", "ShowBatchTask")  # beside those that are named so
ALL = (*tables.NAMES, tables.UPLOAD)

UNREACHABLE = {  # codes of the table that no request brings about, and why
    "IOTDA.000001": "our own fault: no request brings it about",
    "IOTDA.001005": "no operation raises space_ambiguous: without an app_id the default space is meant",
    "IOTDA.014016": "no operation raises device_offline",
    "IOTDA.014807": "objects that are not there are Invalid in the one operation that names any",
    "IOTDA.014851": "no task fails by device_offline: it waits, and fails by online_timeout",
    "IOTDA.014853": "after days without the device",
    "IOTDA.014854": "after hours without a result",
    "IOTDA.014855": "after minutes without a version; no setting shortens them",
}


@pytest.mark.timeout(600)  # seconds of waits on a busy machine
@pytest.mark.parametrize("chapter", names("huawei"))
def test_every_answer_is_as_it_was_recorded(chapter: str) -> None:
    found = differences("huawei", open_stage, chapter)
    assert not found, f"{len(found)} answers differ\n" + "\n".join(found[:20])


def test_every_operation_has_its_kinds_of_answers() -> None:
    assert sorted(_lacking()) == []


def test_every_member_that_can_be_wrong_is() -> None:
    refused = {step.name for step in STEPS if step.shows == "refusal"}
    lacking = [f"{name}: {wrong.words}" for name in tables.NAMES for wrong in tables.wrongs(name)]
    assert [each for each in lacking if each not in refused] == []


def test_every_refusal_of_the_table_is_recorded() -> None:
    told = json.dumps([step.answer for step in STEPS])
    lacking = {code for code in tables.CODES if f'"{code}"' not in told}
    assert lacking == UNREACHABLE.keys()


def test_each_record_shows_what_it_says() -> None:
    wrong = [step.name for step in STEPS if step.shows and step.answer["status"] and not _shows(step)]
    assert wrong == []


def _lacking() -> Iterator[str]:
    for name in ALL:
        of = [step for step in STEPS if step.name.startswith(f"{name}: ")]
        shown = {step.shows for step in of}
        needed = {"full", "refusal"} if name != "ListBatchTaskFiles" else {"full"}
        if name.startswith(("List", "Search")) or name in LISTS:
            needed |= {"empty"}
        if name in ("ListBatchTaskFiles", "ShowApplications"):
            needed -= {"refusal"}  # only the doors' own: both take no member that could be wrong, and everybody's role
        yield from (f"{name}: {kind}" for kind in needed - shown)
        if name != tables.UPLOAD and tables.is_paged(name):
            ends = [dict(step.ask["query"]) for step in of if step.shows == "last page"]
            yield from (f"{name}: last page by {by}" for by in ("marker", "offset") if not any(by in e for e in ends))
        if (
            name != tables.UPLOAD
            and tables.role(name) != "viewer"
            and f"{name}: by a viewer" not in {s.name for s in of}
        ):
            yield f"{name}: by a viewer"


def _shows(step: Step) -> bool:
    """A refusal is one, a success is one, an empty list is empty, and a last page is no empty one."""
    if step.name.startswith("register: "):
        return bool(step.answer["body"]["code"] != 200)  # the vendor's devices fail on another status
    if (step.answer["status"] >= 400) != (step.shows == "refusal"):
        return False
    if step.shows in ("empty", "last page"):
        lists = [value for value in _values(step.answer["body"]) if isinstance(value, list)]
        return bool(lists) and (lists[0] == []) == (step.shows == "empty")
    return True


def _values(body: dict[str, Any]) -> Iterator[Any]:
    for name, value in body.items():
        if name != "batchtask":
            yield value
