"""Uploads in parts over real sockets: cut by resets, killed, sent again, refused by name; what is whole is served."""

import base64
import contextlib
import hashlib
import os
import random
import signal
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.client import Server, serve, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

PART = 64 * 1024
IMAGE = random.Random(27).randbytes(5 * PART + 1234)


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "parts")
    yield asked
    audited(server, asked)


def begun(v1: Api, image: bytes = IMAGE, **more: Any) -> Any:
    return v1.do("create_upload", size=len(image), part_size=PART, **more)


def put(v1: Api, upload: str, number: int, image: bytes = IMAGE, **more: Any) -> Any:
    part = image[(number - 1) * PART : number * PART]
    return v1.send("put_upload_part", part, upload_id=upload, number=number, **more)


def received(v1: Api, upload: str) -> list[int]:
    return [part["number"] for part in v1.do("show_upload", upload_id=upload)["received"]]


def completed(v1: Api, upload: str, **more: Any) -> Any:
    v1.do("complete_upload", upload_id=upload, **more)
    return until(lambda: v1.do("show_upload", upload_id=upload), lambda told: told["status"] != "checking")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cut(server: Server, v1: Api, upload: str, number: int, sent: int, announced: int = PART) -> None:
    """Send the beginning of a part, and reset the connection once it is being stored."""
    host, _, port = v1.address.rpartition(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        head = (
            f"PUT /v1/uploads/{upload}/parts/{number} HTTP/1.1\r\nHost: {v1.address}\r\n"
            f"Authorization: Bearer {v1.token}\r\nContent-Length: {announced}\r\n\r\n"
        )
        wire.sendall(head.encode() + IMAGE[:sent])
        assert until(lambda: objects_of(server, ".incoming"), bool)


def objects_of(server: Server, *below: str) -> list[Path]:
    return [path for path in (server.data_dir / "objects").joinpath(*below).rglob("*") if path.is_file()]


def test_a_file_in_parts_in_any_order_serves_a_package_and_a_device(server: Server, v1: Api) -> None:
    upload = begun(v1, name="lamp 2.0", sha256=sha256(IMAGE))
    assert (upload["status"], upload["received"], upload["parts_total"]) == ("open", [], 6)
    for number in (6, 2, 1, 5, 3, 4):
        told = put(v1, upload["id"], number)
        assert told == {"number": number, "size": PART if number < 6 else 1234,
                        "sha256": sha256(IMAGE[(number - 1) * PART : number * PART])}  # fmt: skip
    done = completed(v1, upload["id"])
    assert (done["status"], done["sha256"], done["size"]) == ("complete", sha256(IMAGE), len(IMAGE))
    assert done["md5"] == hashlib.md5(IMAGE).hexdigest()
    assert v1.do("complete_upload", upload_id=upload["id"], sha256=sha256(IMAGE).upper())["status"] == "complete"
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = v1.do("create_package", name=unique("fw"), version="2", product_id=product, verify=False,
                 upload_id=upload["id"], sha256=sha256(IMAGE))  # fmt: skip
    assert (made["size"], made["md5"]) == (len(IMAGE), done["md5"])
    device = v1.do("create_device", product_id=product, name="lamp-1")
    v1.do("create_rollout", kind="static", package_id=made["id"], product_id=product, targets={"all": True})
    with contextlib.closing(Device(server.mqtt, product, "lamp-1", device["secret"])) as lamp:
        lamp.inform("1")
        assert sha256(httpx.get(lamp.offered()["url"]).content) == sha256(IMAGE)
    again = {"name": unique("fw"), "version": "3", "product_id": product, "upload_id": upload["id"]}
    assert v1.refused("create_package", **again).code == "file-used"


def test_several_files_by_ticket_and_in_parts(v1: Api) -> None:
    upload = begun(v1, b"short")
    put(v1, upload["id"], 1, b"short")
    files = [{"name": "a", "upload_id": upload["id"]}, {"name": "b", "upload_url": v1.upload(b"by form")}]
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = {"name": unique("fw"), "version": "2", "product_id": product, "files": files}
    assert v1.refused("create_package", **package).code == "upload-not-complete"
    assert completed(v1, upload["id"])["status"] == "complete"
    told = v1.do("create_package", **package)["files"]
    assert [(file["name"], file["size"]) for file in told] == [("a", 5), ("b", 7)]
    for wrong in ({"name": "a"}, {"name": "a", "upload_url": "u", "upload_id": upload["id"]}):
        assert v1.refused("create_package", **package | {"files": [wrong]}).error["parameter"] == "files[0]"


def test_a_reset_leaves_nothing_of_the_part_and_all_others(server: Server, v1: Api) -> None:
    upload = begun(v1)["id"]
    put(v1, upload, 1)
    put(v1, upload, 3)
    stored = objects_of(server, "parts")
    for _ in range(2):
        cut(server, v1, upload, 2, PART // 2)
        until(lambda: objects_of(server, ".incoming"), lambda left: not left)
    v1.refusals["put_upload_part", "invalid-value"] += 2
    assert received(v1, upload) == [1, 3] and objects_of(server, "parts") == stored
    refused = v1.refused("complete_upload", upload_id=upload)
    assert refused.code == "upload-lacks-parts" and "2, 4, 5, 6 of 6" in refused.told["detail"]
    for number in (2, 4, 5, 6):
        put(v1, upload, number)
    assert completed(v1, upload)["sha256"] == sha256(IMAGE)


def test_a_part_sent_again_takes_the_place_of_the_first(server: Server, v1: Api) -> None:
    upload = begun(v1, sha256=sha256(IMAGE))["id"]
    wrong = bytes(PART)
    v1.send("put_upload_part", wrong, upload_id=upload, number=1)
    with ThreadPoolExecutor(4) as senders:  # of those at once one counts
        list(senders.map(lambda _: put(v1, upload, 1), range(4)))
    for number in range(2, 7):
        put(v1, upload, number)
    mine = [path for path in objects_of(server, "parts") if upload.removeprefix("upl_") in str(path)]
    assert len(mine) == 6
    assert completed(v1, upload)["status"] == "complete"


def test_another_digest_than_was_said_fails_by_name(v1: Api) -> None:
    upload = begun(v1, b"bytes", sha256=sha256(b"other"))["id"]
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(b"other").digest()).decode() + ":"
    refused = v1.refused_of("put_upload_part", b"bytes", upload_id=upload, number=1, headers={"Content-Digest": digest})
    assert refused.error["parameter"] == "Content-Digest" and sha256(b"bytes") in refused.error["problem"]
    assert received(v1, upload) == []
    right = digest.replace(digest[9:-1], base64.b64encode(hashlib.sha256(b"bytes").digest()).decode())
    put(v1, upload, 1, b"bytes", headers={"Content-Digest": right})
    assert v1.refused("complete_upload", upload_id=upload, sha256=sha256(b"third")).error["parameter"] == "sha256"
    done = completed(v1, upload)
    assert done["status"] == "failed" and sha256(b"bytes") in done["problem"] and "md5" not in done
    assert v1.refused_of("put_upload_part", b"bytes", upload_id=upload, number=1).code == "upload-not-open"
    v1.do("delete_upload", upload_id=upload)
    assert v1.refused("show_upload", upload_id=upload).code == "not-found"


def test_what_is_wrong_is_refused_by_name(server: Server, v1: Api) -> None:
    upload = begun(v1)["id"]
    which = {"upload_id": upload, "number": 2}
    for content, more, parameter in (
        (b"short", which, "Content-Length"),
        (IMAGE[:PART], which | {"number": 7}, "number"),
        (IMAGE[:PART], which | {"number": 0}, "number"),
        (IMAGE[:PART], which | {"number": "first"}, "number"),
        (IMAGE[:PART], which | {"headers": {"Content-Digest": "sha-512=:aa:"}}, "Content-Digest"),
    ):
        assert v1.refused_of("put_upload_part", content, **more).error["parameter"] == parameter
    for content in (IMAGE[:PART], IMAGE[: PART - 1], IMAGE[: PART + 1]):  # nobody says how many come
        got = v1.ask("PUT", f"/v1/uploads/{upload}/parts/2", content=iter([content]))
        assert got.json()["errors"][0]["parameter"] == "Content-Length" and got.status_code == 400
    other = api(server, "parts-other")
    assert other.refused_of("put_upload_part", IMAGE[:PART], **which).code == "not-found"
    for name in ("show_upload", "complete_upload", "delete_upload"):
        assert other.refused(name, upload_id=upload).code == "not-found"
    assert api(server, "parts", "viewer").refused_of("put_upload_part", IMAGE[:PART], **which).code == "not-allowed"
    assert received(v1, upload) == []
    for given, parameter in (
        ({"size": 0}, "size"), ({"size": 2**32}, "size"), ({"size": 5, "part_size": 5}, "part_size"),
        ({"part_size": PART}, "size"), ({"size": 5, "suffix": "bin"}, "suffix"), ({"size": 5, "sha256": "x"}, "sha256"),
    ):  # fmt: skip
        assert v1.refused("create_upload", **given).error["parameter"] == parameter
    large = v1.do("create_upload", size=2_000_000_000, part_size=PART)
    assert large["parts_total"] == 10_000 and large["part_size"] == 200_000
    for each in (upload, large["id"]):
        v1.do("delete_upload", upload_id=each)


def test_open_uploads_of_an_account_are_bounded(server: Server) -> None:
    v1 = api(server, "parts-many")
    ids = [v1.do("create_upload", size=5)["id"] for _ in range(20)]
    assert v1.refused("create_upload", size=5).code == "limit-reached"
    v1.do("delete_upload", upload_id=ids[0])
    v1.do("create_upload", size=5)


def test_a_killed_server_keeps_the_finished_parts_and_goes_on() -> None:
    with serve("--workers", "2") as server:
        v1 = api(server, "default")
        upload = begun(v1, sha256=sha256(IMAGE))["id"]
        put(v1, upload, 1)
        put(v1, upload, 2)
        kill_workers(server)
        assert again(lambda: received(v1, upload)) == [1, 2]
        for number in range(3, 7):
            put(v1, upload, number)
        v1.do("complete_upload", upload_id=upload)
        kill_workers(server)  # whether it was put together by then or not

        def told() -> Any:
            return again(lambda: v1.do("show_upload", upload_id=upload))

        done = until(told, lambda shown: shown["status"] != "checking", 60)
        assert (done["status"], done["sha256"]) == ("complete", sha256(IMAGE))


def again(ask: Any) -> Any:
    """What it gives, once somebody answers."""

    def tried() -> Any:
        try:
            return ask()
        except httpx.TransportError:
            return None

    return until(tried, lambda given: given is not None, 60)


def kill_workers(server: Server) -> None:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    serving = [int(child) for child in children if b"postgres" not in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(serving) == 2
    for child in serving:
        os.kill(child, signal.SIGKILL)
