"""The records of the RPC dialects lack nothing: of each operation the full answer, the empty list, the last page and
the refusals, and of each row of the tables of refusals one answer. What nobody can reach is named with why."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from tests.golden.book import Step, load

# --- The only place of these tests that knows the server's code: its tables, which the records are held against. ------
from upwell.dialects import rpc_codes, rpc_signing
from upwell.dialects.alibaba import field_codes as alibaba_fields
from upwell.dialects.alibaba import management as alibaba
from upwell.dialects.tuya import codes as tuya_codes
from upwell.dialects.tuya import field_codes as tuya_fields
from upwell.dialects.tuya import management as tuya

OPERATIONS: Mapping[str, Mapping[str, Any]] = {"alibaba": alibaba.OPERATIONS, "tuya": tuya.OPERATIONS}
SHARED_ROWS = (
    *(code for code, _ in rpc_codes.NOT_FOUND.values()),
    *rpc_codes.CONFLICTS.values(),
    *rpc_codes.TOO_MANY.values(),
    *rpc_codes.MISMATCHES.values(),
    *rpc_signing.REFUSALS,
    rpc_codes.OVER_MAXIMUM,
    rpc_codes.GENERAL,
)
ROWS = {
    "alibaba": {
        *SHARED_ROWS,
        *(code for code, _ in rpc_codes.NOT_FOUND_OF.values()),
        "Throttling.User",
        "InvalidAction.NotFound",
        "SignatureDoesNotMatch",
        "NoPermission",
        "InvalidParameter",
        "ServiceUnavailable",
        "InternalError",
        "iot.system.IllegalRequest",
        *alibaba_fields.INVALID.values(),
        *alibaba_fields.INVALID_OF.values(),
        *alibaba_fields.REPEATED.values(),
        *alibaba_fields.TOO_MANY_VALUES.values(),
        *alibaba_fields.BY_CHECK.values(),
    },
    "tuya": {
        *SHARED_ROWS,
        "Throttling.User",
        "InvalidAction.NotFound",
        "SignatureDoesNotMatch",
        "MissingParameter",
        "InvalidParameter",
        "iot.common.AuthActionPermissionDeny",
        "iot.system.IllegalRequest",
        tuya_codes.SYSTEM,
        tuya_codes.UNKNOWN_KEY,
        tuya_fields.PAGES,
    },
}
# ----------------------------------------------------------------------------------------------------------------------

# Lists that have no pages.
LISTS = {
    "alibaba": {
        "BatchQueryDeviceDetail", "BatchGetDeviceState", "ListOTAModuleByProduct", "ListOTAUnfinishedTaskByDevice",
        "QuerySuperDeviceGroup", "QueryDeviceGroupByDevice", "QueryDeviceProp",
    },
    "tuya": {"BatchQueryDeviceDetail", "ListOTAModuleByProduct", "ListOTAUnfinishedTaskByDevice"},
}  # fmt: skip
NO_REQUEST = "no request brings the server to it"
NO_ROOM = "it takes hundreds of things; the acceptance tests fill what can be filled"
NO_LIMIT = "the core has no such limit"
NO_OPERATION = "no operation of Tuya's comes to it"
NO_FAULT = "a file must be lost or spoilt behind the server's back, and be missed by its own look"
_EVERYWHERE = {
    "iot.device.DeviceCountExceeded": NO_LIMIT,
    "iot.prod.ProductCountExceedMax": NO_LIMIT,
    "iot.group.GroupCountExceedMax": NO_ROOM,
    "iot.ota.FirmwareCountExceedMax": NO_ROOM,
    "iot.ota.FirmwareFileLost": NO_FAULT,
    "iot.ota.UploadTicketUsed": "it is told at the upload, in another tongue",
    "iot.system.IllegalRequest": NO_REQUEST,  # for what is a fault of the caller's and of no kind
}
UNREACHABLE: dict[str, dict[str, str]] = {
    "alibaba": _EVERYWHERE | {"InternalError": NO_REQUEST, "ServiceUnavailable": NO_REQUEST},
    "tuya": _EVERYWHERE
    | {
        "IncompleteSignature": "Tuya says that a parameter is missing",
        "InvalidSignatureVersion": "Tuya has none",
        "InvalidVersion": "Tuya has none",
        "Throttling.User": "Tuya has no limit on requests",
        "iot.system.SystemException": NO_REQUEST,
    }
    | dict.fromkeys(
        (
            "iot.device.TooManyDevicePropertiesPerTime",
            "iot.group.GroupIsDynamic",
            "iot.group.GroupTypeMismatch",
            "iot.ota.DeviceHasOpenTask",
            "iot.ota.DynamicJobIsRunning",
            "iot.ota.FirmwareIsDeleted",
            "iot.ota.FirmwareTooLargeForMqtt",
            "iot.ota.GroupJobModesDiffer",
            "iot.ota.InvalidSrcVersion",
            "iot.ota.JobEnded",
            "iot.ota.JobNotDynamic",
            "iot.ota.MultiFilesNotSupportedByMqtt",
            "iot.ota.TargetSelectionMismatch",
            "iot.ota.UpgradeTypeMismatch",
            "iot.prod.ProductHasDevices",
        ),
        NO_OPERATION,
    ),
}
DIALECTS = ("alibaba", "tuya")


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


book = cache(load)


def steps(dialect: str, action: str = "") -> Iterator[Step]:
    """Those that ask an operation."""
    for chapter in book(dialect):
        yield from (step for step in chapter.steps if "do" in step.ask and action in ("", step.ask["do"]))


def code(step: Step) -> str:
    """That of a refusal; empty of what was served."""
    body = step.answer.get("body", {})
    found = re.search("<Code>(.*?)</Code>", step.answer.get("text", ""))
    return str(body.get("Code") or body.get("code") or (found[1] if found else ""))


def message(step: Step) -> str:
    body = step.answer.get("body", {})
    return str(body.get("ErrorMessage") or body.get("Message") or body.get("errorMessage") or "")


def test_what_shows_a_refusal_is_one_and_nothing_else_is(dialect: str) -> None:
    wrong = [step.name for step in steps(dialect) if step.shows and (step.shows == "refused") != bool(code(step))]
    assert not wrong


def test_each_operation_shows_its_full_answer_its_empty_list_and_its_last_page(dialect: str) -> None:
    lacking = []
    for action, operation in OPERATIONS[dialect].items():
        shown = {step.shows for step in steps(dialect, action)}
        wanted = {"full"}
        if any(param.name == "CurrentPage" for param in operation.params):
            wanted |= {"empty", "last page"}
        if action in LISTS[dialect]:
            wanted |= {"empty"}
        lacking += [f"{action}: {each}" for each in sorted(wanted - shown)]
    assert not lacking


def test_each_operation_refuses_what_its_table_says(dialect: str) -> None:
    lacking = []
    for action, operation in OPERATIONS[dialect].items():
        refused = [step for step in steps(dialect, action) if code(step)]
        told = "\n".join(map(message, refused))
        if operation.role != "viewer" and not any(step.ask.get("by") == "viewer" for step in refused):
            lacking.append(f"{action}: by a viewer")
        for param in operation.params:
            if param.required and f"{param.name} is mandatory" not in told:
                lacking.append(f"{action}: no {param.name}")
            if f'"{param.name}' not in told:
                lacking.append(f"{action}: a wrong {param.name}")
    assert not lacking


def test_each_row_of_the_refusals_is_shown(dialect: str) -> None:
    shown = {code(step) for step in steps(dialect)}
    assert sorted(ROWS[dialect] - shown - set(UNREACHABLE[dialect])) == []
    assert sorted(shown & set(UNREACHABLE[dialect])) == [], "they are reachable"
    assert sorted(set(UNREACHABLE[dialect]) - ROWS[dialect]) == [], "there are no such rows"
