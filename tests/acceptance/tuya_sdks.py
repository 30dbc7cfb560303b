"""Tuya's management API by SDKs that others wrote: its vendor has none for it, and signs as Alibaba does, so Alibaba's
untyped clients, unmodified, sign for it. They send what Tuya's own examples leave out, Version above all, and sign it.
"""

import warnings
from contextlib import closing
from typing import Any

from alibabacloud_tea_openapi import models
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_util.models import RuntimeOptions
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from acceptance.tuya_client import Given, Told, TuyaClient, flattened, told

VERSION = "2022-01-01"


class CoreClient(TuyaClient):
    """`aliyun-python-sdk-core`, by its CommonRequest."""

    def ask(self, action: str, given: Given | None = None, **more: Any) -> Told:
        request = CommonRequest(domain=self.address, version=VERSION, action_name=action, product="Iot")
        request.set_protocol_type("http")
        request.set_method(self.method)
        add = request.add_body_params if self.method == "POST" else request.add_query_param
        for name, value in flattened((given or {}) | more).items():
            add(name, value)
        acs = AcsClient(self.key.id, self.key.secret, "cn-shanghai", auto_retry=False)
        with closing(acs.session), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's of its only way to an answer's status
            status, headers, body = acs.get_response(request)
        return told(status, headers["content-type"], body)


class TeaClient(TuyaClient):
    """`alibabacloud-tea-openapi`, by HMAC-SHA1. It holds what it read, not the bytes; of a gateway's refusal it raises
    what it has."""

    def ask(self, action: str, given: Given | None = None, **more: Any) -> Told:
        config = models.Config(
            access_key_id=self.key.id, access_key_secret=self.key.secret, endpoint=self.address, protocol="HTTP",
            signature_algorithm="v2",
        )  # fmt: skip
        params = models.Params(
            action=action, version=VERSION, protocol="HTTP", method=self.method, auth_type="AK", style="RPC",
            pathname="/", req_body_type="formData", body_type="json",
        )  # fmt: skip
        flat = flattened((given or {}) | more)
        request = models.OpenApiRequest(body=flat) if self.method == "POST" else models.OpenApiRequest(query=flat)
        got = Client(config).call_api(params, request, RuntimeOptions(autoretry=False))
        return Told(status=got["statusCode"], content_type=got["headers"]["content-type"], body=got["body"])


CALLERS: dict[str, tuple[type[TuyaClient], str]] = {
    "GET": (TuyaClient, "GET"),
    "POST": (TuyaClient, "POST"),
    "core-GET": (CoreClient, "GET"),
    "core-POST": (CoreClient, "POST"),
    "tea-GET": (TeaClient, "GET"),
    "tea-POST": (TeaClient, "POST"),
}
