"""Huawei's routes, and what its errors are called."""

import re
from dataclasses import replace

import pytest
from tests.unit.huawei_samples import JOB
from tests.unit.huawei_samples import told as told_page

from upwell.dialects.huawei import codes, management
from upwell.dialects.huawei.codes import refusal
from upwell.dialects.huawei.flow import RESULT_CODES, outcome
from upwell.dialects.huawei.signing import SigningError
from upwell.domain.commands import Enrolled
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany, Unavailable
from upwell.domain.standings import Progress, Tally


@pytest.mark.parametrize(
    ("method", "path", "name", "ids"),
    [
        ("GET", "/v5/iot/p/devices/a%2Fb%20c", "ShowDevice", {"device_id": "a/b c"}),
        ("GET", "/v5/iot/p/devices/a/", "ShowDevice", {"device_id": "a"}),
        ("POST", "/v5/iot/p/batchtasks/0a/stop", "StopBatchTask", {"task_id": "0a"}),
        ("GET", "/v5/iot/p/device-group/0a/devices", "ShowDevicesInGroup", {"group_id": "0a"}),
        ("POST", "/v5/iot/p/tags/bind-resource", "TagDevice", {}),
    ],
)
def test_routes(method: str, path: str, name: str, ids: dict[str, str]) -> None:
    route = management.route(method, path)
    assert (route.name, route.ids) == (name, {"project_id": "p", **ids})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v5/iot/p"),
        ("PATCH", "/v5/iot/p/devices"),
        ("GET", "/v4/iot/p/devices"),
        ("GET", "/v5/iot/p/devices/a/b"),
        ("GET", "/v5/iot/p/nothing"),
        ("POST", "/v5/iot/p/batchtask-files"),  # the door's
        ("GET", "v5/iot/p/devices"),
    ],
)
def test_paths_that_lead_nowhere(method: str, path: str) -> None:
    with pytest.raises(CallerError) as caught:
        management.route(method, path)
    told = refusal(caught.value)
    assert (told.status, told.code) == (404, "APIGW.0101")


def test_no_two_operations_share_a_line() -> None:
    lines = [(operation.method, operation.path) for operation in management.OPERATIONS.values()]
    assert len(set(lines)) == len(lines)


def test_success_statuses_by_method() -> None:
    """huawei 1.9: create 201, delete 204, else 200; freezing answers nothing."""
    for name, operation in management.OPERATIONS.items():
        created = name.startswith(("Create", "Add")) and name != "CreateOrDeleteDeviceInGroup"
        empty = operation.method == "DELETE" or name in ("FreezeDevice", "UnfreezeDevice")
        assert operation.status == (201 if created else 204 if empty else 200), name


ERRORS: list[tuple[Exception, int, str]] = [
    (SigningError("signature", "why"), 401, "IOTDA.000002"),
    (SigningError("token", "why"), 403, "IOTDA.000004"),
    (Missing("app_id"), 400, "IOTDA.000006"),
    (Invalid("version", "rule"), 400, "IOTDA.000006"),
    (Invalid("sign", "the SHA-256 of the object"), 400, "IOTDA.000006"),
    (CallerError("odd"), 400, "IOTDA.000006"),
    (NotFound("space", "a"), 403, "IOTDA.001000"),
    (NotFound("device", "d"), 404, "IOTDA.014000"),
    (NotFound("package", "x"), 404, "IOTDA.014801"),
    (NotFound("module", "x"), 404, "IOTDA.014802"),
    (NotFound("job", "x"), 404, "IOTDA.014803"),
    (NotFound("product", "x"), 404, "IOTDA.014804"),
    (NotFound("group", "x"), 404, "IOTDA.014805"),
    (NotFound("tag", "x"), 404, "IOTDA.014806"),
    (NotFound("file", "x"), 404, "IOTDA.014807"),
    (NotFound("something new", "x"), 400, "IOTDA.000006"),
    (Conflict("device_name_taken", "p"), 400, "IOTDA.014031"),
    (Conflict("public_id_taken", "p"), 400, "IOTDA.014031"),
    (Conflict("target_file_name_taken", "p"), 400, "IOTDA.014602"),
    (Conflict("space_ambiguous", "p"), 403, "IOTDA.001005"),
    (Conflict("product_name_taken", "p"), 403, "IOTDA.014811"),
    (Conflict("product_has_devices", "p"), 403, "IOTDA.014813"),
    (Conflict("package_has_running_job", "p"), 403, "IOTDA.014813"),
    (Conflict("job_ended", "p"), 403, "IOTDA.014812"),
    (TooMany("modules", 10), 403, "IOTDA.014814"),
    (TooMany("requests", 1), 403, "IOTDA.021102"),
    (Denied(), 403, "IOTDA.000022"),
    (Unavailable(), 500, "IOTDA.000001"),
    (RuntimeError("inner"), 500, "IOTDA.000001"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
def test_refusals(error: Exception, status: int, code: str) -> None:
    told = refusal(error)
    assert (told.status, told.code) == (status, code)
    assert told.message.startswith(codes.TABLE[code][1])
    if isinstance(error, CallerError) and not isinstance(error, Denied):
        assert told.message.endswith(str(error))
    else:
        assert "inner" not in told.message


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFound("target file", "x"), "IOTDA.014600", "The specified batch file does not exist: x"),
        (NotFound("hook", "x"), "IOTDA.010002", "The specified rule does not exist: x"),
        (NotFound("action of a hook", "x"), "IOTDA.014808", "The specified action of a rule does not exist: x"),
        (TooMany("hooks", 9), "IOTDA.014814", "At most 9 rules are allowed."),
        (TooMany("target files", 9), "IOTDA.014814", "At most 9 batch files are allowed."),
    ],
)
def test_refusals_are_in_the_vendors_words(error: Exception, code: str, said: str) -> None:
    told = refusal(error)
    assert (told.code, told.message) == (code, f"{codes.TABLE[code][1]} {said}")


def test_an_operation_without_404_says_400_in_its_place() -> None:
    """The seed: create package answers 201, 400, 401, 403 and 500."""
    refuses = management.OPERATIONS["CreateOtaPackage"].refuses
    assert refuses == {400, 401, 403, 500}
    told = refusal(NotFound("product", "p"), refuses)
    assert (told.status, told.code) == (400, "IOTDA.014804")
    assert "p" in told.message


def test_no_code_answers_409_or_429() -> None:
    assert {status for status, _ in codes.TABLE.values()} <= {200, 400, 401, 403, 404, 500}
    assert all(re.fullmatch(r"IOTDA\.[0-9]{6}|APIGW\.[0-9]{4}", code) for code in codes.TABLE)


def test_every_failure_of_a_device_has_a_code_and_a_text_of_its_own_meaning() -> None:
    reasons = {reason for _, reason in RESULT_CODES.values() if reason}
    told = {reason: codes.task_failure(reason, "") for reason in reasons}
    assert len({error["error_code"] for error in told.values()}) == len(reasons)
    assert told["verification_failed"]["error_msg"] == "Integrity check failure for new downloaded package"
    assert codes.task_failure("timeout", "")["error_msg"] == "Wait for the device to report upgrade result timeout"
    assert codes.task_failure("device_busy", "job 7")["error_msg"] == "Task Conflict: job 7"
    assert codes.task_failure("never heard", "")["error_code"] == "IOTDA.014850"


def test_why_a_whole_task_failed_is_told() -> None:
    failed = replace(JOB, progress=Progress.FAILED, status_desc="the `sign` is wrong", targets=(), tally=Tally())
    told = management.OPERATIONS["ListBatchTasks"].members(told_page(failed))
    assert told is not None
    (task,) = told["batchtasks"]
    assert (task["status"], task["status_desc"]) == ("Fail", "the `sign` is wrong")
    assert "targets" not in task


def test_a_device_that_can_not_join_a_group_is_refused() -> None:
    operation = management.OPERATIONS["CreateOrDeleteDeviceInGroup"]
    assert operation.members(Enrolled(valid=1, done=0, already=1)) is None
    for told, status in (
        (Enrolled(valid=0, done=0, already=0), 404),
        (Enrolled(valid=1, done=0, already=0, over=1), 403),
    ):
        with pytest.raises(CallerError) as caught:
            operation.members(told)
        assert refusal(caught.value).status == status


def test_result_codes() -> None:
    """huawei 5.5; any other integer is a failure."""
    assert {code for code in range(300) if code in RESULT_CODES} == {*range(11), 255}
    assert outcome(0) == ("fine", "")
    assert outcome(3)[0] == "already"
    for code in (-1, 1, 2, *range(4, 11), 11, 77, 255, 10**9):
        assert outcome(code)[0] == "failed"
