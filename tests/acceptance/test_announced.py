"""Issue 9, number 30: what is announced too large is refused from its header, at every door that takes a body, in the
door's own words; and an upload whose answer was lost is answered again."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Server, create_package, new_product, send_form, upload_form

MANY = 2_000_000_000
FORM = "multipart/form-data; boundary=b"


@contextmanager
def asked(server: Server, line: str, kind: str, *more: str) -> Iterator[tuple[int, dict[str, str], bytes]]:
    """The answer to a head that announces MANY bytes, of which none is sent."""
    host, _, port = server.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        head = [f"{line} HTTP/1.1", f"Host: {server.http}", f"Content-Type: {kind}", f"Content-Length: {MANY}", *more]
        link.sendall("\r\n".join([*head, "", ""]).encode())
        with link.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            headers: dict[str, str] = {}
            while line := answer.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            yield status, headers, answer.read(int(headers["content-length"]))


@pytest.mark.parametrize("expects", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize(
    ("line", "kind", "status", "says"),
    [
        ("POST /", FORM, 400, b"<Code>EntityTooLarge</Code>"),
        ("POST /?Version=2018-01-20", "application/x-www-form-urlencoded", 400, b'"Code":"InvalidParameter"'),
        ("POST /", "application/x-www-form-urlencoded", 400, b'"code":"'),
        ("POST /v5/iot/0/devices", "application/json", 400, b'"error_code":"IOTDA.'),
        ("PUT /v5/iot/0/products/p", "application/json", 400, b'"error_code":"IOTDA.'),
        ("POST /v5/iot/0/batchtask-files", FORM, 400, b'"error_code":"IOTDA.'),
        ("POST /v3/auth/tokens", "application/json", 400, b'"error"'),
        ("POST /auth/register/device", "application/x-www-form-urlencoded", 200, b'"code":460'),
    ],
)
def test_every_door_refuses_from_the_header(
    server: Server, line: str, kind: str, status: int, says: bytes, expects: tuple[str, ...]
) -> None:
    with asked(server, line, kind, *expects) as (told, headers, body):
        assert (told, says in body) == (status, True), body
        assert headers["connection"] == "close"


def test_a_lost_answer_is_given_again(sdk: Client) -> None:
    """The package is made of the one file, and after that the upload is answered still."""
    image, key = b"firmware" * 10_000, new_product(sdk)
    ticket: Any = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    form = upload_form(ticket, image)
    assert send_form(ticket.host, form) == send_form(ticket.host, form) == (200, "")
    status, text = send_form(ticket.host, upload_form(ticket, image + b"x"))
    assert status == 403 and "<Code>AccessDenied</Code>" in text and "used for other bytes" in text
    body = create_package(sdk, key, ticket.firmware_url, image)
    assert body.success, json.dumps(body.to_map())
    assert send_form(ticket.host, form) == (200, "")
