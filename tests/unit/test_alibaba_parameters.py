"""Every parameter of every operation of Alibaba's management API, driven from the operations' own tables.

What a value may be is written by hand in alibaba_cases; a parameter without a row fails the test, so a new operation
brings its rows. Each wrong value must be refused by the name on the wire and by a code of that parameter's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.unit.alibaba_cases import (
    CASES,
    GENERAL,
    GENERAL_ONLY,
    MAXIMUM_LISTS,
    MOST,
    NEVER,
    NO_SUCH,
    OVER_MAXIMUM,
    REQUIRED,
    SPOKEN_OTHERWISE,
    UNIQUES,
    WRONG_TYPES,
    Values,
)
from tests.unit.alibaba_fleet_requests import Given
from tests.unit.alibaba_requests import REQUESTS
from tests.unit.alibaba_views import DEVICE_ID, FIRMWARE, GROUP, JOB, TASK

from upwell.dialects.alibaba import codes, names
from upwell.dialects.alibaba.management import OPERATIONS, decode
from upwell.dialects.operations import UNIQUE, Param
from upwell.dialects.rpc_codes import Refusal
from upwell.domain.errors import CallerError, Invalid, Missing, NotFound
from upwell.domain.talk import TaskRef


@dataclass(frozen=True, kw_only=True)
class Place:
    """A parameter in a request that gives it. `wire` is its name there, `label` its name in the tables above."""

    action: str
    param: Param
    label: str
    wire: str
    base: Given

    @property
    def name(self) -> str:
        """The name that the codes know it by."""
        return self.label.partition(".")[0]

    def values(self) -> Values:
        found = CASES.get(f"{self.action}.{self.label}", CASES.get(self.label))
        assert found is not None, f"{self.action}.{self.label} has no row in CASES"
        return found

    def with_value(self, value: str) -> Given:
        return self.base | {self.wire: value}


def flat(table: tuple[Param, ...], before: str = "") -> Iterator[tuple[str, Param]]:
    for param in table:
        yield before + param.name, param
        if param.members:
            yield from flat(param.members, f"{param.name}.")


def place(action: str, label: str, param: Param) -> Place:
    """The parameter in the last request that gives it; what is never accepted joins the last request of all."""
    for base, _ in reversed(REQUESTS[action]):
        for key in base:
            struct, _, rest = key.partition(".")
            number, _, member = rest.partition(".")
            if key == label or (param.kind == "list" and struct == label):
                return Place(action=action, param=param, label=label, wire=key, base=base)
            if f"{struct}.{member}" == label and number.isdigit():
                return Place(action=action, param=param, label=label, wire=key, base=base)
    assert CASES.get(label) == NEVER, f"no request of {action} gives {label}"
    return Place(action=action, param=param, label=label, wire=label, base=REQUESTS[action][-1][0])


PLACES = [
    place(action, label, param) for action, operation in OPERATIONS.items() for label, param in flat(operation.params)
]
SINGLE = [each for each in PLACES if not each.param.members]


def ids(each: Place) -> str:
    return f"{each.action}.{each.label}"


def refused(where: Place, given: Given) -> tuple[CallerError, Refusal]:
    with pytest.raises(CallerError) as caught:
        decode(where.action, list(given.items()))
    return caught.value, codes.refusal(caught.value, where.action)


def check(where: Place, given: Given, wire: str) -> None:
    """The value is refused as Invalid, by its wire name and by a code that is this parameter's."""
    error, said = refused(where, given)
    assert isinstance(error, Invalid), error
    assert f'The specified value of "{wire}" is not valid. {wire}: ' in said.message
    assert error.check in said.message and len(said.message) < 600
    if said.envelope == "gateway":
        assert (said.status, said.code) == (400, f"Invalid{where.name}")
        return
    assert said.status == 200
    assert said.code in allowed_codes(where.name)


def allowed_codes(name: str) -> set[str]:
    spoken = SPOKEN_OTHERWISE.get(name, set())
    own = {f"iot.{part}.Invalid{form}" for part in ("ota", "prod", "device", "group") for form in forms(name)}
    more = {GENERAL} if name in GENERAL_ONLY else set()
    return own | spoken | more | ({OVER_MAXIMUM} if name in MAXIMUM_LISTS else set())


def forms(name: str) -> list[str]:
    """How a code may spell a parameter's name (4.2: Productkey, IoTId, FirmwareType)."""
    return [name, f"Formatted{name}", f"Formatted{name.capitalize()}", name.replace("Iot", "IoT"), f"Firmware{name}"]


def test_every_row_is_of_a_parameter() -> None:
    labels = {each.label for each in PLACES} | {f"{each.action}.{each.label}" for each in PLACES}
    assert set(CASES) <= labels
    lists = {f"{each.action}.{each.label}" for each in PLACES if each.param.kind == "list"}
    assert set(MOST) == lists and lists >= UNIQUES


@pytest.mark.parametrize("where", [each for each in PLACES if each.param.required], ids=ids)
def test_absent(where: Place) -> None:
    given = {key: value for key, value in where.base.items() if key != where.wire}
    if where.param.kind == "list":
        given = {key: value for key, value in given.items() if not key.startswith(f"{where.label}.")}
    single = where.param.kind != "list"
    for empty in (given, given | {where.wire: ""}) if single else (given,):
        error, said = refused(where, empty)
        assert isinstance(error, Missing)
        wire = where.wire if single else where.label
        assert (said.code, said.status, said.envelope) == (f"Missing{wire}", 400, "gateway")
        struct = wire.rpartition(".")[0] + "."  # issue 9, number 29: a member of a struct is asked for by the others
        beside = next((key for key, value in empty.items() if value and key.startswith(struct)), None)
        why = f"because {beside} is given" if beside and single else "for this action"
        assert said.message == f"{wire} is mandatory {why}."


def test_the_parameters_that_the_reference_requires_are_required() -> None:
    required = {action: {p.name for p in operation.params if p.required} for action, operation in OPERATIONS.items()}
    assert required == {action: set(words.split()) for action, words in REQUIRED.items()}


@pytest.mark.parametrize("where", SINGLE, ids=ids)
def test_a_value_of_another_type_is_the_gateways(where: Place) -> None:
    rule, texts = WRONG_TYPES[where.param.kind]
    for text in texts:
        error, said = refused(where, where.with_value(text))
        assert isinstance(error, Invalid) and error.check == rule
        wire = where.label if where.param.kind == "list" else where.wire
        assert (said.code, said.status, said.envelope) == (f"Invalid{where.name}", 400, "gateway")
        assert f'"{wire}"' in said.message
        said.message.encode()  # a lone surrogate is shown, never repeated


@pytest.mark.parametrize("where", SINGLE, ids=ids)
def test_values(where: Place) -> None:
    good, bad = where.values()
    for value in good:
        decode(where.action, list(where.with_value(value).items()))
    for value in bad:
        check(where, where.with_value(value), where.label if where.param.kind == "list" else where.wire)


@pytest.mark.parametrize(
    "where", [each for each in PLACES if each.param.kind == "list" and not each.param.members], ids=ids
)
def test_lists(where: Place) -> None:
    label, most = ids(where), MOST[ids(where)]
    base = {key: value for key, value in where.base.items() if not key.startswith(f"{where.label}.")}
    values = [distinct(where, number) for number in range(most + 1)]
    fits = {f"{where.label}.{2 * n}": value for n, value in enumerate(values[:most], 1)}  # gaps are allowed (1.5)
    decode(where.action, list((base | fits).items()))
    check(where, base | {f"{where.label}.{n}": value for n, value in enumerate(values, 1)}, where.label)
    twice = base | {f"{where.label}.1": values[0], f"{where.label}.2": values[0]}
    if label in UNIQUES:
        error, said = refused(where, twice)
        assert isinstance(error, Invalid) and error.check == UNIQUE and "is repeated" in said.message
        check(where, twice, where.label)
    else:
        decode(where.action, list(twice.items()))


def distinct(where: Place, number: int) -> str:
    if where.label == "TaskId":
        return names.task_id(TaskRef(device_id=DEVICE_ID, job_id=8, nth=number))
    good = where.values()[0]
    return f"v{number}" if "x" in good or "a" in good else good[number % len(good)]


@pytest.mark.parametrize("where", [each for each in PLACES if each.param.members], ids=ids)
def test_structs(where: Place) -> None:
    most = MOST[ids(where)]
    base = {key: value for key, value in where.base.items() if not key.startswith(f"{where.label}.")}
    structs: dict[str, str] = {}
    for number in range(1, most + 2):
        if number == most + 1:
            decode(where.action, list((base | structs).items()))
        for member in where.param.members:
            if member.required or member.name == "IotId":
                structs[f"{where.label}.{number}.{member.name}"] = f"v{number}"
    check(where, base | structs, where.label)


@pytest.mark.parametrize("where", [each for each in PLACES if each.label in NO_SUCH], ids=ids)
def test_ids_that_name_nothing(where: Place) -> None:
    for text in ("x", FIRMWARE[:-1], "z" * 32, "é" * 30, FIRMWARE + JOB, "' or 1=1 --"):
        error, said = refused(where, where.with_value(text))
        assert isinstance(error, NotFound)
        assert (said.code, said.status, said.envelope) == (NO_SUCH[where.label], 200, "business")
    others = {"FirmwareId": FIRMWARE, "JobId": JOB, "GroupId": GROUP, "SuperGroupId": GROUP, "TaskId": TASK}
    for name, other in others.items():
        if NO_SUCH[name] != NO_SUCH[where.label]:
            assert isinstance(refused(where, where.with_value(other))[0], NotFound)


def test_no_two_parameters_share_a_code_of_their_own() -> None:
    """A business code leads to one parameter, but for the families that say the same thing."""
    families: list[set[str]] = [
        {"CurrentPage", "PageSize", "NextToken"}, {"ScheduleTime", "ScheduleFinishTime"},
        {"SrcVersion", "SrcVersionList"}, {"Tag", "Tags"}, {"TaskStatus", "TaskStatusList"},
        {"GroupType", "GroupTypes"}, {"DeviceName", "DeviceNames", "TargetDeviceName"}, {"PropKey", "Props"},
    ]  # fmt: skip
    seen: dict[str, set[str]] = {}
    for where in PLACES:
        for value in where.values()[1] if not where.param.members else []:
            said = refused(where, where.with_value(value))[1]
            if said.envelope == "business":
                seen.setdefault(said.code, set()).add(where.name)
    for code, parameters in seen.items():
        shared = code in (GENERAL, OVER_MAXIMUM) or any(parameters <= family for family in families)
        assert len(parameters) == 1 or shared, (code, parameters)


def test_a_form_of_ten_thousand_names_and_nicknames_is_read() -> None:
    named = {f"DeviceNameList.{n + 1}.DeviceName": f"d{n}" for n in range(10_000)}
    named |= {f"DeviceNameList.{n + 1}.DeviceNickname": f"nick{n}" for n in range(10_000)}
    command: Any = decode("BatchCheckDeviceNames", [("ProductKey", "p"), *named.items()])
    assert len(command.names) == 10_000 and command.names[-1] == ("d9999", "nick9999")
