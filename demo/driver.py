"""The operator's side of the demo: the unmodified `alibabacloud_iot20180120` SDK and one upload form.

It knows nothing of Upwell beyond the address: each call is one that works against Alibaba Cloud. Every method blocks,
and raises DemoError for an answer that is not a success.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config

CONNECT_TIMEOUT_MS, READ_TIMEOUT_MS = 30_000, 120_000  # a slow machine is no fault; see stall.py
PAGE_SIZE = 50
PAGES_PAUSE_S = 0.15  # alibaba 2.0: ListOTATaskByJob ten times a second and no more
STATES = ("QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED")


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def checked(action: str, body: Any) -> Any:
    """The body of a successful answer."""
    if not body.success:
        raise DemoError(f"{action}: {body.code} {body.error_message}")
    return body


def upload_form(fields: dict[str, str], image: bytes) -> tuple[bytes, str]:
    """A browser's upload form as (body, content type); the file comes last, as PostObject wants it."""
    boundary = f"upwell-demo-{secrets.token_hex(16)}"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="image.bin"\r\n\r\n'
    body = (head + file).encode() + image + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


class Operator:
    """One access key at work on one product."""

    def __init__(self, endpoint: str, key_id: str, key_secret: str) -> None:
        self._client = Client(
            Config(
                access_key_id=key_id,
                access_key_secret=key_secret,
                endpoint=endpoint,
                protocol="HTTP",
                connect_timeout=CONNECT_TIMEOUT_MS,
                read_timeout=READ_TIMEOUT_MS,
            )
        )
        self._pages_at = 0.0

    def create_product(self, name: str) -> str:
        """Returns the product key."""
        request = models.CreateProductRequest(product_name=name, node_type=0)
        body = checked("CreateProduct", self._client.create_product(request).body)
        return str(body.data.product_key)

    def register(self, product_key: str, count: int) -> list[tuple[str, str]]:
        """Register `count` devices; returns their (name, secret)."""
        request = models.BatchRegisterDeviceRequest(product_key=product_key, count=count)
        body = checked("BatchRegisterDevice", self._client.batch_register_device(request).body)
        devices = list(self._registered(str(body.data.apply_id), count))
        if len(devices) != count:
            raise DemoError(f"QueryPageByApplyId: {len(devices)} devices, {count} were asked for")
        return devices

    def _registered(self, apply_id: str, count: int) -> Iterator[tuple[str, str]]:
        for page in range(1, -(-count // PAGE_SIZE) + 1):
            request = models.QueryPageByApplyIdRequest(apply_id=apply_id, current_page=page, page_size=PAGE_SIZE)
            body = checked("QueryPageByApplyId", self._client.query_page_by_apply_id(request).body)
            for device in body.apply_device_list.apply_device_info:
                yield device.device_name, device.device_secret

    def upload(self, image: bytes) -> str:
        """Returns the URL to name in CreateOTAFirmware."""
        request = models.GenerateOTAUploadURLRequest(file_suffix="bin")
        ticket = checked("GenerateOTAUploadURL", self._client.generate_otaupload_url(request).body).data
        fields = {
            "key": ticket.key,
            "policy": ticket.policy,
            "OSSAccessKeyId": ticket.ossaccess_key_id,
            "signature": ticket.signature,
            "success_action_status": "200",
        }
        if not ticket.host.startswith(("http://", "https://")):
            raise DemoError(f"GenerateOTAUploadURL: host {ticket.host!r} is no URL")
        body, content_type = upload_form(fields, image)
        post = urllib.request.Request(f"{ticket.host}/", data=body, headers={"Content-Type": content_type})
        with urllib.request.urlopen(post, timeout=READ_TIMEOUT_MS / 1000) as answer:
            answer.read()
        return str(ticket.firmware_url)

    def create_firmware(self, product_key: str, name: str, version: str, url: str, image: bytes) -> str:
        """Returns the firmware id."""
        request = models.CreateOTAFirmwareRequest(
            firmware_name=name,
            dest_version=version,
            firmware_url=url,
            product_key=product_key,
            firmware_sign=hashlib.md5(image, usedforsecurity=False).hexdigest(),
            sign_method="MD5",
            firmware_size=len(image),
        )
        return str(checked("CreateOTAFirmware", self._client.create_otafirmware(request).body).data.firmware_id)

    def verify(self, product_key: str, firmware_id: str, names: list[str]) -> str:
        """Start the verify job; returns its id."""
        request = models.CreateOTAVerifyJobRequest(
            firmware_id=firmware_id, product_key=product_key, target_device_name=names
        )
        return str(checked("CreateOTAVerifyJob", self._client.create_otaverify_job(request).body).data.job_id)

    def firmware_status(self, firmware_id: str) -> int:
        request = models.QueryOTAFirmwareRequest(firmware_id=firmware_id)
        return int(checked("QueryOTAFirmware", self._client.query_otafirmware(request).body).firmware_info.status)

    def roll_out(self, product_key: str, firmware_id: str, per_minute: int, timeout_min: int) -> str:
        """Start the static job for all devices; returns its id."""
        request = models.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware_id,
            product_key=product_key,
            target_selection="ALL",
            maximum_per_minute=per_minute,
            timeout_in_minutes=timeout_min,
        )
        body = checked("CreateOTAStaticUpgradeJob", self._client.create_otastatic_upgrade_job(request).body)
        return str(body.data.job_id)

    def job_status(self, job_id: str) -> str:
        request = models.QueryOTAJobRequest(job_id=job_id)
        return str(checked("QueryOTAJob", self._client.query_otajob(request).body).data.job_status)

    def counts(self, job_id: str) -> dict[str, int]:
        """Tasks by state."""
        return {state: int(self._task_page(job_id, 1, 1, state).total) for state in STATES}

    def tasks(self, job_id: str) -> list[Any]:
        """Every task of the job, as the SDK's SimpleOTATaskInfo."""
        found: list[Any] = []
        page = total = 1
        while len(found) < total:
            body = self._task_page(job_id, page, PAGE_SIZE)
            rows = body.data.simple_otatask_info if body.data else []
            if not rows:
                break
            found += rows
            total, page = int(body.total), page + 1
        return found

    def _task_page(self, job_id: str, page: int, size: int, state: str | None = None) -> Any:
        time.sleep(max(0.0, self._pages_at + PAGES_PAUSE_S - time.monotonic()))
        self._pages_at = time.monotonic()
        request = models.ListOTATaskByJobRequest(job_id=job_id, current_page=page, page_size=size, task_status=state)
        return checked("ListOTATaskByJob", self._client.list_otatask_by_job(request).body)
