"""A rollout that was a mistake is undone by one call, over HTTP: told before, and no further than was meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from acceptance.cli import Person
from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_client import Api, api


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(home=tmp_path)


def a_package(v1: Api, product: str, version: str) -> str:
    made = v1.do("create_package", name=unique("fw"), version=version, product_id=product, verify=False,
                 upload_url=v1.upload(version.encode()))  # fmt: skip
    return str(made["id"])


def over(v1: Api, rollout: str) -> dict[str, Any]:
    return until(lambda: dict(v1.do("show_rollout", rollout_id=rollout)), lambda told: told["status"] == "completed")


def test_a_mistake_is_undone(server: Server, person: Person) -> None:
    v1 = api(server, unique("undone"))
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = [v1.do("create_device", product_id=product, name=f"lamp-{nth}") for nth in range(4)]
    lamps = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for lamp, version in zip(lamps, ("1.0", "1.0", "1.1", "1.0"), strict=True):
        lamp.inform(version)
    old, new = a_package(v1, product, "1.0"), a_package(v1, product, "2.0")
    given = {"kind": "static", "product_id": product, "package_id": new, "targets": {"all": True}}
    rollout = v1.do("create_rollout", **given)["id"]
    assert v1.refused("show_rollback", rollout_id=rollout).status == 404
    for lamp in lamps[:3]:
        assert lamp.offered()["version"] == "2.0"
        lamp.inform("2.0")
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: told["tasks"]["succeeded"] == 3)
    told = v1.do("plan_rollback", rollout_id=rollout)
    assert (told["status"], told["devices"]) == ("ready", 2)
    [one, other] = told["parts"]
    assert (one["source_version"], one["devices"], one["package_id"]) == ("1.0", 2, old)
    assert (other["source_version"], other["devices"], other["not_possible"]) == ("1.1", 1, "no_package")
    assert v1.refused("start_rollback", rollout_id=rollout, devices=2).code == "job-is-running"
    v1.do("cancel_rollout", rollout_id=rollout)
    assert v1.refused("start_rollback", rollout_id=rollout, devices=3).code == "devices-differ"
    assert v1.refused("start_rollback", rollout_id=rollout).error["parameter"] == "devices"
    person.do("login", f"http://{server.http}", "--key", given=f"{v1.token}\n")
    done = person.run("rollout", "rollback", rollout)
    assert done.code == 2 and "2 devices" in done.err and "1.1" in done.out, done
    told = json.loads(person.do("rollout", "rollback", rollout, "--yes", "--json").out)
    assert v1.do("show_rollback", rollout_id=rollout) == told and told["status"] == "started"
    back = told["parts"][0]["rollout_id"]
    assert v1.do("show_rollout", rollout_id=back)["undoes"] == rollout
    for lamp in lamps[:2]:
        assert lamp.offered()["version"] == "1.0"
        lamp.inform("1.0")
    assert over(v1, back)["tasks"] == {"succeeded": 2, "total": 2} | dict.fromkeys(
        ("confirm", "queued", "notified", "in_progress", "failed", "canceled"), 0
    )
    assert lamps[2].ask() == {} and lamps[3].ask() == {}
    assert v1.refused("plan_rollback", rollout_id=rollout).code == "rollback-is-started"
    first = v1.every("list_rollout_decisions", rollout_id=rollout)[0]
    assert (first["what"], first["numbers"]) == ("rolled_back", {"devices": 2, "rollouts": 1})
    for lamp in lamps:
        lamp.close()
