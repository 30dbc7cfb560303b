"""How much of a form the RPC door takes apart, and for whom."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from starlette.requests import Request

from upwell.dialects.sizes import FORM_BYTES, form_bytes_max
from upwell.doors.management import rpc
from upwell.doors.management.alibaba import Alibaba, management
from upwell.doors.management.beside import Beside
from upwell.doors.management.rpc import RpcDoor
from upwell.doors.management.tongue import House
from upwell.doors.management.tuya import Tuya
from upwell.service.manage.access import AccessKey


@dataclass
class Known:
    """A gate that knows one key."""

    asked: list[str] = field(default_factory=list)

    async def key(self, key_id: str) -> AccessKey | None:
        self.asked.append(key_id)
        return cast(AccessKey, Key()) if key_id == "ours" else None


@dataclass
class Key:
    dialect: str = "alibaba"
    key_id: str = "ours"


@dataclass
class SomeHouse:
    gate: Known = field(default_factory=Known)
    beside: Beside = field(default_factory=Beside)


@pytest.fixture
def taken_apart(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was taken apart."""
    sizes: list[int] = []
    real = rpc._pairs

    def pairs(text: str, *more: int) -> list[tuple[str, str]]:
        sizes.append(len(text))
        return real(text, *more)

    monkeypatch.setattr(rpc, "_pairs", pairs)
    return sizes


def door() -> RpcDoor:
    tongues: dict[str, Any] = {"alibaba": Alibaba(), "tuya": Tuya()}
    return RpcDoor(house=cast(House, SomeHouse()), tongues=tongues, forms=cast(Any, None))


def request(body: bytes, query: str = "") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"h")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": headers}
    return Request({**scope, "scheme": "http", "server": ("h", 80), "client": ("c", 1)}, receive)


def form(size: int, begin: str) -> bytes:
    fields = "".join(f"&DeviceName.{n}=%E4%B8%AD%E6%96%87" for n in range(1, size // 30))
    return (begin + fields)[:size].rpartition("&")[0].encode()


LARGE = form(2 * 1024 * 1024, "Action=BatchCheckDeviceNames&AccessKeyId=")


async def test_a_small_form_is_anybodys(taken_apart: list[int]) -> None:
    house = door()
    read = await house._read(request(b"Action=QueryDevice&AccessKeyId=nobody", "Version=1"))
    assert read.form == [("Action", "QueryDevice"), ("AccessKeyId", "nobody")] and read.merged["Version"] == "1"
    assert not cast(SomeHouse, house.house).gate.asked


@pytest.mark.parametrize("key", ["", "nobody", "our", "ours\\0"])
async def test_a_large_form_is_not_taken_apart_for_nobodys_key(key: str, taken_apart: list[int]) -> None:
    body = LARGE.replace(b"AccessKeyId=", b"AccessKeyId=" + key.encode())
    with pytest.raises(ValueError, match=f"longer than {FORM_BYTES} bytes"):
        await door()._read(request(body))
    assert sum(taken_apart) < 1000


@pytest.mark.parametrize("place", ["query", "form"])
async def test_a_large_form_is_taken_apart_as_far_as_its_operation_takes(place: str, taken_apart: list[int]) -> None:
    told = "Action=BatchCheckDeviceNames&AccessKeyId=ours"
    query, begin = (told, "x=1") if place == "query" else ("", told)
    read = await door()._read(request(form(2 * 1024 * 1024, begin)[: 900 * 1024], query))
    assert len(read.form) > 10_000
    other = told.replace("BatchCheckDeviceNames", "QueryDeviceDetail")
    query, begin = (other, "x=1") if place == "query" else ("", other)
    taken_apart.clear()
    most = form_bytes_max(management.OPERATIONS, "QueryDeviceDetail")
    with pytest.raises(ValueError, match=f"longer than {most} bytes"):
        await door()._read(request(form(most + 1000, begin), query))
    assert sum(taken_apart) < 1000
