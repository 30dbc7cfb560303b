"""What several stories begin with, done through the SDK of the story."""

import hashlib
from typing import Any

from acceptance.callers import Call
from acceptance.client import send_form, unique, until, upload_form

IMAGE = bytes(range(256)) * 16
PAGE = {"CurrentPage": 1, "PageSize": 10}


class Ticket:
    """An upload ticket by the names that the upload form takes."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.host, self.key, self.policy, self.signature = (
            data[name] for name in ("Host", "Key", "Policy", "Signature")
        )
        self.ossaccess_key_id = data.get("OSSAccessKeyId") or data["AccessKeyId"]  # alibaba 5.2: other names there
        self.url = data.get("FirmwareUrl") or data["FileUrl"]


def uploaded(call: Call, content: bytes, suffix: str = "bin") -> str:
    """The FirmwareUrl of an uploaded file."""
    ticket = Ticket(call("GenerateOTAUploadURL", FileSuffix=suffix)["Data"])
    return sent(ticket, content)


def sent(ticket: Ticket, content: bytes) -> str:
    """Use the ticket; the URL that it was for."""
    status, text = send_form(ticket.host, upload_form(ticket, content))
    assert status == 200, text
    return str(ticket.url)


def product(call: Call, **more: Any) -> str:
    """The ProductKey of a new product."""
    return str(call("CreateProduct", ProductName=unique("prod"), NodeType=0, **more)["ProductKey"])


def device(call: Call, key: str) -> tuple[str, str]:
    """Name and secret of a new device."""
    made = call("RegisterDevice", ProductKey=key, DeviceName=unique("dev"))["Data"]
    return made["DeviceName"], made["DeviceSecret"]


def package(call: Call, key: str, content: bytes = IMAGE, **more: Any) -> str:
    """The FirmwareId of a new package, which needs no verification unless `more` says so."""
    given = {
        "FirmwareName": unique("fw"),
        "DestVersion": "2.0.0",
        "FirmwareUrl": uploaded(call, content),
        "ProductKey": key,
        "FirmwareSign": hashlib.md5(content).hexdigest(),
        "NeedToVerify": False,
    }
    return str(call("CreateOTAFirmware", **(given | more))["Data"]["FirmwareId"])


def tasks(call: Call, job: str, **more: Any) -> list[dict[str, Any]]:
    """The first tasks of a job."""
    return list(call("ListOTATaskByJob", JobId=job, **PAGE, **more)["Data"]["SimpleOTATaskInfo"])


def states(call: Call, job: str, **wanted: str) -> dict[str, str]:
    """TaskStatus by device, waited for until it is as wanted."""
    got = until(lambda: {row["DeviceName"]: row["TaskStatus"] for row in tasks(call, job)}, lambda now: now == wanted)
    assert got == wanted
    return got
