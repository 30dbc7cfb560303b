"""Names of parameters that are not understood: of every list of every operation of both RPC dialects, and of what only
another table knows.

Ignoring one of them would bring an update to devices that nobody named, so each is refused by its right name.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.alibaba import codes as alibaba_codes
from upwell.dialects.alibaba import management as alibaba
from upwell.dialects.flat import read
from upwell.dialects.flat_names import ONE_VALUE, sort
from upwell.dialects.near import Names
from upwell.dialects.operations import Operation, Param
from upwell.dialects.rpc import RpcRequest
from upwell.dialects.tuya import codes as tuya_codes
from upwell.dialects.tuya import management as tuya
from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Invalid
from upwell.doors.management.alibaba import Alibaba
from upwell.doors.management.tongue import Asked, Call
from upwell.doors.management.tuya import Tuya

DIALECTS = {"alibaba": alibaba, "tuya": tuya}
CODES = {"alibaba": alibaba_codes, "tuya": tuya_codes}


def lists(*, structs: bool) -> Iterator[tuple[str, str, Param]]:
    for dialect, spoken in DIALECTS.items():
        for action, operation in spoken.OPERATIONS.items():
            found = (param for param in operation.params if param.kind == "list" and bool(param.members) == structs)
            yield from ((dialect, action, param) for param in found)


def ids(value: Any) -> str:
    return value.name if isinstance(value, Param) else str(value)


def refused(dialect: str, action: str, *pairs: tuple[str, str]) -> tuple[Invalid, str]:
    """The refusal, and how the dialect words it."""
    decode: Callable[..., c.Command] = DIALECTS[dialect].decode  # type: ignore[attr-defined]
    with pytest.raises(Invalid) as caught:
        decode(action, list(pairs))
    return caught.value, CODES[dialect].refusal(caught.value, action).message


NUMBERS = [
    "", ".", ".N", ".n", ".a", ".0", ".00", ".01", ".-1", ".+1", ".1 ", ". 1", ".1.2", ".1.", ".1\n", ".\uff11",
    ".1e3", ".1.0", ".4294967297.1", "." + "9" * 10, "." + "9" * 5000, "[1]", "[]", "[0]", "(1)", ":1", "1", "_1", "-1",
    ".\u0661", "%2E1", "\u200b.1",
]  # fmt: skip
LISTS = [*lists(structs=False)]


@pytest.mark.parametrize(("dialect", "action", "param"), LISTS, ids=ids)
def test_a_list_in_another_form_is_refused_with_the_right_one(dialect: str, action: str, param: Param) -> None:
    """Issue 9, number 1: `SrcVersion=9.9` and `SrcVersion.N=9.9` went to every device."""
    for number in NUMBERS:
        error, said = refused(dialect, action, (f"{param.name}{number}", "9.9"))
        assert error.field == param.name and f"{param.name}.1, {param.name}.2" in said, number


@pytest.mark.parametrize(("dialect", "action", "param"), LISTS, ids=ids)
def test_a_list_by_nearly_its_name_is_refused(dialect: str, action: str, param: Param) -> None:
    """Issue 9, number 1."""
    declared = {row.name for row in DIALECTS[dialect].OPERATIONS[action].params} | {param.also}
    one = param.name.removesuffix("List").removesuffix("s")
    near = {f"{one}s", f"{one}List", one, *([f"{param.name}x", param.name[1:]] if len(one) > 6 else [])}
    for name in near - declared:
        error, _ = refused(dialect, action, (f"{name}.1", "9.9"))
        assert error.field in declared, name


@pytest.mark.parametrize("name", ["srcVersion.1", "SRCVERSION.1", "srcversion", "src_version.1", "Src-Versions[1]"])
def test_the_case_of_a_list(name: str) -> None:
    """Issue 9, number 1: Alibaba's names have one case; Tuya's pages damage it, and there any case is one name."""
    refused("alibaba", "CreateOTAStaticUpgradeJob", (name, "9.9"))
    base = [("FirmwareId", "1"), ("ProductKey", "p"), ("TargetSelection", "ALL"), (name, "9.9")]
    if name.lower() == "srcversion.1":
        command: Any = tuya.decode("CreateOTAStaticUpgradeJob", base)
        assert command.source_versions == ("9.9",)
    else:
        refused("tuya", "CreateOTAStaticUpgradeJob", *base)


@pytest.mark.parametrize(("dialect", "action", "param"), LISTS, ids=ids)
@pytest.mark.parametrize("blank", ["", " ", "\t", "\u3000"])
def test_an_empty_value_of_a_list_is_refused(dialect: str, action: str, param: Param, blank: str) -> None:
    """Issue 9, number 1: it is a variable that was not set."""
    assert DIALECTS[dialect].OPERATIONS[action].params.count(param) == 1
    with pytest.raises(Invalid) as caught:
        read((param,), [(f"{param.name}.7", blank)])
    assert (caught.value.field, caught.value.check) == (f"{param.name}.7", "not empty")


STRUCTS = [*lists(structs=True)]


@pytest.mark.parametrize(("dialect", "action", "param"), STRUCTS, ids=ids)
def test_a_list_of_structs_in_another_form_is_refused_with_the_right_one(
    dialect: str, action: str, param: Param
) -> None:
    """Issue 9, number 1."""
    member, name = param.members[0].name, param.name
    wrong = [name, f"{name}.1", f"{name}.{member}", f"{name}.{member}.1", f"{name}.0.{member}", f"{name}.01.{member}"]
    wrong += [f"{name}.N.{member}", f"{name}.1.1.{member}", f"{name}.1.{member}.1", f"{name}.1.{member}x"]
    wrong += [f"{name}[1].{member}", f"{name}.1", f"{name}.1.", f"{name}.\uff11.{member}", f"{name}1.{member}"]
    for given_ in wrong:
        error, said = refused(dialect, action, (given_, "x"))
        assert error.field == name and f"{name}.1.{member}" in said, given_
    if dialect == "alibaba":
        error, _ = refused(dialect, action, (f"{name}.1.{member.lower()}", "x"))
        assert error.field == name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_single_value_has_no_number_and_one_value(dialect: str) -> None:
    """Issue 9, number 1."""
    for name in ("GroupId.1", "GroupIds", "TargetSelection.1", "GrayPercents", "Group_Id", "TargetSelecton"):
        error, said = refused(dialect, "CreateOTAStaticUpgradeJob", (name, "x"))
        assert f"written {error.field}" in said
    for name in ("TargetSelection", "FirmwareId", "SrcVersion.1", "TargetDeviceName.3"):
        error, said = refused(dialect, "CreateOTAStaticUpgradeJob", (name, "a"), (name, "b"))
        assert ONE_VALUE in said and error.field == name
    twice = [("FirmwareId", "x"), ("FirmwareId", "x")]
    assert sort(DIALECTS[dialect].OPERATIONS["CreateOTAStaticUpgradeJob"].params, twice).single == {"FirmwareId": "x"}


def test_the_one_other_spelling_that_a_page_has() -> None:
    """Issue 9, number 1: a sample of Alibaba's verification page has TargetDeviceNames.1 (alibaba 2.4), it alone."""
    verify = alibaba.OPERATIONS["CreateOTAVerifyJob"].params
    assert sort(verify, [("TargetDeviceNames.1", "a")]).items("TargetDeviceName") == [(1, "a")]
    refused("alibaba", "CreateOTAVerifyJob", ("TargetDeviceNames.1", "a"), ("TargetDeviceName.1", "b"))
    refused("alibaba", "CreateOTAVerifyJob", ("TargetDeviceNames", "a"))
    refused("alibaba", "CreateOTAStaticUpgradeJob", ("TargetDeviceNames.1", "a"))
    refused("tuya", "CreateOTAVerifyJob", ("TargetDeviceNames.1", "a"))


@pytest.mark.parametrize(
    ("dialect", "action", "name"),
    [
        ("alibaba", "CreateOTADynamicUpgradeJob", "GroupId"),
        ("alibaba", "CreateOTAStaticUpgradeJob", "GroupId"),
        ("alibaba", "CreateOTAStaticUpgradeJob", "DnListFileUrl"),
        ("alibaba", "CancelOTATaskByDevice", "JobId"),
        ("tuya", "CreateOTAStaticUpgradeJob", "GroupId"),
        ("tuya", "CancelOTATaskByDevice", "JobId"),
    ],
)
def test_an_empty_value_of_what_selects_is_refused(dialect: str, action: str, name: str) -> None:
    """Issue 9, number 1: without it more devices are meant."""
    firmware = "1" if dialect == "tuya" else "x"
    pairs = {"FirmwareId": firmware, "ProductKey": "p", "TargetSelection": "ALL", "DeviceName.1": "d", name: ""}
    operation: Operation = DIALECTS[dialect].OPERATIONS[action]
    pairs = {key: value for key, value in pairs.items() if key.partition(".")[0] in {p.name for p in operation.params}}
    error, _ = refused(dialect, action, *pairs.items())
    assert (error.field, error.check) == (name, "not empty")


# --- what only another table knows ------------------------------------------------------------------------------------


def told(dialect: str, action: str, *pairs: tuple[str, str]) -> Invalid | None:
    """How the tongue refuses these parameters by name; None when it minds something else, or nothing."""
    tongue = Alibaba() if dialect == "alibaba" else Tuya()
    request = RpcRequest(method="POST", headers={}, query=list(pairs), form=[], body=b"")
    try:
        tongue.command(Asked(request=request, request_id=""), Call(operation=action, role="viewer"))
    except Invalid as exc:
        return exc if exc.check == "not a parameter of this action" else None
    except CallerError:
        return None
    return None


SISTERS = [("alibaba", alibaba, tuya), ("tuya", tuya, alibaba)]


def test_what_the_sisters_table_has_more_is_refused_by_name() -> None:
    """Issue 9, number 29: ScheduleTime and OverwriteMode in a Tuya call were ignored."""
    found = set()
    for dialect, own, other in SISTERS:
        for action in own.OPERATIONS.keys() & other.OPERATIONS.keys():
            here = {param.name for param in own.OPERATIONS[action].params}
            for param in other.OPERATIONS[action].params:
                if param.name not in here:
                    member = "".join(f".{row.name}" for row in param.members[:1])
                    name = f"{param.name}.1{member}" if param.kind == "list" else param.name
                    error = told(dialect, action, (name, "1"))
                    assert error is not None and error.field == param.name, (dialect, action, name)
                    found.add((dialect, param.name))
    assert {("tuya", "ScheduleTime"), ("tuya", "OverwriteMode"), ("tuya", "Tag"), ("alibaba", "DeviceStatus")} <= found
    assert told("tuya", "CreateOTAStaticUpgradeJob", ("scheduletime", "1")) is not None


@pytest.mark.parametrize(
    ("dialect", "action", "name"),
    [
        ("alibaba", "CreateOTADynamicUpgradeJob", "TargetDeviceName.1"),
        ("alibaba", "CreateOTADynamicUpgradeJob", "GrayPercent"),
        ("alibaba", "CreateOTADynamicUpgradeJob", "DnListFileUrl"),
        ("alibaba", "CreateOTADynamicUpgradeJob", "ScheduleTime"),
        ("alibaba", "CreateOTAStaticUpgradeJob", "DeviceName.1"),
        ("alibaba", "CreateOTAStaticUpgradeJob", "IotId"),
        ("tuya", "CreateOTAStaticUpgradeJob", "DeviceName.1"),
        ("tuya", "CreateOTAStaticUpgradeJob", "DynamicMode"),
        ("tuya", "CreateOTAVerifyJob", "SrcVersion.1"),
        ("tuya", "CreateOTAVerifyJob", "GrayPercent"),
        ("alibaba", "CancelOTATaskByJob", "DeviceName.1"),
        ("alibaba", "CancelOTATaskByJob", "TaskId.1"),
        ("alibaba", "CancelOTATaskByJob", "GroupId"),
        ("alibaba", "CancelOTAStrategyByJob", "TargetDeviceName.1"),
        ("alibaba", "CancelOTATaskByDevice", "CancelQueuedTask"),
        ("alibaba", "UpdateOTAJob", "GroupId"),
        ("alibaba", "ConfirmOTATask", "DeviceName.1"),
        ("alibaba", "ReupgradeOTATask", "DeviceName.1"),
        ("tuya", "CancelOTATaskByJob", "DeviceName.1"),
        ("tuya", "CancelOTATaskByDevice", "CancelQueuedTask"),
        ("tuya", "ConfirmOTATask", "DeviceName.1"),
    ],
)
def test_what_selects_devices_in_another_operation_is_refused(dialect: str, action: str, name: str) -> None:
    """Issue 9, number 1: a caller who names devices means those devices."""
    error = told(dialect, action, (name, "x"))
    assert error is not None and error.field == name.partition(".")[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_list_that_nobody_knows_is_refused_where_lists_select(dialect: str) -> None:
    """Issue 9, number 1: `SourceVersion.1` means something to its sender, and not every device."""
    base = [("FirmwareId", "1"), ("ProductKey", "p"), ("TargetSelection", "ALL")]
    for name in ("SourceVersion.1", "Version.1", "Devices[0]"):
        error, _ = refused(dialect, "CreateOTAStaticUpgradeJob", *base, (name, "1.0"))
        assert name.startswith(error.field)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "name", ["SourceVersion", "FromVersion", "DeviceStatus", "DeviceGroup", "GreyRatio", "Targets"]
)
def test_a_word_that_speaks_of_devices_is_refused_where_they_are_chosen(dialect: str, name: str) -> None:
    """Issue 9, number 1: `SourceVersion=9.9` beside ALL was ignored, and so was `DeviceId` in a cancel."""
    base = [("FirmwareId", "1"), ("ProductKey", "p"), ("TargetSelection", "ALL")]
    job = [("JobId", "1"), ("CancelQueuedTask", "true")]
    for action, pairs in (("CreateOTAStaticUpgradeJob", base), ("CancelOTATaskByJob", job)):
        error = told(dialect, action, *pairs, (name, "9.9")) or refused(dialect, action, *pairs, (name, "9.9"))[0]
        assert error.check == "not a parameter of this action" and name in str(error)


def test_what_says_nothing_new_beside_a_job_stays_ignored() -> None:
    """Issue 9, number 1: the product, package and job of a job or task, and what nobody takes for a choice."""
    more = [("ProductKey", "p"), ("FirmwareId", "1"), ("JobId", "1"), ("ClientToken", "x"), ("IotInstanceId", "i")]
    own = {
        "CancelOTATaskByJob": [("CancelQueuedTask", "true")],
        "CancelOTATaskByDevice": [("DeviceName.1", "dev1")],
        "ConfirmOTATask": [("TaskId.1", "1")],
    }
    for dialect in DIALECTS:
        for action, pairs in own.items():
            assert told(dialect, action, *pairs, *more) is None, (dialect, action)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_has_no_effect_stays_ignored(dialect: str) -> None:
    """Issue 9, number 29: members without effect, and words that nobody knows."""
    common = {"IotInstanceId": "i", "RegionId": "cn-shanghai", "Whatever": "x", "OwnerId": "1", "ApiProduct": "",
              "SecurityToken": "t", "AccountName": "a", "Versions.1": "?", "": "?", "x" * 1000: "y"}  # fmt: skip
    key = ("ProductKey", "p")
    spoken = DIALECTS[dialect]
    assert spoken.decode("QueryProduct", [key, *common.items()]) == spoken.decode("QueryProduct", [key])  # type: ignore[attr-defined]
    assert told(dialect, "QueryProduct", key, *common.items()) is None


# --- names that are nearly known ones ---------------------------------------------------------------------------------

KNOWN = Names(["SrcVersion", "TargetDeviceName", "GroupId", "Tag", "Id2", "targets_filter"])


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        ("SrcVerison", "SrcVersion"), ("SrcVersoin.1", "SrcVersion"), ("ScrVersion", "SrcVersion"),
        ("SrcVersio", "SrcVersion"), ("SrcVersionn", "SrcVersion"),
        ("SrcVersi\u043en.1", "SrcVersion"), ("\uff33rcVersion", "SrcVersion"),
        ("target_device_names", "TargetDeviceName"), ("TargetDeviceNameList", "TargetDeviceName"), ("Tags", "Tag"),
        ("target_filter", "targets_filter"), ("targetsFilter", "targets_filter"), ("Id2", "Id2"),
        ("Tga", None), ("Id", None), ("Version", None), ("DeviceName", None),
        ("GroupType", None), ("", None), (".", None),
    ],
)  # fmt: skip
def test_which_name_is_meant(given_: str, meant: str | None) -> None:
    assert KNOWN.meant(given_) == meant


@given(st.text(max_size=200))
def test_no_name_is_too_odd_to_be_looked_up(text: str) -> None:
    assert KNOWN.meant(text) in {None, "SrcVersion", "TargetDeviceName", "GroupId", "Tag", "Id2", "targets_filter"}


ROWS = (Param("V", "list"), Param("Tag", "list", members=(Param("Key"), Param("Value"))))


@given(st.dictionaries(st.integers(1, 10**9 - 1), st.text(), min_size=1))
def test_lists_are_ordered_by_number_and_gaps_closed(numbered: dict[int, str]) -> None:
    pairs = [(f"V.{number}", text) for number, text in numbered.items()]
    assert sort(ROWS, pairs).items("V") == sorted(numbered.items())


def test_structs_are_ordered_by_number_and_gaps_closed() -> None:
    pairs = [("Tag.3.Key", "k3"), ("Tag.1.Value", "v1"), ("Tag.1.Key", "k1"), ("Tag.3.Value", "v3")]
    assert sort(ROWS, pairs).parts("Tag") == [(1, {"Value": "v1", "Key": "k1"}), (3, {"Key": "k3", "Value": "v3"})]
