"""The unmodified `huaweicloudsdkiotda`, and raw requests that are signed here by its own signer."""

import importlib
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkiotda.v5 import IoTDAClient
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Key, unique

REGION = "here-north-1"
DERIVED = os.environ.get("UPWELL_TEST_HUAWEI_SIGNING") == "v11"  # `make test` runs the operations with each algorithm
OTHER = os.environ.get("UPWELL_TEST_HUAWEI_CLIENT")  # go or java: `make test-clients` runs them by that SDK


def sdk(address: str, key: Key, *, derived: bool = DERIVED, project: bool = True) -> Any:
    """A client as users make it; `derived` signs with V11, without `project` the SDK asks IAM for its id."""
    if OTHER:
        other = importlib.import_module("clients.huawei").OtherIoTDA
        return other(OTHER, address, key, derived=derived, project=project)
    return python(address, key, derived=derived, project=project)


def python(address: str, key: Key, *, derived: bool, project: bool = True) -> Any:
    """The Python SDK, whatever else the tests are run with."""
    credentials = BasicCredentials(key.id, key.secret, key.project_id if project else None)
    if not project:
        credentials = credentials.with_iam_endpoint(f"http://{address}")
    if derived:
        credentials = credentials.with_derived_predicate(BasicCredentials.get_default_derived_predicate())
    builder = IoTDAClient.new_builder().with_credentials(credentials)
    if derived or not project:
        return builder.with_region(Region(REGION, f"http://{address}")).build()
    return builder.with_endpoint(f"http://{address}").build()


def refusal(call: Callable[[], Any]) -> tuple[int, str, str]:
    """Status, code and message of a call that must be refused; it must tell its request id too."""
    try:
        call()
    except ServiceResponseException as exc:
        assert exc.request_id
        return exc.status_code, exc.error_code, exc.error_msg
    raise AssertionError("it was not refused")


def new_product(client: Any, **more: Any) -> str:
    """Its product_id."""
    given = {"name": unique("prod"), "device_type": "Lamp", "protocol_type": "MQTT", "data_format": "json"}
    body = m.AddProduct(**{**given, "service_capabilities": [], **more})
    return str(client.create_product(m.CreateProductRequest(body=body)).product_id)


def new_device(client: Any, product_id: str, **more: Any) -> Any:
    """The answer to its making."""
    body = m.AddDevice(**{"node_id": unique("node"), "product_id": product_id, **more})
    return client.add_device(m.AddDeviceRequest(body=body))


def walked(call: Callable[[int, str | None], Any], items: str, limit: int) -> tuple[list[Any], list[int]]:
    """Every item of a list by its markers, and the count that each page told."""
    found: list[Any] = []
    counts = []
    marker = None
    while True:
        page = call(limit, marker)
        counts.append(page.page.count)
        if not getattr(page, items):
            assert page.page.marker is None
            return found, counts
        found += getattr(page, items)
        marker = page.page.marker
        assert re.fullmatch("[0-9a-f]{24}", marker)


# --- raw requests -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Got:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def signed(
    address: str, key: Key, method: str, path: str, query: list[tuple[str, str]] | None = None, body: bytes = b"",
    **headers: str,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request, signed by the vendor's signer. Underscores in header names stand for hyphens."""
    given = {"Content-Type": "application/json", "Host": address, "User-Agent": "raw/1", "X-Project-Id": key.project_id}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = SdkRequest(method, "http", address, path, None, query or [], given, body)
    return dict(Signer(BasicCredentials(key.id, key.secret, key.project_id)).sign(request).header_params)


def ask(
    address: str, key: Key, method: str, tail: str, query: list[tuple[str, str]] | None = None, body: bytes = b"",
    **headers: str,
) -> "Got":  # fmt: skip
    """A signed request to what follows the project in the path, and its answer."""
    path = f"/v5/iot/{key.project_id}{tail}"
    target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    return send(address, method, target, signed(address, key, method, path, query, body, **headers), body)


def send(address: str, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Got:
    """A raw request and its answer."""
    request = urllib.request.Request(f"http://{address}{target}", body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return Got(status=got.status, headers={k.lower(): v for k, v in got.headers.items()}, body=got.read())
    except urllib.error.HTTPError as exc:
        with exc:
            return Got(status=exc.code, headers={k.lower(): v for k, v in exc.headers.items()}, body=exc.read())
