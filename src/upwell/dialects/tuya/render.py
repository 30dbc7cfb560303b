"""Tuya's answers (tuya 1.4): lower-camel members, lower-case request ids, JSON alone."""

import json

JSON_TYPE = "application/json;charset=utf-8"


def failure(request_id: str, code: str, message: str) -> bytes:
    """The answer to a request that is refused (tuya 2.10)."""
    members = {"code": code, "errorMessage": message, "requestId": request_id.lower(), "success": False}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
