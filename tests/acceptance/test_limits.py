"""The limits on requests a second (alibaba 2.0): per account and operation, shared by its keys, told as clouds do."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkiot.request.v20180120.ListOTAFirmwareRequest import ListOTAFirmwareRequest

from acceptance.client import Key, Server, ask, new_sdk, serve, signed

LISTED_PER_S = 10  # alibaba 2.0: ListOTAFirmware
ASKED = 60
PAGE = {"CurrentPage": "1", "PageSize": "10"}


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server as users have it, with the limits on."""
    with serve("--request-limits") as running:
        yield running


def burst(call: Callable[[int], Any]) -> tuple[list[Any], int]:
    """What ASKED calls at once gave, and how many seconds of the clock they touched. An earlier burst's second is over
    first."""
    time.sleep(1.1)
    began = time.time()
    with ThreadPoolExecutor(12) as pool:
        given = list(pool.map(call, range(ASKED)))
    return given, int(time.time()) - int(began) + 1


def test_over_the_limit_the_gateway_throttles_and_then_serves_again(strict: Server) -> None:
    given, seconds = burst(lambda _: ask(strict.http, signed(strict.admin, "ListOTAFirmware", PAGE)))
    served = [body for status, body in given if status == 200]
    refused = [(status, body) for status, body in given if status != 200]
    assert len(served) <= LISTED_PER_S * (seconds + 1) and all(body["Success"] for body in served)
    assert refused and {status for status, _ in refused} == {429}
    assert {body["Code"] for _, body in refused} == {"Throttling.User"}
    assert {body["Message"] for _, body in refused} == {"Request was denied due to user flow control."}
    time.sleep(1.1)
    assert ask(strict.http, signed(strict.admin, "ListOTAFirmware", PAGE))[0] == 200


def test_keys_share_the_quota_of_their_account_and_no_other(strict: Server) -> None:
    keys = [strict.admin, strict.new_key("default", "viewer")]
    other = strict.new_key("elsewhere", "viewer")
    given, seconds = burst(lambda n: ask(strict.http, signed(keys[n % 2], "QueryOTAJob", {"JobId": "x"}))[0])
    assert given.count(200) <= LISTED_PER_S * (seconds + 1) and 429 in given
    assert ask(strict.http, signed(other, "QueryOTAJob", {"JobId": "x"}))[0] == 200


def test_another_operation_has_a_quota_of_its_own(strict: Server) -> None:
    given, _ = burst(lambda _: ask(strict.http, signed(strict.admin, "ListOTAFirmware", PAGE))[0])
    assert 429 in given
    assert ask(strict.http, signed(strict.admin, "QueryProductList", PAGE))[0] == 200


def test_a_throttled_request_does_not_use_its_role_or_parameters(strict: Server, tmp_path: Any) -> None:
    """Nothing of it is looked at: what would be refused otherwise is throttled all the same."""
    given, _ = burst(lambda _: ask(strict.http, signed(strict.admin, "ListOTAFirmware", {"PageSize": "x"})))
    assert {body["Code"] for status, body in given if status == 429} == {"Throttling.User"}


def test_both_sdks_raise_it(strict: Server) -> None:
    client = new_sdk(strict.http, strict.admin)

    def new(_: int) -> str:
        try:
            client.list_otafirmware(m.ListOTAFirmwareRequest(current_page=1, page_size=1))
            return "served"
        except ClientException as exc:
            return str(exc.code)

    assert set(burst(new)[0]) == {"served", "Throttling.User"}
    assert set(burst(lambda _: _old(strict, strict.admin))[0]) == {"served", "Throttling.User"}


def _old(server: Server, key: Key) -> str:
    client = AcsClient(key.id, key.secret, "cn-shanghai", auto_retry=False)
    asked = ListOTAFirmwareRequest()
    asked.set_endpoint(server.http)
    asked.set_CurrentPage(1)
    asked.set_PageSize(1)
    try:
        client.do_action_with_exception(asked)
        return "served"
    except ServerException as exc:
        return str(exc.error_code)
