"""Imports of devices and lists of them told whole, over real sockets: lists with every fault, killed, cancelled."""

import csv
import io
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from acceptance.client import Server, serve, unique, until
from acceptance.device import Device
from acceptance.test_upwell_uploads import again, kill_workers, objects_of
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

CSV, NDJSON = "text/csv", "application/x-ndjson"


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "imports")
    yield asked
    audited(server, asked)


@pytest.fixture
def product(v1: Api) -> str:
    return str(v1.do("create_product", name=unique("lamp"))["id"])


def imported(v1: Api, product: str, text: str | bytes, kind: str = CSV) -> Any:
    """An import that is over."""
    content = text.encode() if isinstance(text, str) else text
    begun = v1.send("create_import", content, product_id=product, kind=kind)
    return until(lambda: v1.do("show_import", import_id=begun["id"]), lambda told: told["status"] != "running", 60)


def devices_of(v1: Api, done: Any) -> list[dict[str, str]]:
    got = v1.ask("GET", f"/v1/imports/{done['id']}/devices")
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    lines = v1.ask("GET", f"/v1/imports/{done['id']}/devices?format=ndjson").text.splitlines()
    found = list(csv.DictReader(io.StringIO(got.text, newline="")))
    assert [json.loads(line) for line in lines] == found
    v1.secrets |= {each["secret"] for each in found}
    return found


def problems(v1: Api, done: Any) -> list[tuple[int, str | None]]:
    found = v1.every("list_import_problems", import_id=done["id"], limit=3)
    assert found[:10] == done.get("first_problems", []) and done["refused"] == len(found)
    assert all(each["problem"] and each["try"] for each in found)
    return [(each["row"], each.get("parameter")) for each in found]


def test_a_list_makes_devices_that_log_in(server: Server, v1: Api, product: str) -> None:
    done = imported(v1, product, "name,id,secret,nickname,tags\r\n"
                    f'eins,{product}x1,a-secret-of-it,"Lamp, ""one""",room=hall;floor=1\r\nzwei,,,,\r\n')  # fmt: skip
    assert (done["status"], done["rows_read"], done["made"], done["refused"]) == ("done", 3, 2, 0)
    first, second = devices_of(v1, done)
    assert first == {"id": f"{product}x1", "name": "eins", "secret": "a-secret-of-it"}
    shown = v1.do("show_device", device_id=first["id"])
    assert (shown["nickname"], shown["tags"]) == ('Lamp, "one"', {"room": "hall", "floor": "1"})
    assert second["id"] == f"{product}_zwei"
    Device(server.mqtt, product, "zwei", second["secret"]).close()
    again_ = imported(v1, product, json.dumps({"name": "eins", "secret": "a-secret-of-it"}), NDJSON)
    assert (again_["made"], again_["existing"], again_["refused"]) == (0, 1, 0) and devices_of(v1, again_) == []
    assert until(lambda: objects_of(server, "imports"), lambda left: not left) == []
    listed = v1.every("list_imports", product_id=product, limit=1)
    assert [each["id"] for each in listed] == [again_["id"], done["id"]]
    assert v1.do("count_devices", product_id=product)["devices"] == 2
    entry = v1.do("list_audit", operation="create_import", limit=1)["items"][0]
    assert entry["ids"] == {"import_id": again_["id"], "product_key": product}


def test_what_is_refused_of_a_row_is_as_of_one_device(v1: Api, product: str) -> None:
    v1.do("create_device", product_id=product, name="gate")
    for name in ("old", "old2", "old3"):
        v1.do("create_device", product_id=product, name=name, id=f"{product}{name}", secret="another-secret")
    rows = [
        {"name": "a", "id": f"{product}a"},
        {"name": "b", "id": f"{product}a"},  # 2: the row before has the id
        {"name": "a"},  # 3: and the name
        {"name": "c", "id": f"{product}old"},  # 4: another device has it
        {"name": "d", "id": f"{product}_e"},
        {"name": "e"},
        {"name": "f", "id": f"{product}_e"},  # 7
        {"name": "old"},  # exists
        {"name": "old2", "secret": "not-that-secret"},  # 9
        {"name": "old3", "id": "other"},  # 10
        {"name": "g", "gateway_id": f"{product}_gate", "tags": {"k": "v"}},
        {"name": "h", "gateway_id": f"{product}_i"},  # 12: behind one that comes later
        {"name": "i"},
        {"name": "j", "gateway_id": f"{product}_g"},
        {"name": "k", "gateway_id": f"{product}_j"},  # 15: one level too many
        {"name": "l", "tags": {f"k{n}": "x" * 120 for n in range(60)}},  # 16: too much text
        {"name": "m", "nickname": ""},  # 17
        {"name": "n", "secret": "short"},  # 18
        {"name": "o", "product_id": "another"},  # 19
    ]
    done = imported(v1, product, "\n".join(map(json.dumps, rows)), NDJSON)
    assert problems(v1, done) == [
        (2, "id"), (3, "name"), (4, None), (7, "id"), (9, None), (10, None), (12, None), (15, None), (16, "tags"),
        (17, "nickname"), (18, "secret"), (19, "product_id"),
    ]  # fmt: skip
    assert [each["name"] for each in devices_of(v1, done)] == ["a", "d", "e", "g", "i", "j"]
    assert (done["made"], done["existing"]) == (6, 1)
    shown = v1.do("show_device", device_id=f"{product}_g")
    assert (shown["gateway_id"], shown["tags"]) == (f"{product}_gate", {"k": "v"})
    said = {each["row"]: each["problem"] for each in v1.every("list_import_problems", import_id=done["id"])}
    assert said[4] == v1.refused("create_device", product_id=product, name="c", id=f"{product}old").told["detail"]


def test_a_list_that_is_none_is_refused_by_name_and_nothing_is_kept(server: Server, v1: Api, product: str) -> None:
    for content, kind, code, parameter in (
        (b"nmae,id\na,b\n", CSV, "unknown-name", "nmae"),
        (b"id\nb\n", CSV, "missing-value", "name"),
        (b"name,name\na,b\n", CSV, "invalid-value", "name"),
        (b"", CSV, "invalid-value", "body"),
        (b"name," + b"x" * 70_000, CSV, "invalid-value", "body"),
        (b"[]", NDJSON, "invalid-value", "body"),
        (b"name\na\n", "text/plain", "invalid-value", "Content-Type"),
        (b"name," + b"x" * 5000, CSV, "unknown-name", "x" * 77 + "..."),
        (b"name\n" + b"\n" * 1_000_001, CSV, "invalid-value", "body"),
    ):
        refused = v1.refused_of("create_import", content, kind=kind, product_id=product)
        assert (refused.code, refused.error["parameter"]) == (code, parameter)
    assert v1.refused_of("create_import", b"name\na\n", product_id="nobody").code == "not-found"
    assert v1.every("list_imports", product_id=product) == []
    other, viewer = api(server, "imports-other"), api(server, "imports", "viewer")
    done = imported(v1, product, "name\na\n")
    for name in ("show_import", "cancel_import", "list_import_problems"):
        assert other.refused(name, import_id=done["id"]).code == "not-found"
    assert other.ask("GET", f"/v1/imports/{done['id']}/devices").status_code == 404
    assert viewer.ask("GET", f"/v1/imports/{done['id']}/devices").status_code == 403
    assert viewer.do("show_import", import_id=done["id"])["made"] == 1
    assert v1.refused("cancel_import", import_id=done["id"]).code == "import-is-over"


@pytest.mark.slow
def test_a_killed_server_goes_on_and_makes_nothing_twice() -> None:
    with serve("--workers", "2") as server:
        v1 = api(server, "default")
        product = v1.do("create_product", name="lamp")["id"]
        rows = 15_000
        text = "name\n" + "".join(f"lamp-{number}\n" for number in range(rows)) + "lamp-7\n"
        begun = v1.send("create_import", text.encode(), product_id=product)

        def told() -> Any:
            return again(lambda: v1.do("show_import", import_id=begun["id"]))

        under_way = until(told, lambda shown: shown["made"] > 0)
        assert under_way["status"] == "running"
        kill_workers(server)
        done = until(told, lambda shown: shown["status"] != "running", 90)
        assert (done["status"], done["made"], done["existing"], done["refused"]) == ("done", rows, 0, 1)
        assert done["first_problems"][0]["row"] == rows + 2 and "row 9 " in done["first_problems"][0]["problem"]
        assert v1.do("count_devices", product_id=product)["devices"] == rows
        made = devices_of(v1, done)
        assert [each["name"] for each in made] == [f"lamp-{number}" for number in range(rows)]
        assert len({each["secret"] for each in made}) == rows
        in_constant_pieces(server, v1, product, rows)


def in_constant_pieces(server: Server, v1: Api, product: str, rows: int) -> None:
    """All devices in one answer, also to who reads slowly; it holds no connection of the database meanwhile."""
    text = v1.ask("GET", f"/v1/devices/export?product_id={product}").text
    exported = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len({each["id"] for each in exported}) == len(exported) == rows and "secret" not in exported[0]
    host, _, port = server.http.rpartition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(8)]
    head = f"GET /v1/devices/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {v1.token}\r\n\r\n".encode()
    for wire in slow:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.sendall(head)
    time.sleep(0.5)
    assert v1.do("show_product", product_id=product)["id"] == product
    for wire in slow:
        wire.close()


def test_it_can_be_cancelled_and_what_was_made_stays(v1: Api, product: str) -> None:
    text = "name\n" + "".join(f"lamp-{number}\n" for number in range(20_000))
    begun = v1.send("create_import", text.encode(), product_id=product)
    ended = v1.do("cancel_import", import_id=begun["id"])
    assert ended["status"] == "canceled" and ended["made"] < 20_000
    time.sleep(0.5)
    assert v1.do("show_import", import_id=begun["id"]) == ended
    assert v1.do("count_devices", product_id=product)["devices"] == ended["made"] == len(devices_of(v1, ended))


def test_an_export_has_what_the_list_has_and_no_formula(v1: Api, product: str) -> None:
    v1.do("create_device", product_id=product, name="-1", nickname="=1+1")
    v1.do("create_device", product_id=product, name="b", description='two\nlines, and "quotes"')
    v1.do("set_device_tags", device_id=f"{product}_b", tags={"room": "hall"})
    listed = v1.every("list_devices", product_id=product)
    lines = v1.ask("GET", f"/v1/devices/export?product_id={product}&format=ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    got = v1.ask("GET", f"/v1/devices/export?product_id={product}&format=csv")
    b, first = csv.DictReader(io.StringIO(got.text, newline=""))
    assert (first["name"], first["nickname"], b["description"]) == ("-1", "'=1+1", 'two\nlines, and "quotes"')
    assert b["tags"] == "room=hall" and first["enabled"] == "true"
    assert v1.ask("HEAD", f"/v1/devices/export?product_id={product}").headers["content-type"].startswith("text/csv")
    only = v1.ask("GET", f"/v1/devices/export?product_id={product}&tag_key=room&format=ndjson").text
    assert json.loads(only)["name"] == "b"
    for wrong in ("format=xml", "limit=5", "prodct_id=x", "product_id=nobody"):
        assert v1.ask("GET", f"/v1/devices/export?{wrong}").status_code in (400, 404)
    copied = v1.do("create_product", name=unique("copy"))["id"]
    table = io.StringIO()
    out = csv.DictWriter(table, ["name", "nickname", "description", "tags"], extrasaction="ignore")
    out.writeheader()
    out.writerows([first, b])
    assert imported(v1, copied, table.getvalue())["made"] == 2
    assert v1.do("show_device", device_id=f"{copied}_-1")["nickname"] == "=1+1"
    assert httpx.get(f"http://{v1.address}/v1/devices/export").status_code == 401
