"""A Tuya management client of the test's own: signs by the reference's text, GET or POST, shares nothing with the
server. Uploads are the OSS form that GenerateOTAUploadURL's answer describes.
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from acceptance.client import BOUNDARY, Key, send_form, unique

Given = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer."""

    status: int
    content_type: str
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body["code"])

    @property
    def data(self) -> Any:
        return self.body["data"]


@dataclass(frozen=True, kw_only=True)
class TuyaClient:
    """One access key at one address. `tail` is what follows the secret in the signing key."""

    address: str
    key: Key
    method: str = "GET"
    tail: str = "&"

    def ask(self, action: str, given: Given | None = None, **more: Any) -> Told:
        """One request, signed; lists become `Name.1`, `Name.2`."""
        return self.send(self.signed({"Action": action} | (given or {}) | more))

    def do(self, action: str, given: Given | None = None, **more: Any) -> dict[str, Any]:
        """The whole answer of a request that must succeed."""
        told = self.ask(action, given, **more)
        assert (told.status, told.code, told.body["success"]) == (200, "", True), (action, told)
        assert "errorMessage" not in told.body
        assert told.content_type == "application/json;charset=utf-8"
        assert str(uuid.UUID(told.body["requestId"])) == told.body["requestId"]
        return told.body

    def signed(self, given: Given) -> dict[str, str]:
        """The parameters of a request with the six common ones."""
        flat: dict[str, str] = {
            "AccessKeyId": self.key.id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": uuid.uuid4().hex,
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        flat |= flattened(given)
        pairs = "&".join(f"{_quoted(name)}={_quoted(flat[name])}" for name in sorted(flat))
        text = f"{self.method}&%2F&{_quoted(pairs)}"
        digest = hmac.new(f"{self.key.secret}{self.tail}".encode(), text.encode(), hashlib.sha1).digest()
        return flat | {"Signature": base64.b64encode(digest).decode()}

    def send(self, flat: dict[str, str]) -> Told:
        """The parameters as they are."""
        wire = urlencode(flat, quote_via=quote)
        base = f"http://{self.address}/"
        if self.method == "GET":
            request = urllib.request.Request(f"{base}?{wire}")
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            request = urllib.request.Request(base, data=wire.encode(), headers=kind, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as got:
                return told(got.status, got.headers["content-type"], got.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return told(exc.code, exc.headers["content-type"], exc.read())

    # --- what most tests need first ---

    def new_product(self, **more: Any) -> str:
        """Its ProductKey."""
        return str(self.do("CreateProduct", ProductName=unique("p"), NodeType=0, **more)["productKey"])

    def new_device(self, product_key: str) -> tuple[str, str]:
        """Its name and secret."""
        made = self.do("RegisterDevice", ProductKey=product_key, DeviceName=unique("d"))["data"]
        return made["deviceName"], made["deviceSecret"]

    def upload(self, image: bytes, suffix: str = "bin") -> str:
        """The image's FirmwareUrl."""
        ticket = self.do("GenerateOTAUploadURL", FileSuffix=suffix)["data"]
        assert ticket["objectStorage"] == "OSS"
        fields = {"key": ticket["key"], "policy": ticket["policy"], "OSSAccessKeyId": ticket["ossAccessKeyId"]}
        fields |= {"Signature": ticket["signature"], "success_action_status": "200"}
        form = b""
        for name, value in fields.items():
            form += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        form += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'.encode() + image
        status, text = send_form(ticket["host"], form + f"\r\n--{BOUNDARY}--\r\n".encode())
        assert status == 200, text
        return str(ticket["firmwareUrl"])

    def new_package(self, product_key: str, image: bytes, **more: Any) -> str:
        """Its FirmwareId; ready for upgrade jobs unless NeedToVerify says otherwise."""
        given: Given = {"FirmwareName": unique("fw"), "DestVersion": "2.0.0", "NeedToVerify": "false"}
        given |= {"ProductKey": product_key, "FirmwareUrl": self.upload(image)}
        return str(self.do("CreateOTAFirmware", given | more)["data"]["firmwareId"])

    def tasks(self, job_id: str, **more: Any) -> list[dict[str, Any]]:
        """Up to 100 tasks of a job."""
        return list(self.do("ListOTATaskByJob", JobId=job_id, CurrentPage=1, PageSize=100, **more)["data"])


def flattened(given: Given) -> dict[str, str]:
    """The parameters as they are named on the wire."""
    flat: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            flat |= {f"{name}.{place}": str(each) for place, each in enumerate(value, 1)}
        else:
            flat[name] = str(value)
    return flat


def told(status: int, content_type: str, body: bytes) -> Told:
    """An answer as it came."""
    return Told(status=status, content_type=content_type, body=json.loads(body))


def _quoted(text: str) -> str:
    return quote(text.encode(), safe="-_.~")
