"""Every field of Huawei's fleet at its bound and past it, through the door."""

import json
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from acceptance.client import Key, Server, unique
from acceptance.huawei_bounds import BATCHES, DEVICES, OTHERS, PRODUCTS, QUERIES, Case, prop, service
from acceptance.huawei_client import Got, ask


def made(got: Got) -> Any:
    assert got.status == 201, got.body
    return got.json()


class House:
    """What the requests of the table speak of, and the requests themselves."""

    def __init__(self, server: Server, key: Key, account: str, folder: Path) -> None:
        self.http, self.key = server.http, key
        product = made(self.send("POST", "/products", self.body("product")))
        self.product, self.app = product["product_id"], product["app_id"]
        self.device = made(self.send("POST", "/devices", self.body("device")))["device_id"]
        self.group = made(self.send("POST", "/device-group", self.body("group")))["group_id"]
        (folder / "image").write_bytes(b"image")
        where = ("--bucket", "firmware", "--key", "a.bin", "--account", account)
        server.run("object", "put", *where, str(folder / "image"))
        self.package = made(self.send("POST", "/ota-upgrades/packages", self.body("package")))["package_id"]
        self.task = made(self.send("POST", "/batchtasks", self.body("batch")))["task_id"]

    def send(self, method: str, target: str, body: Any = None, *more: tuple[str, str]) -> Got:
        tail, _, query = target.partition("?")
        pairs = [*parse_qsl(query), *more]
        return ask(self.http, self.key, method, tail, pairs, b"" if body is None else json.dumps(body).encode())

    def where(self, request: str) -> tuple[str, str]:
        """Method and path of a request of the table."""
        return {
            "product": ("POST", "/products"),
            "device": ("POST", "/devices"),
            "device change": ("PUT", f"/devices/{self.device}"),
            "secret": ("POST", f"/devices/{self.device}/action?action_id=resetSecret"),
            "app": ("PUT", f"/apps/{self.app}"),
            "group": ("POST", "/device-group"),
            "dynamic group": ("POST", "/device-group"),
            "tags": ("POST", "/tags/bind-resource"),
            "untag": ("POST", "/tags/unbind-resource"),
            "tagged": ("POST", "/tags/query-resources"),
            "module": ("POST", "/ota-upgrades/modules"),
            "search": ("POST", "/search/query-devices"),
            "batch": ("POST", "/batchtasks"),
            "group batch": ("POST", "/batchtasks"),
            "module batch": ("POST", "/batchtasks"),
            "named": ("POST", f"/batchtasks/{self.task}/confirm"),
        }[request]

    def body(self, request: str) -> dict[str, Any]:
        """A good body of it."""
        if request == "product":
            para = {"para_name": "p", "data_type": "int"}
            command = {"command_name": "c", "paras": [dict(para)], "responses": [{"response_name": "r"}]}
            event = {"event_type": "e", "paras": [dict(para)]}
            model = [service(properties=[prop()], commands=[command], events=[event])]
            whole = {"name": "n", "device_type": "t", "protocol_type": "MQTT", "data_format": "json"}
            return whole | {"service_capabilities": model}
        return {
            "device": lambda: {"node_id": unique("n"), "product_id": self.product, "auth_info": {}},
            "device change": lambda: {"auth_info": {}},
            "secret": dict,
            "app": lambda: {"app_name": "default"},
            "group": lambda: {"name": unique("g")},
            "dynamic group": lambda: {"name": unique("g"), "group_type": "dynamic"},
            "tags": lambda: self.resource() | {"tags": [{"tag_key": "k0", "tag_value": "v"}]},
            "untag": lambda: self.resource(),
            "tagged": lambda: {"resource_type": "device"},
            "module": lambda: {"app_id": self.app, "product_id": self.fresh(), "module_name": "m"},
            "search": dict,
            "package": self.of_package,
            "batch": self.of_batch,
            "group batch": lambda: without(self.of_batch(), "targets") | {"targets_filter": {}},
            "module batch": lambda: self.of_batch() | {"task_type": "moduleUpgrade"},
            "named": dict,
        }[request]()

    def of_package(self) -> dict[str, Any]:
        place = {"region_name": "r", "bucket_name": "firmware", "object_key": "a.bin"}
        whole = {"app_id": self.app, "product_id": self.product, "version": "V2", "package_type": "firmwarePackage"}
        return whole | {"file_location": {"obs_location": place}}

    def of_batch(self) -> dict[str, Any]:
        policy = {"retry_count": 1, "retry_interval": 1}
        whole = {"task_name": "t", "task_type": "firmwareUpgrade", "targets": [self.device], "task_policy": policy}
        return whole | {"document": {"package_ids": [self.package]}}

    def filled(self, value: Any) -> Any:
        """`{package}` and its like are what the house has; the rest is `filled`'s."""
        if isinstance(value, list | tuple):
            return [self.filled(each) for each in value]
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, str) and value in ("{package}", "{group}", "{app}"):
            return getattr(self, value[1:-1])
        return filled(value)

    def resource(self) -> dict[str, Any]:
        device = made(self.send("POST", "/devices", self.body("device")))
        return {"resource_type": "device", "resource_id": device["device_id"]}

    def fresh(self) -> str:
        return str(made(self.send("POST", "/products", self.body("product")))["product_id"])


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> House:
    account = unique("bounds")
    return House(server, server.new_key(account, "admin", "huawei"), account, tmp_path_factory.mktemp("house"))


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in body.items() if other != name}


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a member by its path, in which numbers are places."""
    *above, last = path.split(".")
    for name in above:
        body = body[int(name) if name.isdigit() else name]  # type: ignore[index]
    body[last] = value


def filled(value: Any) -> Any:
    """`{unique:64}` is a text of so many characters that nobody else uses, `{han:64}` one of Chinese ones."""
    if value == "{han:64}":
        return "".join(chr(0x4E00 + int(digit, 16)) for digit in uuid.uuid4().hex * 2)
    if isinstance(value, str) and value.startswith("{in:"):
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + int(value[4:-1])))
    if isinstance(value, str) and value.startswith("{unique:"):
        return (uuid.uuid4().hex * 4)[: int(value[8:-1])]
    return value


def said(path: str) -> str:
    """The member as messages name it: `service_capabilities[0].properties[0].min`."""
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("."))[1:]


@pytest.mark.parametrize(
    "case", [*PRODUCTS, *DEVICES, *OTHERS, *BATCHES], ids=lambda case: f"{case.request}-{case.field}"
)
def test_members_of_bodies(house: House, case: Case) -> None:
    method, path = house.where(case.request)
    for value in case.good:
        body = house.body(case.request)
        put(body, case.field, house.filled(value))
        got = house.send(method, path, body)
        assert got.status in (200, 201), (str(value)[:60], got.body)
    for value in case.bad:
        body = house.body(case.request)
        put(body, case.field, house.filled(value))
        got = house.send(method, path, body)
        told = got.json()
        assert (got.status, told["error_code"]) == (400, case.code), (str(value)[:60], told)
        assert (case.names or said(case.field)) in told["error_msg"], told
        assert len(told["error_msg"]) < 700


@pytest.mark.parametrize("case", QUERIES, ids=lambda case: f"{case.request}-{case.field}")
def test_parameters_of_queries(house: House, case: Case) -> None:
    path = case.request.format(app=house.app, group=house.group, task=house.task)
    for value in case.good:
        assert house.send("GET", path, None, (case.field, value)).status == 200, value
    for value in case.bad:
        got = house.send("GET", path, None, (case.field, value))
        told = got.json()
        assert (got.status, told["error_code"]) == (400, case.code), (value, told)
        assert case.field in told["error_msg"]


MANDATORY = [
    ("product", ("name", "device_type", "protocol_type", "data_format", "service_capabilities")),
    ("device", ("node_id", "product_id")),
    ("app", ("app_name",)),
    ("group", ("name",)),
    ("dynamic group", ("dynamic_group_rule",)),
    ("tags", ("resource_type", "resource_id", "tags")),
    ("untag", ("resource_type", "resource_id", "tag_keys")),
    ("tagged", ("resource_type", "tags")),
    ("module", ("app_id", "product_id", "module_name")),
    ("search", ("sql",)),
    ("batch", ("task_name", "task_type", "targets", "document")),
]


@pytest.mark.parametrize(
    ("request_", "fields"), MANDATORY, ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_mandatory_members(house: House, request_: str, fields: tuple[str, ...]) -> None:
    method, path = house.where(request_)
    whole = house.body(request_)
    if request_ == "tagged":
        whole["tags"] = [{"tag_key": "k", "tag_value": "v"}]
    if request_ == "untag":
        whole["tag_keys"] = ["k"]
    for field in fields:
        for body in ({k: v for k, v in whole.items() if k != field}, whole | {field: None}):
            got = house.send(method, path, body)
            told = got.json()
            assert (got.status, told["error_code"]) == (400, "IOTDA.000006"), told
            assert f"{field} is mandatory" in told["error_msg"]


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "/devices/{}", "device_id"),
        ("PUT", "/devices/{}", "device_id"),
        ("DELETE", "/devices/{}", "device_id"),
        ("POST", "/devices/{}/freeze", "device_id"),
        ("GET", "/products/{}", "product_id"),
        ("DELETE", "/products/{}", "product_id"),
        ("GET", "/apps/{}", "app_id"),
        ("DELETE", "/apps/{}", "app_id"),
        ("GET", "/device-group/{}", "group_id"),
        ("GET", "/device-group/{}/devices", "group_id"),
        ("GET", "/ota-upgrades/modules/{}", "module_id"),
        ("GET", "/ota-upgrades/packages/{}", "package_id"),
        ("GET", "/batchtasks/{}", "task_id"),
        ("DELETE", "/batchtasks/{}", "task_id"),
        ("POST", "/batchtasks/{}/stop", "task_id"),
        ("POST", "/batchtasks/{}/retry", "task_id"),
        ("POST", "/batchtasks/{}/confirm", "task_id"),
    ],
)
def test_ids_in_paths(house: House, method: str, path: str, field: str) -> None:
    for value in ("a" * 129, "a%20b", "a%2Fb", "%00", "%E7%81%AF", "a%27--"):
        got = ask(house.http, house.key, method, path.format(value))
        told = got.json()
        assert (got.status, told["error_code"]) == (400, "IOTDA.000006"), (value, told)
        assert field in told["error_msg"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task_policy": {"retry_count": 1}}, "task_policy.retry_interval"),
        ({"task_policy": {"retry_interval": 1}}, "task_policy.retry_count"),
        ({"targets": None, "document_source": "a"}, "document_source"),
        ({"targets": [], "targets_filter": {}}, "targets"),
    ],
)
def test_members_of_a_batch_task_that_depend_on_others(house: House, change: dict[str, Any], field: str) -> None:
    got = house.send("POST", "/batchtasks", house.of_batch() | change)
    told = got.json()
    assert (got.status, told["error_code"]) == (400, "IOTDA.000006") and f" {field}" in told["error_msg"], told


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"document": {"package_ids": ["0" * 32]}}, 404, "IOTDA.014801"),
        ({"targets": None, "targets_filter": {"group_ids": ["0" * 32]}}, 404, "IOTDA.014805"),
        ({"app_id": "nowhere"}, 403, "IOTDA.001000"),
        ({"task_type": "softwareUpgrade"}, 403, "IOTDA.014812"),
        ({"task_type": "moduleUpgrade"}, 403, "IOTDA.014812"),
    ],
)
def test_what_a_batch_task_speaks_of_must_be_there(
    house: House, change: dict[str, Any], status: int, code: str
) -> None:
    got = house.send("POST", "/batchtasks", house.of_batch() | change)
    assert (got.status, got.json()["error_code"]) == (status, code), got.body


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target": ["a"]}, "targets"),
        ({"targets": "a"}, "targets"),
        ({"targets": [], "targets_filter": {"group_ids": ["{group}"]}}, "targets"),
        ({"target_filter": {"group_ids": ["{group}"]}}, "targets_filter"),
        ({"targets": None, "targets_filter": {"groupIds": ["{group}"]}}, "targets_filter.group_ids"),
        ({"targets": None, "targets_filter": {"group_ids": ["{group}"], "product_id": "p"}}, "targets_filter"),
        ({"targets": None, "targets_filter": {"group_ids": ["{group}"]}, "product_id": "p"}, "product_id"),
        ({"schedule_time": "20300101T000000Z"}, "schedule_time"),
        ({"task_policy": {"scheduleTime": "20300101T000000Z"}}, "task_policy.schedule_time"),
        ({"need_confirm": "true"}, "need_confirm"),
        ({"needConfirm": True}, "need_confirm"),
        ({"document": {"package_ids": ["{package}"], "packageIds": ["{package}"]}}, "document.package_ids"),
    ],
)
def test_a_batch_task_that_is_not_understood(house: House, change: dict[str, Any], named: str) -> None:
    """Issue 9, number 1: a misspelt or wrongly typed member is refused by the right name, and no task is made."""
    path = "/batchtasks?task_type=firmwareUpgrade"
    before = house.send("GET", path).json()["page"]["count"]
    got = house.send("POST", "/batchtasks", house.of_batch() | house.filled(change))
    told = got.json()
    assert (got.status, told["error_code"]) == (400, "IOTDA.000006") and f" {named}" in told["error_msg"], told
    assert house.send("GET", path).json()["page"]["count"] == before


def test_a_batch_task_with_harmless_members(house: House) -> None:
    """Issue 9, number 1: what nobody knows stays ignored."""
    got = house.send("POST", "/batchtasks", house.of_batch() | {"comment": "x", "owner": {"name": "y"}, "status": None})
    assert got.status == 201, got.body
