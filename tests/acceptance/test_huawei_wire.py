"""Huawei's wire: signatures, headers, refusals, tokens and forms (huawei 1, 3.10, 8)."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, Server, serve, unique
from acceptance.huawei_client import Got, ask, new_device, new_product, refusal, sdk, send, signed

DATE = "%Y%m%dT%H%M%SZ"


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    """An admin of an account of its own."""
    return server.new_key("wire", "admin", "huawei")


def listed(server: Server, key: Key, **headers: str) -> Got:
    """A signed list of devices, with other headers."""
    return ask(server.http, key, "GET", "/devices", [("limit", "1")], **headers)


def told(got: Got) -> tuple[int, str]:
    """Status and code of a refusal, which has every member and header that it must have."""
    assert got.headers["content-type"] == "application/json" and got.headers["x-request-id"]
    body = got.json()
    assert set(body) == {"error_code", "error_msg"} and body["error_msg"]
    return got.status, body["error_code"]


# --- signatures -------------------------------------------------------------------------------------------------------


def test_both_signatures_are_taken(server: Server, key: Key) -> None:
    for client in (sdk(server.http, key), sdk(server.http, key, derived=True)):
        product_id = new_product(client, name="灯 1".replace(" ", "_"))
        device = new_device(client, product_id, device_name="a'b(c)#%&!")
        got = client.list_devices(m.ListDevicesRequest(product_id=product_id, device_name="a'b(c)#%&!"))
        assert [item.device_id for item in got.devices] == [device.device_id]


def test_the_sdk_asks_for_its_project(server: Server) -> None:
    """Without a project id it asks IAM for the region's (huawei 1.8), whatever the region is called."""
    key = server.new_key("projects", "admin", "huawei")
    client = sdk(server.http, key, project=False, derived=True)
    product_id = new_product(client)
    assert sdk(server.http, key).show_product(m.ShowProductRequest(product_id=product_id)).product_id == product_id


def test_an_id_with_a_slash_stays_one_id(server: Server, key: Key) -> None:
    client = sdk(server.http, key)
    status, code, message = refusal(lambda: client.show_device(m.ShowDeviceRequest(device_id="a/b")))
    assert (status, code) == (400, "IOTDA.000006") and "device_id" in message


@pytest.mark.parametrize("written", ["a%0Ab", "a%0A", "%0A", "a%0D%0Ab", "%00", "%FF"])
def test_an_id_with_any_byte_is_refused_in_huaweis_words(server: Server, key: Key, written: str) -> None:
    path = f"/v5/iot/{key.project_id}/devices/{written}"
    assert told(send(server.http, "GET", path, {})) == (401, "IOTDA.000002")


def test_an_instance_id_is_taken(server: Server, key: Key) -> None:
    asked = m.ListDevicesRequest(instance_id="1a7ffc5c-d89c-44dd-8265-b1653d951ce0")
    assert sdk(server.http, key).list_devices(asked).page.count is not None
    assert listed(server, key, Instance_Id="x").status == 200


def at(seconds: float) -> str:
    return time.strftime(DATE, time.gmtime(time.time() + seconds))


def test_what_is_not_signed_is_refused(server: Server, key: Key) -> None:
    alibaba = server.new_key("wire", "admin")
    for wrong in (
        replace(key, secret="wrong"),
        replace(key, id="unknown"),
        replace(alibaba, project_id=key.project_id),
    ):
        assert told(listed(server, wrong)) == (401, "IOTDA.000002")
    for minutes in (-16, 16):
        assert told(listed(server, key, X_Sdk_Date=at(60 * minutes))) == (401, "IOTDA.000002")
        assert listed(server, key, X_Sdk_Date=at(58 * 60 * minutes / 64)).status == 200
    path = f"/v5/iot/{key.project_id}/devices"
    good = signed(server.http, key, "GET", path)
    assert send(server.http, "GET", path, good).status == 200
    for name, value in (("User-Agent", "other"), ("Content-Type", "text/plain"), ("X-Sdk-Date", "yesterday")):
        assert told(send(server.http, "GET", path, good | {name: value})) == (401, "IOTDA.000002")
    assert told(send(server.http, "GET", f"{path}?limit=1", good)) == (401, "IOTDA.000002")
    assert told(send(server.http, "DELETE", path, good)) == (404, "APIGW.0101")
    assert told(send(server.http, "GET", path, {})) == (401, "IOTDA.000002")
    got = send(server.http, "GET", path, good | {"X-Security-Token": "t"})
    assert told(got) == (401, "IOTDA.000002") and "X-Security-Token" in got.json()["error_msg"]
    body = json.dumps({"app_name": "a"}).encode()
    path = f"/v5/iot/{key.project_id}/apps"
    forged = signed(server.http, key, "POST", path, body=body)
    assert told(send(server.http, "POST", path, forged, body.replace(b"a", b"b"))) == (401, "IOTDA.000002")


def test_a_revoked_key_is_refused(server: Server) -> None:
    key = server.new_key("wire", "admin", "huawei")
    assert listed(server, key).status == 200
    server.run("key", "revoke", key.id)
    assert told(listed(server, key)) == (401, "IOTDA.000002")


def test_a_key_reaches_its_own_project_only(server: Server, key: Key) -> None:
    other = server.new_key("elsewhere", "admin", "huawei")
    client, product_id = sdk(server.http, other), unique("p")
    device = new_device(client, new_product(client, product_id=product_id))
    got = listed(server, replace(key, project_id=other.project_id))
    assert told(got) == (403, "IOTDA.000022") and "project_id" in got.json()["error_msg"]
    assert told(ask(server.http, key, "GET", f"/devices/{device.device_id}")) == (404, "IOTDA.014000")
    for method, tail in (("GET", ""), ("PUT", ""), ("DELETE", "")):
        body = b'{"name":"mine"}' if method == "PUT" else b""
        assert told(ask(server.http, key, method, f"/products/{product_id}{tail}", body=body)) == (404, "IOTDA.014804")
    app = device.app_id
    assert told(ask(server.http, key, "GET", f"/apps/{app}")) == (403, "IOTDA.001000")
    assert told(ask(server.http, key, "DELETE", f"/apps/{app}")) == (403, "IOTDA.001000")
    assert told(ask(server.http, key, "GET", "/devices", [("app_id", app)])) == (403, "IOTDA.001000")


def test_roles_are_held_to(server: Server, key: Key) -> None:
    viewer, operator = (sdk(server.http, server.new_key("wire", role, "huawei")) for role in ("viewer", "operator"))
    assert viewer.list_products(m.ListProductsRequest()).page.count is not None
    assert refusal(lambda: new_product(viewer))[:2] == (403, "IOTDA.000022")
    device = new_device(operator, new_product(operator))
    told_ = refusal(lambda: viewer.freeze_device(m.FreezeDeviceRequest(device_id=device.device_id)))
    assert told_[:2] == (403, "IOTDA.000022")
    space = m.AddApplicationRequest(body=m.AddApplication(app_name="mine"))
    for client in (viewer, operator):
        assert refusal(lambda client=client: client.add_application(space))[:2] == (403, "IOTDA.000022")


# --- answers ----------------------------------------------------------------------------------------------------------


def test_every_answer_has_a_request_id(server: Server, key: Key) -> None:
    client = sdk(server.http, key)
    product_id = new_product(client)
    shown = ask(server.http, key, "GET", f"/products/{product_id}")
    assert shown.headers["content-type"] == "application/json"
    apps = ask(server.http, key, "GET", "/apps", [("default_app", "true")]).json()["applications"]
    assert apps[0]["default_app"] is True
    gone = ask(server.http, key, "DELETE", f"/products/{product_id}")
    assert (gone.status, gone.body) == (204, b"") and "content-type" not in gone.headers
    ids = {got.headers["x-request-id"] for got in (shown, gone, ask(server.http, key, "GET", "/nothing"))}
    assert len(ids) == 3


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_unknown_paths_are_refused_as_the_gateway_does(server: Server, key: Key, method: str) -> None:
    for tail in ("/nothing", "/devices/a/b/c/d"):
        assert told(ask(server.http, key, method, tail)) == (404, "APIGW.0101")
    assert told(send(server.http, method, "/v5/iot", {})) == (404, "APIGW.0101")


def test_bodies_are_read_strictly(server: Server, key: Key) -> None:
    for body in (b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000):
        assert told(ask(server.http, key, "POST", "/apps", body=body)) == (400, "IOTDA.000008")
    got = ask(server.http, key, "POST", "/apps")
    assert told(got) == (400, "IOTDA.000006") and "app_name" in got.json()["error_msg"]
    large = b'{"app_name":"' + b"a" * (8 * 1024 * 1024) + b'"}'
    assert told(ask(server.http, key, "POST", "/apps", body=large)) == (400, "IOTDA.000008")


def test_an_empty_body_is_an_empty_object(server: Server, key: Key) -> None:
    client = sdk(server.http, key)
    device_id = new_device(client, new_product(client)).device_id
    got = ask(server.http, key, "POST", f"/devices/{device_id}/action", [("action_id", "resetSecret")])
    assert got.status == 200 and got.json()["secret_type"] == "PRIMARY"
    assert told(ask(server.http, key, "POST", f"/devices/{device_id}/action")) == (400, "IOTDA.000006")
    other = ask(server.http, key, "POST", f"/devices/{device_id}/action", [("action_id", "other")])
    assert told(other) == (400, "IOTDA.000006") and "action_id" in other.json()["error_msg"]


def test_lists_that_need_a_type_are_refused_without_one(server: Server, key: Key) -> None:
    for tail, field in (("/ota-upgrades/packages", "package_type"), ("/batchtasks", "task_type")):
        got = ask(server.http, key, "GET", tail)
        assert told(got) == (400, "IOTDA.000006") and field in got.json()["error_msg"]


def test_throttling_is_403_and_never_429() -> None:
    with serve("--request-limits") as strict:
        key = strict.new_key("strict", "admin", "huawei")
        client = sdk(strict.http, key)
        search = m.SearchDevicesRequest(body=m.SearchSql(sql="select count(*) from device"))
        given = []
        for _ in range(20):
            try:
                given.append(client.search_devices(search).count)
            except Exception as exc:
                given.append((exc.status_code, exc.error_code))  # type: ignore[attr-defined]
        assert 0 in given and (403, "IOTDA.021102") in given and set(given) == {0, (403, "IOTDA.021102")}


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def user(server: Server, key: Key) -> Iterator[str]:
    """A user of the key's account, with the password `right-Password`."""
    name = unique("user")
    told_ = server.run(
        "user", "create", name, "--account", "wire", "--role", "operator", "--password-stdin", given="right-Password\n"
    )
    assert f"project_id: {key.project_id}" in told_
    yield name
    server.run("user", "delete", name, "--account", "wire")


def sign_in(server: Server, name: str, password: str = "right-Password", of: str = "wire", **scope: Any) -> Got:
    user = {"name": name, "password": password, "domain": {"name": of}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    body = json.dumps({"auth": auth}).encode()
    headers = {"Content-Type": "application/json;charset=utf8"}
    return send(server.http, "POST", "/v3/auth/tokens?nocatalog=true", headers, body)


def with_token(server: Server, key: Key, token: str, method: str = "GET", tail: str = "/devices") -> Got:
    headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
    body = b'{"app_name":"x"}' if method == "POST" else b""
    return send(server.http, method, f"/v5/iot/{key.project_id}{tail}", headers, body)


def test_a_user_signs_in_and_asks_by_token(server: Server, key: Key, user: str) -> None:
    got = sign_in(server, user, project={"name": "cn-north-4"})
    assert got.status == 201
    token, body = got.headers["x-subject-token"], got.json()["token"]
    assert len(token) >= 43 and body["project"] == {
        "domain": body["user"]["domain"], "id": key.project_id, "name": "cn-north-4",
    }  # fmt: skip
    assert body["user"]["name"] == user and body["user"]["domain"]["name"] == "wire"
    assert body["expires_at"] > body["issued_at"] and body["methods"] == ["password"]
    assert with_token(server, key, token).status == 200
    assert told(with_token(server, key, token, "POST", "/apps")) == (403, "IOTDA.000022")
    again = sign_in(server, user, project={"id": key.project_id}).headers["x-subject-token"]
    assert again != token and with_token(server, key, token).status == 200
    projects = send(server.http, "GET", "/v3/projects?name=any-1", {"X-Auth-Token": token}).json()["projects"]
    assert [(one["id"], one["name"]) for one in projects] == [(key.project_id, "any-1")]
    other = server.new_key("elsewhere", "admin", "huawei")
    assert told(with_token(server, other, token)) == (403, "IOTDA.000022")


def test_tokens_that_open_nothing(server: Server, key: Key, user: str) -> None:
    assert told(with_token(server, key, "made-up")) == (403, "IOTDA.000004")
    assert iam_told(sign_in(server, user, domain={"name": "elsewhere"}))[0] == 403
    domain = sign_in(server, user, domain={"name": "wire"})
    assert domain.status == 201 and "project" not in domain.json()["token"]
    got = with_token(server, key, domain.headers["x-subject-token"])
    assert told(got) == (403, "IOTDA.000004") and "scope" in got.json()["error_msg"]
    token = sign_in(server, user, project={"name": "x"}).headers["x-subject-token"]
    headers = {"X-Auth-Token": token, "X-Security-Token": "t"}
    assert told(send(server.http, "GET", f"/v5/iot/{key.project_id}/devices", headers)) == (401, "IOTDA.000002")
    server.run("user", "delete", user, "--account", "wire")
    assert told(with_token(server, key, token)) == (403, "IOTDA.000004")
    server.run("user", "create", user, "--account", "wire", "--role", "viewer", "--password-stdin", given="password\n")


def iam_told(got: Got) -> tuple[int, str]:
    error = got.json()["error"]
    assert error["code"] == got.status and got.headers["x-iam-trace-id"] and error["title"]
    return got.status, error["message"]


def test_who_signs_in_wrongly_is_told_no_more(server: Server, key: Key, user: str) -> None:
    wrong = iam_told(sign_in(server, user, "wrong-Password", project={"name": "x"}))
    assert wrong[0] == 401
    assert iam_told(sign_in(server, "nobody", project={"name": "x"})) == wrong
    assert iam_told(sign_in(server, user, of="elsewhere", project={"name": "x"})) == wrong
    assert iam_told(sign_in(server, user, project={"id": "0" * 32}))[0] == 403
    for body, field in (
        (b"{}", "auth"),
        (b'{"auth":{"identity":{"methods":["token"],"password":{}}}}', "user"),
        (b"[]", "body"),
    ):
        status, message = iam_told(send(server.http, "POST", "/v3/auth/tokens", {}, body))
        assert status == 400 and field in message
    assert iam_told(send(server.http, "GET", "/v3/projects", {}))[0] == 401


def test_guessing_is_bounded(server: Server, user: str) -> None:
    given = [sign_in(server, user, f"guess-{n}").status for n in range(12)]
    assert given == [401] * 10 + [403] * 2
    assert sign_in(server, user).status == 403  # the right one comes too late


def test_users_are_told_in_a_list(server: Server, user: str) -> None:
    shown = server.run("user", "list")
    assert user in shown and "operator" in shown and "Password" not in shown


# --- files of targets -------------------------------------------------------------------------------------------------


def workbook(rows: int, padding: int = 0) -> bytes:
    """An xlsx of so many rows."""
    sheet = "<worksheet><sheetData>" + '<row r="1"><c/></row>' * rows + " " * padding + "</sheetData></worksheet>"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", sheet)
    return made.getvalue()


def upload(client: Any, folder: Path, name: str, content: bytes) -> Any:
    path = folder / name
    path.write_bytes(content)
    body = m.UploadBatchTaskFileRequestBody(file=FormFile(str(path)))
    return client.upload_batch_task_file(m.UploadBatchTaskFileRequest(body=body))


def test_files_of_targets(server: Server, tmp_path: Path) -> None:
    client = sdk(server.http, server.new_key(unique("files"), "admin", "huawei"))
    made = upload(client, tmp_path, "devices.xlsx", workbook(30_000))
    assert made.file_name == "devices.xlsx" and made.file_id and made.upload_time.endswith("Z")
    [one] = client.list_batch_task_files(m.ListBatchTaskFilesRequest()).files
    assert (one.file_id, one.file_name, one.upload_time) == (made.file_id, made.file_name, made.upload_time)
    assert refusal(lambda: upload(client, tmp_path, "devices.xlsx", workbook(1)))[:2] == (400, "IOTDA.014602")
    for name, content, code in (
        ("a.csv", b"a,b", "IOTDA.000006"),
        ("a.xlsx", b"no workbook", "IOTDA.000006"),
        ("a.xlsx", workbook(30_001), "IOTDA.000006"),
        ("a.xlsx", workbook(1, 101 * 1024 * 1024), "IOTDA.014603"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * (10 * 1024 * 1024), "IOTDA.014603"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * (11 * 1024 * 1024), "IOTDA.014603"),
    ):
        assert refusal(lambda name=name, content=content: upload(client, tmp_path, name, content))[:2] == (400, code), (
            name
        )
    for n in range(9):
        upload(client, tmp_path, f"{n}.xlsx", workbook(1))
    assert refusal(lambda: upload(client, tmp_path, "more.xlsx", workbook(1)))[:2] == (403, "IOTDA.014814")
    client.delete_batch_task_file(m.DeleteBatchTaskFileRequest(file_id=made.file_id))
    told_ = refusal(lambda: client.delete_batch_task_file(m.DeleteBatchTaskFileRequest(file_id=made.file_id)))
    assert told_[:2] == (404, "IOTDA.014600")
    assert len(client.list_batch_task_files(m.ListBatchTaskFilesRequest()).files) == 9


def test_a_form_without_a_file_is_refused(server: Server, key: Key) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    got = ask(server.http, key, "POST", "/batchtask-files", body=form, Content_Type=kind)
    assert told(got) == (400, "IOTDA.000006") and "file" in got.json()["error_msg"]
    got = ask(server.http, key, "POST", "/batchtask-files", body=b"{}")
    assert told(got) == (400, "IOTDA.000008")
    path = f"/v5/iot/{key.project_id}/batchtask-files"
    assert told(send(server.http, "POST", path, {"Content-Type": kind}, form)) == (401, "IOTDA.000002")
    viewer = server.new_key("wire", "viewer", "huawei")
    got = ask(server.http, viewer, "POST", "/batchtask-files", body=form, Content_Type=kind)
    assert told(got) == (403, "IOTDA.000022")
    digest = hashlib.sha256(b"other").hexdigest()
    got = ask(server.http, key, "POST", "/batchtask-files", body=b"{}", X_Sdk_Content_Sha256=digest)
    assert told(got) == (401, "IOTDA.000002")
