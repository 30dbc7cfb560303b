"""Which duties a command wakes."""

from typing import get_args

import pytest

from upwell.domain import commands as c
from upwell.engine.duties import DUTIES
from upwell.engine.sending import SENDING
from upwell.engine.wakes import AFTER, NOTHING

READS = ("Show", "List", "Count", "Check")


def test_every_command_says_what_follows_it() -> None:
    assert AFTER.keys() == set(get_args(c.Command))
    assert {name for after in AFTER.values() for name in after.wakes} <= {duty.name for duty in DUTIES} | {SENDING}


@pytest.mark.parametrize("command", [each for each in get_args(c.Command) if each.__name__.startswith(READS)])
def test_reading_wakes_nobody(command: type) -> None:
    assert AFTER[command] is NOTHING


def test_who_may_not_stay() -> None:
    one, two = c.DeviceKey(iot_id="one"), c.DeviceKey(iot_id="two")
    off, on = c.DeviceChange(device=one, enabled=False), c.DeviceChange(device=two, enabled=True)
    assert list(AFTER[c.UpdateDevices].shuts_out(c.UpdateDevices(changes=[off, on]))) == [one]
    assert list(AFTER[c.DeleteDevice].shuts_out(c.DeleteDevice(device=two))) == [two]
