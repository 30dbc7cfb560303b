"""Every operation by the vendor's own SDK: its request read into a command, the answer read back into its models.

The listener holds no server of ours: what it kept is read by the dialect here, and what it answers was written here.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from tests.unit.huawei_fleet_cases import DEVICES, SPACES
from tests.unit.huawei_group_cases import GROUPS
from tests.unit.huawei_hook_cases import RULES
from tests.unit.huawei_ota_cases import BATCHES, PACKAGES
from tests.unit.huawei_sdk import PROJECT, Listener, listening

from upwell.dialects.huawei import codes, management, render
from upwell.dialects.json_members import command
from upwell.dialects.operations import Operation
from upwell.dialects.rest import Route, pairs
from upwell.domain import commands as c
from upwell.domain.errors import NotFound, Unavailable

CASES = [*PACKAGES, *BATCHES, *SPACES, *DEVICES, *GROUPS, *RULES]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def read(listener: Listener) -> tuple[Route[Operation], c.Command]:
    """The route and the command of the request that the SDK sent."""
    seen = listener.seen
    route = management.route(seen.method, seen.path)
    return route, command(route.operation, route.ids, pairs(seen.query), seen.body)


@pytest.mark.parametrize(("method", "request_", "command", "result", "answer"), CASES)
def test_operation(
    listener: Listener, method: str, request_: Any, command: c.Command, result: Any, answer: dict[str, Any] | None
) -> None:
    operation = management.OPERATIONS[operation_of(method)]
    members = operation.members(result)
    listener.status, listener.body = operation.status, render.json_bytes(members)
    told = getattr(listener.client(), method)(request_)
    route, read_command = read(listener)
    assert (route.name, route.ids["project_id"]) == (operation_of(method), PROJECT)
    assert read_command == command
    assert told.status_code == operation.status
    if answer is None:
        assert members is None
    else:
        assert plain(told) == answer  # what the SDK's model made of it
        assert members == answer  # and that there is nothing it did not read


def operation_of(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))


def plain(value: Any) -> Any:
    """What an SDK model holds, by its own list of attributes; those that nothing was told of are left out."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not hasattr(value, "openapi_types"):
        return value
    members = {name: getattr(value, name) for name in value.openapi_types}
    return {name: plain(member) for name, member in members.items() if member is not None}


def test_every_operation_has_its_case() -> None:
    assert {operation_of(method) for method, *_ in CASES} == set(management.OPERATIONS)


def test_a_product_model_is_kept_as_given(listener: Listener) -> None:
    given = next(case for case in SPACES if case[0] == "create_product")
    listener.status, listener.body = 201, b"{}"
    listener.client().create_product(given[1])
    _, command = read(listener)
    assert isinstance(command, c.CreateProduct)
    assert command.facts["service_capabilities"] == json.loads(listener.seen.body)["service_capabilities"]
    assert "description" not in command.facts


@pytest.mark.parametrize(
    "error", [NotFound("package", "x"), NotFound("space", "x"), Unavailable(), ValueError("secret")]
)
@pytest.mark.parametrize("method", ["list_devices", "add_device", "delete_ota_package", "update_device"])
def test_refusals_reach_the_sdk_whole(listener: Listener, error: Exception, method: str) -> None:
    refusal = codes.refusal(error)
    listener.status = refusal.status
    listener.body = render.json_bytes(render.failure(refusal.code, refusal.message))
    request = next(case[1] for case in CASES if case[0] == method)
    expected = ClientRequestException if refusal.status < 500 else ServerResponseException
    with pytest.raises(expected) as caught:
        getattr(listener.client(), method)(request)
    seen = caught.value
    assert (seen.status_code, seen.error_code, seen.error_msg) == (refusal.status, refusal.code, refusal.message)
    assert seen.request_id == "request-1"
    assert "secret" not in seen.error_msg
