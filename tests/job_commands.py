"""Commands that make and show jobs, and their views, in flat words for tests."""

from dataclasses import fields
from typing import Any

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice

_MANNER = frozenset(field.name for field in fields(c.Manner))
_ONE = {"package_id": "package_ids", "group_id": "group_ids"}


def create(kind: str, **facts: Any) -> c.CreateJob:
    """The facts of its manner may stand among the others; a package or a group may be given as one."""
    manner = c.Manner(**{name: value for name, value in facts.items() if name in _MANNER})
    rest = {name: value for name, value in facts.items() if name not in _MANNER}
    given = {_ONE.get(name, name): (value,) if name in _ONE else value for name, value in rest.items()}
    return c.CreateJob(kind=kind, manner=manner, **given)


def job_view(**facts: Any) -> c.Job:
    """A job of which little is known beside these facts, those of its manner among them."""
    manner = c.Manner(**{name: value for name, value in facts.items() if name in _MANNER})
    rest = {name: value for name, value in facts.items() if name not in _MANNER}
    at = facts["created_at"]
    usual: dict[str, Any] = {
        "kind": "static", "selection": "SPECIFIC", "status": "IN_PROGRESS", "package_id": 1, "package_name": "",
        "product_key": "p", "dest_version": "2", "source_versions": (), "modified_at": at, "started_at": at,
        "ended_at": None,
    }  # fmt: skip
    return c.Job(**usual | rest, manner=manner)


def verify_job(**facts: Any) -> c.CreateJob:
    return create("verify", **facts)


def static_job(**facts: Any) -> c.CreateJob:
    return create("static", **facts)


def dynamic_job(**facts: Any) -> c.CreateJob:
    return create("dynamic", **{"selection": "ALL", "dynamic_mode": 1} | facts)


def asking_job(**facts: Any) -> c.CreateJob:
    selection = "SPECIFIC" if facts.get("targets") else "GROUP"
    usual: dict[str, Any] = {"need_confirm": None, "maximum_per_min": 60_000, "lead_s": (0, 7 * c.DAY_S)}
    return create("static", asks_version=True, selection=selection, **usual | facts)


def show_asking(job_id: int, asked: Slice, **which: Any) -> c.ShowJob:
    """A job that asks, with a page of its tasks."""
    return c.ShowJob(job_id=job_id, asking=True, tasks=c.ListTasks(job_id=job_id, asked=asked, asking=True, **which))
