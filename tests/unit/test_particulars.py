"""What an entry of the audit may say: a member is told because a table has it, and never by itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.operations import Operation
from upwell.dialects.spoken import DIALECTS, OWN
from upwell.domain import commands as c
from upwell.domain.talk import TaskRef
from upwell.service.manage import access
from upwell.service.manage import particulars as p
from upwell.service.manage.access import may_change
from upwell.service.manage.particulars import particulars
from upwell.service.manage.uses import TAKING, USES

TABLES = (p.IDS, p.TOLD, p.HOST_ONLY, p.NAMES_ONLY, p.SILENT)
TELLING = p.IDS | p.TOLD | p.HOST_ONLY | p.NAMES_ONLY
SECRET = ("secret", "password", "token", "ticket", "signature", "policy", "hash", "salt")


def told(command: object, result: object = None) -> tuple[dict[str, Any], dict[str, Any]]:
    ids, changes = particulars(command, result)
    return json.loads(ids), json.loads(changes)


def types_in(hint: object) -> Iterator[type]:
    """The dataclasses that a value of this type may have in it."""
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for each in get_args(hint):
        yield from types_in(each)


def members(kind: type) -> Iterator[str]:
    """Every member of the command, and of what it has in it as far as that may be told."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        yield field.name
        if field.name in p.IDS | p.TOLD:
            for inner in types_in(hints[field.name]):
                yield from members(inner)


@pytest.mark.parametrize("command", get_args(c.Changing), ids=lambda kind: kind.__name__)
def test_every_member_of_a_changing_command_is_in_one_table(command: type) -> None:
    for name in members(command):
        assert sum(name in table for table in TABLES) == 1, f"{command.__name__}: decide what the audit tells of {name}"


def test_every_command_reads_or_changes() -> None:
    changing, reading = set(get_args(c.Changing)), set(get_args(c.Reading))
    assert changing | reading == set(get_args(c.Command)) and not changing & reading
    assert changing | reading == {*USES, *TAKING, c.CreateUploadTicket, c.SignIn}


def test_nothing_that_is_called_secret_is_told() -> None:
    assert not [name for name in TELLING if any(word in name for word in SECRET)]
    assert not [name for name in (*p._MADE, *p._CAME) if any(word in name for word in SECRET)]


def test_what_is_told_of_a_device_that_is_made() -> None:
    command = c.CreateDevice(
        product_key="p", name="one", secret="hush-hush", facts={"auth": {"secret": "hush-hush"}}, nickname="First"
    )
    assert told(command) == ({"product_key": "p"}, {"name": "one", "nickname": "First", "facts": ["auth"]})


def test_a_host_is_told_of_an_address_and_nothing_else() -> None:
    command = c.UpdateAction(action_id=7, url="https://ann:hush@push.example/hook/hush?key=hush#hush", token="hush")
    assert told(command) == ({"action_id": 7}, {"url": "https://push.example"})
    assert told(c.UpdateAction(action_id=7, url="https://[hush")) == ({"action_id": 7}, {})


def test_what_is_told_of_a_job() -> None:
    start = datetime(2026, 1, 31, tzinfo=UTC)
    command = c.CreateJob(
        kind="static", package_ids=(1, 2), product_key="p", device_names=tuple(f"d{n}" for n in range(30)),
        manner=c.Manner(maximum_per_min=5, scheduled_at=start), tags=(("a", "b"),), ext_info={"hush": 1},
    )  # fmt: skip
    ids, changes = told(command)
    few = [f"d{n}" for n in range(p.SHOWN_MAX)]
    assert ids == {"package_ids": [1, 2], "product_key": "p", "device_names": [*few, f"and {30 - p.SHOWN_MAX} more"]}
    manner = {"maximum_per_min": 5, "scheduled_at": start.isoformat()}
    assert changes == {"kind": "static", "manner": manner, "tags": [["a", "b"]]}


def test_keys_of_devices_and_tasks() -> None:
    change = c.DeviceChange(device=c.DeviceKey(product_key="p", name="d"), enabled=False)
    assert told(c.UpdateDevices(changes=(change,)))[1] == {
        "changes": [{"device": {"product_key": "p", "name": "d"}, "enabled": False}]
    }
    task = TaskRef(device_id=UUID(int=1), job_id=7, nth=2)
    assert told(c.ConfirmTasks(tasks=(task,)))[0] == {
        "tasks": [{"device_id": "00000000-0000-0000-0000-000000000001", "job_id": 7, "nth": 2}]
    }
    assert told(c.CancelTasks(job_id=1, states=frozenset({"QUEUED", "CONFIRM"})))[1] == {
        "states": ["CONFIRM", "QUEUED"]
    }


def test_a_key_is_told_by_its_id_and_its_end_and_never_by_its_secret() -> None:
    end = datetime(2026, 1, 31, tzinfo=UTC)
    command = c.CreateKey(role="viewer", dialect="upwell", is_token=True, lifetime=timedelta(days=3))
    made = c.Key(
        key_id="upw_1", role="viewer", dialect="upwell", created_at=end, expires_at=end, secret="upw_1_hush-hush"
    )
    new = access.NewKey("upw_1", "upw_1_hush-hush", 1, "viewer", "upwell", end, end)
    asked = {"role": "viewer", "dialect": "upwell", "lifetime": "3 days, 0:00:00"}
    for result in (made, new):
        assert told(command, result) == ({"key_id": "upw_1"}, asked | {"expires_at": end.isoformat()})
    assert told(c.RevokeKey(key_id="upw_1"), c.Done()) == ({"key_id": "upw_1"}, {})


def test_a_secret_that_is_made_anew_is_not_told() -> None:
    command = c.ResetSecret(device=c.DeviceKey(public_id="d"), secret="hush-hush")
    made = c.SecretReset(public_id="d", secret="hush-hush", secondary=False)
    assert told(command, made) == ({"device": {"public_id": "d"}, "public_id": "d"}, {})


@dataclass
class Made:
    job_id: int = 3
    secret: str = "hush"
    name: str = ""
    changed: int = 12


def test_of_a_result_its_ids_and_numbers_are_told() -> None:
    assert told(None, Made()) == ({"job_id": 3}, {"changed": 12})
    assert told(c.DeleteJob(job_id=4), Made())[0] == {"job_id": 4}
    assert told(None) == ({}, {})


def test_what_there_is_no_room_for_is_named() -> None:
    command = c.CreateGroup(name="x" * 500, description="字" * 500, condition_text="\x00\ud800\u202e" * 100)
    ids, changes = told(command)
    assert ids == {} and changes["name"] == "x" * p.TEXT_MAX + "…"
    assert len(particulars(command, None)[1]) <= p.SIZE_MAX
    many = c.SetTags(device=c.DeviceKey(iot_id="i"), tags={f"{n}" * 100: "字" * 500 for n in range(9)})
    assert told(many)[1] == {"left_out": ["tags"]}


def texts(value: Any) -> Iterator[str]:
    """Every text of what was read from JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from texts(each)


@given(st.text(), st.lists(st.text(), max_size=20), st.dictionaries(st.text(), st.text(), max_size=20))
def test_whatever_is_sent_an_entry_is_bounded_and_can_be_kept(name: str, keys: list[str], tags: dict[str, str]) -> None:
    for command in (
        c.CreateProduct(name=name, space=name, facts=dict(tags)),
        c.DeleteTags(device=c.DeviceKey(iot_id=name), keys=tuple(keys)),
        c.SetTags(device=c.DeviceKey(product_key=name, name=name), tags=tags),
        c.CreateAction(hook_id=1, most=1, url=name, token=name),
        c.CreateJob(kind="static", package_ids=(1,), device_names=tuple(keys), tags=tuple(tags.items())),
    ):
        for text in particulars(command, None):
            assert len(text.encode()) <= p.SIZE_MAX
            assert all(each.isprintable() for each in texts(json.loads(text)))


def commands_of(build: Any, depth: int = 4) -> set[type]:
    """The commands that this function makes, by the names in its code and in that of what it calls."""
    if isinstance(build, type):
        return {build} & set(get_args(c.Command))
    if isinstance(build, partial):
        return set().union(*(commands_of(each, depth) for each in (build.func, *build.args)))
    if not hasattr(build, "__code__") or depth == 0:
        return set()
    names, known = build.__code__.co_names, build.__globals__
    found = {getattr(c, name) for name in names if getattr(c, name, None) in get_args(c.Command)}
    kept = [cell.cell_contents for cell in build.__closure__ or ()]
    inner = [known[name] for name in names if callable(known.get(name))] + kept
    return found.union(*(commands_of(each, depth - 1) for each in inner))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_role_says_whether_an_operation_changes(dialect: str) -> None:
    """So the doors know it before there is a command. In our own tongue the method says it."""
    table: Mapping[str, Operation] = import_module(f"upwell.dialects.{dialect}.management").OPERATIONS
    for name, row in table.items():
        made = commands_of(row.build)
        changes = row.method != "GET" if dialect == OWN else may_change(row.role)
        kind = c.Changing if changes else c.Reading
        assert made <= set(get_args(kind)), f"{name} ({row.role}): {made}"
        assert made or name == "SearchDevices", f"{name} makes a command in a way that this test does not see"
