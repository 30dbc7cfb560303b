"""Packages of objects by the vendor's own SDK (the seed; huawei 2.1-2.4), and every bound of the seed at the door."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, unique
from acceptance.huawei_client import new_product, refusal, sdk, send, signed

CONTENT = b"firmware " * 1000
SIGN = hashlib.sha256(CONTENT).hexdigest()
PLACE = {"region_name": "cn-north-4", "bucket_name": "abc", "object_key": "bbb/upgrade.bin"}
OF_SEED = {"app_id": "61f7e74d036aca5be29e1ed4", "product_id": "5ba24f5ebbe8f56f5a14f605"}


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    return server.new_key("packages", "admin", "huawei")


@pytest.fixture(scope="module")
def client(server: Server, key: Key) -> Any:
    return sdk(server.http, key)


@pytest.fixture(scope="module")
def put(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Uploads an object by the command."""
    file = tmp_path_factory.mktemp("put") / "file"

    def upload(content: bytes = CONTENT, object_key: str = PLACE["object_key"], account: str = "packages") -> str:
        file.write_bytes(content)
        where = ("--bucket", "abc", "--key", object_key, "--account", account)
        return server.run("object", "put", *where, str(file))

    return upload


@pytest.fixture(scope="module")
def space(client: Any) -> str:
    return str(client.show_applications(m.ShowApplicationsRequest()).applications[0].app_id)


@pytest.fixture(scope="module")
def product(client: Any, put: Callable[..., str]) -> str:
    assert f"{len(CONTENT)} bytes, sha256 {SIGN}" in put()
    return new_product(client, product_id=OF_SEED["product_id"], name="lamp")


@pytest.fixture
def create(server: Server, key: Key, space: str, product: str) -> Callable[..., tuple[int, Any]]:
    """A raw request; a None leaves the member out, `obs` goes into the location."""

    def post(obs: dict[str, Any] | None = None, **more: Any) -> tuple[int, Any]:
        location = {"obs_location": _present(PLACE | {"sign": SIGN} | (obs or {}))}
        whole = {"app_id": space, "package_type": "firmwarePackage", "product_id": product, "version": "V2.0"}
        body = json.dumps(_present(whole | {"file_location": location} | more)).encode()
        path = f"/v5/iot/{key.project_id}/ota-upgrades/packages"
        got = send(server.http, "POST", path, signed(server.http, key, "POST", path, body=body), body)
        return got.status, got.json()

    return post


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# --- the seed's examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "differential",
    [
        {"description": "package v2.0"},
        {"support_source_versions": ["V1.0", "V1.1"], "description": "package for version V1.0 and V1.1"},
    ],
)
def test_the_examples_of_the_seed(create: Callable[..., Any], space: str, differential: dict[str, Any]) -> None:
    info = {"custom_info": "Updated the XX function and fixed the XXXX issue."}
    status, told = create(**differential, **info)
    assert status == 201
    assert re.fullmatch(r"[0-9a-f]{32}", told.pop("package_id"))
    assert re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", told.pop("create_time"))
    assert told.pop("product_name") == "lamp"
    assert told == {
        "app_id": space,
        "package_type": "firmwarePackage",
        "product_id": OF_SEED["product_id"],
        "version": "V2.0",
        **differential,
        **info,
        "file_location": {"obs_location": PLACE | {"sign": SIGN}},
    }


def test_create_list_show_delete_by_the_sdk(client: Any, space: str, product: str) -> None:
    obs = m.ObsLocation(**PLACE, sign=SIGN.upper(), sign_method="SHA256")
    body = m.CreateOtaPackage(
        app_id=space, package_type="softwarePackage", product_id=product, version="S1",
        file_location=m.FileLocation(obs_location=obs),
    )  # fmt: skip
    ids = [client.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id for _ in range(3)]

    shown = client.show_ota_package(m.ShowOtaPackageRequest(package_id=ids[0]))
    assert (shown.version, shown.package_type, shown.product_name) == ("S1", "softwarePackage", "lamp")
    assert shown.file_location.obs_location.to_dict() == PLACE | {"sign": SIGN.upper(), "sign_method": "SHA256"}

    first = client.list_ota_package_info(_listing(limit=2, version="S1"))
    second = client.list_ota_package_info(_listing(limit=2, version="S1", marker=first.page.marker))
    assert [p.package_id for p in (*first.packages, *second.packages)] == ids[::-1]
    assert (first.page.count, second.page.count) == (3, 3)
    assert "file_location" not in first.packages[0].to_dict()
    skipped = client.list_ota_package_info(_listing(offset=1, app_id=space, product_id=product, version="S1"))
    assert [p.package_id for p in skipped.packages] == ids[1::-1]
    other_type = m.ListOtaPackageInfoRequest(package_type="modulePackage", version="S1")
    assert client.list_ota_package_info(other_type).packages == []

    client.delete_ota_package(m.DeleteOtaPackageRequest(package_id=ids[0]))
    for call in (
        lambda: client.show_ota_package(m.ShowOtaPackageRequest(package_id=ids[0])),
        lambda: client.delete_ota_package(m.DeleteOtaPackageRequest(package_id=ids[0])),
    ):
        assert refusal(call)[:2] == (404, "IOTDA.014801")
    assert refusal(lambda: client.list_ota_package_info(m.ListOtaPackageInfoRequest()))[0] == 400


def _listing(**more: Any) -> Any:
    return m.ListOtaPackageInfoRequest(package_type="softwarePackage", **more)


def test_the_object_stays_and_tells_how_its_packages_stand(
    server: Server, create: Callable[..., Any], client: Any, put: Callable[..., str]
) -> None:
    where = ("--bucket", "abc", "--account", "packages")
    put(object_key="stays.bin")
    made = create(obs={"object_key": "stays.bin"}, version="right")[1]
    create(obs={"object_key": "stays.bin", "sign": "Z" * 64}, version="wrong")
    until = time.monotonic() + 20
    while "right (ok)" not in (told := server.run("object", "list", *where)) or "wrong (differs)" not in told:
        assert time.monotonic() < until, told
        time.sleep(0.2)
    client.delete_ota_package(m.DeleteOtaPackageRequest(package_id=made["package_id"]))
    assert "stays.bin" in server.run("object", "list", *where)
    server.run("object", "rm", *where, "--key", "stays.bin")
    while "wrong (missing)" not in (told := server.run("object", "list", *where)):
        assert time.monotonic() < until, told
        time.sleep(0.2)


def test_an_account_sees_neither_packages_nor_objects_of_another(
    server: Server, client: Any, create: Callable[..., Any], put: Callable[..., str]
) -> None:
    package_id = create()[1]["package_id"]
    other = sdk(server.http, server.new_key("packages-other", "admin", "huawei"))
    assert refusal(lambda: other.show_ota_package(m.ShowOtaPackageRequest(package_id=package_id)))[0] == 404
    assert refusal(lambda: other.delete_ota_package(m.DeleteOtaPackageRequest(package_id=package_id)))[0] == 404
    space = other.show_applications(m.ShowApplicationsRequest()).applications[0].app_id
    body = m.CreateOtaPackage(
        app_id=space, package_type="firmwarePackage", product_id=new_product(other), version="V1",
        file_location=m.FileLocation(obs_location=m.ObsLocation(**PLACE)),
    )  # fmt: skip
    status, code, message = refusal(lambda: other.create_ota_package(m.CreateOtaPackageRequest(body=body)))
    assert (status, code) == (400, "IOTDA.000006")
    assert "file_location.obs_location.object_key" in message
    put(account="packages-other")
    assert other.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id


def test_a_viewer_may_only_look(server: Server, client: Any, create: Callable[..., Any]) -> None:
    package_id = create()[1]["package_id"]
    viewer = sdk(server.http, server.new_key("packages", "viewer", "huawei"))
    assert viewer.show_ota_package(m.ShowOtaPackageRequest(package_id=package_id)).package_id == package_id
    refused = refusal(lambda: viewer.delete_ota_package(m.DeleteOtaPackageRequest(package_id=package_id)))
    assert refused[:2] == (403, "IOTDA.000022")


# --- the seed's bounds --------------------------------------------------------------------------------------------

LONGEST = "k" * 1020 + ".bin"
SUFFIXES = [
    ".bin", ".dav", ".tar", ".gz", ".zip", ".gzip", ".apk", ".tar.gz", ".tar.xz", ".pack", ".exe", ".bat", ".img",
]  # fmt: skip
AT_BOUND: list[dict[str, Any]] = [
    {"version": "v" * 256},
    {"version": "A-z_0.9"},
    {"support_source_versions": [f"V{i}" for i in range(20)]},
    {"support_source_versions": ["v" * 256]},
    {"support_source_versions": []},
    {"description": "升" * 1024},
    {"description": ""},
    {"custom_info": "\n😀" * 2048},
    {"obs": {"region_name": "r" * 256}},
    {"obs": {"bucket_name": "abc", "sign_method": "SHA-256"}},
    {"obs": {"sign_method": "SHA256"}},
    {"obs": {"sign": None}},
    {"obs": {"sign": SIGN.upper()}},
    {"obs": {"sign": "z" * 64}},
    {"package_type": "softwarePackage"},
]
ABOVE_BOUND: list[tuple[str, dict[str, Any]]] = [
    ("app_id", {"app_id": "a" * 37}),
    ("app_id", {"app_id": "a b"}),
    ("app_id", {"app_id": None}),
    ("app_id", {"app_id": 7}),
    ("package_type", {"package_type": "firmware"}),
    ("package_type", {"package_type": None}),
    ("product_id", {"product_id": "p" * 37}),
    ("product_id", {"product_id": "p.p"}),
    ("product_id", {"product_id": None}),
    ("module_name", {"package_type": "modulePackage", "module_name": "m" * 65}),
    ("module_name", {"package_type": "modulePackage", "module_name": "m m"}),
    ("module_name", {"package_type": "modulePackage"}),
    ("module_name", {"module_name": "mcu"}),
    ("version", {"version": "v" * 257}),
    ("version", {"version": ""}),
    ("version", {"version": "v 1"}),
    ("version", {"version": None}),
    ("support_source_versions", {"support_source_versions": [f"V{i}" for i in range(21)]}),
    ("support_source_versions[1]", {"support_source_versions": ["V1", "V/2"]}),
    ("support_source_versions[0]", {"support_source_versions": ["v" * 257]}),
    ("support_source_versions", {"support_source_versions": "V1"}),
    ("description", {"description": "d" * 1025}),
    ("custom_info", {"custom_info": "i" * 4097}),
    ("custom_info", {"custom_info": {"a": 1}}),
    ("file_location", {"file_location": None}),
    ("file_location.obs_location", {"file_location": {}}),
    ("file_location.obs_location.region_name", {"obs": {"region_name": "r" * 257}}),
    ("file_location.obs_location.region_name", {"obs": {"region_name": "cn_north"}}),
    ("file_location.obs_location.region_name", {"obs": {"region_name": None}}),
    ("file_location.obs_location.bucket_name", {"obs": {"bucket_name": "ab"}}),
    ("file_location.obs_location.bucket_name", {"obs": {"bucket_name": "b" * 64}}),
    ("file_location.obs_location.bucket_name", {"obs": {"bucket_name": "ABC"}}),
    ("file_location.obs_location.bucket_name", {"obs": {"bucket_name": "a/../b"}}),
    ("file_location.obs_location.bucket_name", {"obs": {"bucket_name": None}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": "k" * 1021 + ".bin"}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": "upgrade.txt"}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": "none.bin"}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": "../abc/bbb/upgrade.bin"}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": "/bbb/upgrade.bin"}}),
    ("file_location.obs_location.object_key", {"obs": {"object_key": None}}),
    ("file_location.obs_location.sign_method", {"obs": {"sign_method": "MD5"}}),
    ("file_location.obs_location.sign", {"obs": {"sign": "a" * 63}}),
    ("file_location.obs_location.sign", {"obs": {"sign": "a" * 65}}),
    ("file_location.obs_location.sign", {"obs": {"sign": "a" * 63 + "-"}}),
]


@pytest.mark.parametrize("more", AT_BOUND)
def test_at_the_bound(create: Callable[..., Any], more: dict[str, Any]) -> None:
    status, told = create(**more)
    assert status == 201, told
    obs = more.get("obs", {})
    for name, value in obs.items():
        assert told["file_location"]["obs_location"].get(name) == value
    for name, value in more.items():
        if name != "obs":
            assert told.get(name) == (value or None)


@pytest.mark.parametrize("object_key", [LONGEST, "升级 包/(1)%2E.bin", "a//b/../c.bin", *(f"x/y{s}" for s in SUFFIXES)])
def test_keys_of_every_kind(create: Callable[..., Any], put: Callable[..., str], object_key: str) -> None:
    put(object_key=object_key)
    status, told = create(obs={"object_key": object_key})
    assert status == 201, told
    assert told["file_location"]["obs_location"]["object_key"] == object_key


@pytest.mark.parametrize(("member", "more"), ABOVE_BOUND)
def test_above_the_bound(create: Callable[..., Any], member: str, more: dict[str, Any]) -> None:
    status, told = create(**more)
    assert status == 400
    assert told["error_code"] == "IOTDA.000006"
    assert re.search(rf"(^|[ .]){re.escape(member)}( is mandatory|:)", told["error_msg"]), told


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"app_id": "unknown"}, 403, "IOTDA.001000"),
        ({"product_id": "unknown"}, 400, "IOTDA.014804"),
        ({"package_type": "modulePackage", "module_name": "unknown"}, 400, "IOTDA.014802"),
    ],
)
def test_what_does_not_exist(create: Callable[..., Any], more: dict[str, Any], status: int, code: str) -> None:
    got, told = create(**more)
    assert (got, told["error_code"]) == (status, code)  # the seed has no 404


def test_a_package_of_a_module(client: Any, create: Callable[..., Any], space: str, product: str) -> None:
    name = unique("m").replace("-", "_")
    module = m.CreateOtaModule(app_id=space, product_id=product, module_name=name)
    client.create_ota_module(m.CreateOtaModuleRequest(body=module))
    status, told = create(package_type="modulePackage", module_name=name)
    assert (status, told["module_name"], told["package_type"]) == (201, name, "modulePackage")


def test_an_object_above_a_gigabyte_is_refused(
    server: Server, key: Key, create: Callable[..., Any], put: Callable[..., str]
) -> None:
    put(object_key="large.bin")
    [file] = Path(server.data_dir).glob(f"objects/buckets/{key.project_id}/abc/large.bin")
    with file.open("r+b") as large:
        large.truncate(1024**3 + 1)
    status, told = create(obs={"object_key": "large.bin", "sign": None})
    assert (status, told["error_code"]) == (400, "IOTDA.000006")
    assert "file_location.obs_location.object_key" in told["error_msg"]
    assert "1073741825" in told["error_msg"]
    with file.open("r+b") as large:
        large.truncate(1024**3)
    assert create(obs={"object_key": "large.bin", "sign": None}, version="large")[0] == 201
