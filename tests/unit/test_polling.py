"""A request of a device as a seat: told once, now or not at all."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from upwell.doors.devices.faces import Answer
from upwell.doors.devices.polling import Exchange


@pytest.mark.parametrize("waits_at", [0, 1, 2])
async def test_an_answer_is_written_at_once_or_not_at_all(waits_at: int) -> None:
    """L5: the offer is written while its task is locked; nobody waits for a client that does not read."""
    sent: list[Any] = []
    told: list[object] = []

    async def send(message: Any) -> None:
        if len(sent) == waits_at:
            await asyncio.sleep(0)
        sent.append(message)

    exchange = Exchange(send, "peer", lambda _, token: told.append(token), UUID(int=1))
    assert exchange.tell(Answer(b"one"), "token") is (waits_at == 2)
    assert len(sent) == waits_at and told == (["token"] if waits_at == 2 else [])
    await exchange.close(Answer(b"two"))
    assert [message.get("body") for message in sent] == [[None, b"two"], [None], [None, b"one"]][waits_at]
    assert not exchange.tell(Answer(b"three"), "again")
