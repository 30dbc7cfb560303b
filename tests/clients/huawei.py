"""Huawei's Go SDK behind the methods and models of its Python SDK, so that the tests of the one are those of the other:
what Python's request holds is put into Go's, and what Go's response holds into Python's.
"""

import atexit
import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkError
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkcore.utils.http_utils import sanitize_for_serialization
from huaweicloudsdkiotda.v5 import IoTDAClient

from acceptance.client import Key
from clients.bridge import Bridge
from clients.comparing import differences

CALLED = "UPWELL_TEST_CALLED"  # names a file that gets a line for each operation called


@cache
def running() -> Bridge:
    """The program, one for each process of the tests."""
    bridge = Bridge("go-huawei")
    atexit.register(bridge.close)
    return bridge


class GoIoTDA:
    """One client. Any method of IoTDAClient, with its request."""

    def __init__(self, address: str, key: Key, *, derived: bool) -> None:
        self._given = {"endpoint": address, "id": key.id, "secret": key.secret, "project": key.project_id}
        self._derived = derived
        self._models = IoTDAClient()

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda request: self._call(name, request)

    def _call(self, name: str, request: Any) -> Any:
        """Python's response, of what Go's holds. Raises the Python SDK's exception for a refusal."""
        method = re.sub("(^|_)(.)", lambda found: found[2].upper(), name)
        told = running().ask(method, given=_given(request), derived=self._derived, **self._given)
        _note(name)
        if "refused" in told:
            refused = told["refused"]
            error = SdkError(refused["request"], refused["code"], refused["message"])
            raise ClientRequestException(refused["status"], error)
        found = list(differences(told.get("sent", {}), told["held"]))
        assert not found, (method, found)
        response = self._models._deserialize(told["held"], f"{method}Response")
        response.status_code, response.raw_content = told["status"], json.dumps(told.get("sent")).encode()
        return response


def _given(value: Any) -> Any:
    """A request as JSON; a file is its path."""
    plain = sanitize_for_serialization(value)
    if isinstance(body := plain.get("body"), dict):
        plain["body"] = {n: v.abs_path if isinstance(v, FormFile) else v for n, v in body.items()}
    return plain


def _note(name: str) -> None:
    if CALLED in os.environ:
        with Path(os.environ[CALLED]).open("a") as file:
            file.write(f"{name}\n")
