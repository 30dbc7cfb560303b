"""Huawei's SDK of another language behind the methods and models of its Python SDK, so that the tests of the one are
those of the other: what Python's request holds is put into the other's, and what its response holds into Python's.
"""

import atexit
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkError
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkcore.utils.http_utils import sanitize_for_serialization
from huaweicloudsdkiotda.v5 import IoTDAClient

from acceptance.client import Key
from acceptance.huawei_client import python
from clients.bridge import Bridge
from clients.comparing import differences

CALLED = "UPWELL_TEST_CALLED"  # names a file that gets a line for each operation called
INITIAL = {"go": str.upper, "java": str.lower}  # of a method's name


@dataclass(frozen=True, kw_only=True)
class Lacks:
    """What an SDK can't ask, which the Python SDK then does, and the members of answers that it has no place for."""

    operations: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()


MODULES = ("create_ota_module", "list_ota_modules", "show_ota_module", "update_ota_module", "delete_ota_module")
LACKS = {
    "go": Lacks(),
    # The newest in Maven Central is older than the others: it knows no modules and no confirmation.
    "java": Lacks(
        operations=frozenset({*MODULES, "confirm_batch_task"}),
        asked=frozenset({"sign_method", "module_name", "need_confirm"}),
        told=frozenset({"sign_method", "module_name", "product_name", "modules", "need_confirm"}),
    ),
}


@cache
def running(language: str) -> Bridge:
    """The program, one for each process of the tests."""
    bridge = Bridge(f"{language}-huawei")
    atexit.register(bridge.close)
    return bridge


class OtherIoTDA:
    """One client of that language's SDK. Any method of IoTDAClient, with its request."""

    def __init__(self, language: str, address: str, key: Key, *, derived: bool, project: bool) -> None:
        self._language, self._lacks = language, LACKS[language]
        self._python = python(address, key, derived=derived, project=project)
        self._given = {
            "endpoint": address,
            "id": key.id,
            "secret": key.secret,
            "project": key.project_id if project else None,
        }
        self._derived = derived
        self._models = IoTDAClient()

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return lambda request: self._call(name, request)

    def _call(self, name: str, request: Any) -> Any:
        """Python's response, of what the other's holds. Raises the Python SDK's exception for a refusal."""
        given = _given(request)
        if name in self._lacks.operations or self._lacks.asked & _members(given):
            return getattr(self._python, name)(request)
        method = re.sub("(^|_)(.)", lambda found: found[2].upper(), name)
        called = INITIAL[self._language](method[0]) + method[1:]
        told = running(self._language).ask(called, given=given, derived=self._derived, **self._given)
        _note(name)
        if "refused" in told:
            refused = told["refused"]
            error = SdkError(refused["request"], refused["code"], refused["message"])
            raise ClientRequestException(refused["status"], error)
        held = _completed(told["held"], told.get("sent", {}), self._lacks.told)
        found = list(differences(told.get("sent", {}), held))
        assert not found, (method, found)
        response = self._models._deserialize(held, f"{method}Response")
        response.status_code, response.raw_content = told["status"], json.dumps(told.get("sent")).encode()
        return response


def _given(value: Any) -> Any:
    """A request as JSON; a file is its path."""
    plain = sanitize_for_serialization(value)
    if isinstance(body := plain.get("body"), dict):
        plain["body"] = {n: v.abs_path if isinstance(v, FormFile) else v for n, v in body.items()}
    return plain


def _members(value: Any) -> set[str]:
    """The names of all members of a request."""
    if isinstance(value, dict):
        return set(value).union(*(_members(each) for each in value.values()))
    return set().union(*(_members(each) for each in value)) if isinstance(value, list) else set()


def _completed(held: Any, sent: Any, names: frozenset[str]) -> Any:
    """What is held, and of what was sent the members of these names that the SDK has no place for."""
    if isinstance(held, dict) and isinstance(sent, dict):
        more = {name: sent[name] for name in names & sent.keys() - held.keys()}
        return more | {name: _completed(each, sent.get(name), names) for name, each in held.items()}
    if isinstance(held, list) and isinstance(sent, list) and len(held) == len(sent):
        return [_completed(one, other, names) for one, other in zip(held, sent, strict=True)]
    return held


def _note(name: str) -> None:
    if CALLED in os.environ:
        with Path(os.environ[CALLED]).open("a") as file:
            file.write(f"{name}\n")
