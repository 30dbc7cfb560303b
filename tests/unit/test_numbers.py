"""Issue 9, number 11: what an answer or a message tells as a number is held exactly by a client that keeps numbers in a
double, as JavaScript does: each id of ours is text there, but for the one that a vendor types as a number, and that one
is drawn below 2**53."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tests.unit.alibaba_views import RESULTS
from tests.unit.test_huawei_sdk import CASES, operation_of
from tests.unit.tuya_cases import GOLDEN

from upwell.dialects import rpc_answers
from upwell.dialects.alibaba import management as alibaba
from upwell.dialects.alibaba import offers as alibaba_offers
from upwell.dialects.huawei import device as huawei_device
from upwell.dialects.huawei import management as huawei
from upwell.dialects.tuya import management as tuya
from upwell.dialects.tuya import offers as tuya_offers
from upwell.dialects.tuya import render
from upwell.domain.talk import Offer, OfferRequest, TaskRef
from upwell.service.context import NUMBER_MAX, Context

EXACT = 2**53 - 1
ID_MAX = 2**63 - 1
NOW = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
OFFER = Offer(
    task=TaskRef(device_id=UUID(int=2**128 - 1), job_id=ID_MAX, nth=2**15 - 1), module="MCU", version="2",
    size=1000 << 20, md5="a" * 32, sha256="b" * 64, url="http://h/k", is_delta=True, udi="u", tags=(("k", "v"),),
)  # fmt: skip


def grown(view: Any, name: str = "") -> Any:
    """The view with every id in it as large as it can be."""
    if isinstance(view, tuple):
        return tuple(grown(item, name) for item in view)
    if dataclasses.is_dataclass(view) and not isinstance(view, type):
        fields = [field.name for field in dataclasses.fields(view)]
        return dataclasses.replace(view, **{each: grown(getattr(view, each), each) for each in fields})
    if isinstance(view, int) and not isinstance(view, bool) and name.endswith(("_id", "_ids", "record", "last")):
        return NUMBER_MAX if name == "apply_id" else ID_MAX
    return view


def numbers(value: Any) -> Iterator[int | float]:
    """Every number of an answer."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def check(told: bytes) -> None:
    assert all(abs(number) <= EXACT for number in numbers(json.loads(told))), told


def test_ids_are_grown_and_numbers_are_found() -> None:
    assert NUMBER_MAX < 10**15 < EXACT
    assert grown(OFFER.task).job_id == ID_MAX
    assert list(numbers({"a": [{"b": 2**60}, "3", True, None]})) == [2**60]


@pytest.mark.parametrize("action", RESULTS)
def test_alibaba(action: str) -> None:
    for result in RESULTS[action]:
        check(rpc_answers.json_bytes(alibaba.encode(action, grown(result), "R")))


@pytest.mark.parametrize("case", GOLDEN)
def test_tuya(case: Any) -> None:
    action, result = case[0], case[1]
    shown = tuya.encode(action, grown(result))
    check(render.success("R", shown))


@pytest.mark.parametrize("case", CASES)
def test_huawei(case: Any) -> None:
    method, _, _, result, _ = case
    members = huawei.OPERATIONS[operation_of(method)].members(grown(result))
    check(json.dumps(members).encode())


def test_what_devices_are_told() -> None:
    asked = OfferRequest(module=None, ref="1", manner="get")
    now_ms, now_s = int(NOW.timestamp() * 1000), int(NOW.timestamp())
    for protocol in ("HTTPS", "MQTT"):
        offer = dataclasses.replace(OFFER, protocol=protocol)
        check(alibaba_offers.upgrade_push(offer, "p", "d", now_ms)[1])
        check(alibaba_offers.get_reply(offer, asked, "p", "d")[1])
    whole = dataclasses.replace(OFFER, is_delta=False)
    check(tuya_offers.issue(whole, "d", "s" * 16, {9: "MCU"}, now_s)[1])
    default = dataclasses.replace(whole, module="default")
    check(huawei_device.upgrade("d", default, NOW, access_token="t"))


def test_numbers_are_drawn_below_the_greatest() -> None:
    ctx = Context(database=None)  # type: ignore[arg-type]  # nothing is asked of it
    drawn = {ctx.new_number() for _ in range(10_000)}
    assert len(drawn) == 10_000
    assert min(drawn) > 0 and 2**49 < max(drawn) < 10**15
