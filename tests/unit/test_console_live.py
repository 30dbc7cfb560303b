"""What a page that is looked at is sent as its looks are answered."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from upwell.console import live
from upwell.console.live import Live
from upwell.doors.management.tongue import Answer


def answered(status: int, body: bytes) -> Answer:
    return Answer(status, body, {})


@pytest.mark.parametrize(
    ("looks", "sent"),
    [
        ([(200, b"one"), (429, b"no"), (503, b"no"), (200, b"two"), (404, b"gone")], ["one", "two", ""]),
        ([(200, b"one"), (503, b"no"), (200, b"one"), (401, b"out")], ["one", ""]),
        ([(200, b"one"), (500, b"oh")], ["one", ""]),
        ([(200, b"one"), (303, b"")], ["one", ""]),
    ],
)
async def test_what_passes_by_itself_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, looks: list[tuple[int, bytes]], sent: list[str]
) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.0)
    first, *rest = [answered(*look) for look in looks]
    house: Any = SimpleNamespace(ending=asyncio.Event())
    one, left = Live(house, Any, "upwell"), iter(rest)  # type: ignore[arg-type]  # it asks by `_look` alone

    async def look(asked: Any) -> Answer:
        return next(left)

    monkeypatch.setattr(one, "_look", look)
    asked: Any = SimpleNamespace(request=SimpleNamespace(headers={}))
    told = b"".join([block async for block in one._parts(asked, first)]).decode()
    found = [block.split("data: ")[1] for block in told.split("\n\n") if "data: " in block]
    assert found == sent
    assert told.endswith("event: over\ndata: \n\n")
