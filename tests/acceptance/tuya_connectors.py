"""The vendor's Python connectors, unmodified, run by the python of `.venv-linkkit`.

Arguments: the endpoint, a key's id and secret. Says each call as a JSON line on stdout: which, and what the connector
gave or the exception it raised.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import tuya_connector
import tuya_iot

DEVICE = "/v2.0/cloud/thing/d1/firmware"


def say(call: str, ask: Callable[[], Any]) -> None:
    """One line for the test."""
    try:
        told = {"gave": ask()}
    except Exception as exc:
        told = {"raised": repr(exc)}
    print(json.dumps({"call": call, **told}), flush=True)


def main() -> int:
    """Every way of asking that they have."""
    endpoint, key_id, secret = sys.argv[1:]
    api = tuya_connector.TuyaOpenAPI(endpoint, key_id, secret)
    say("connect", api.connect)
    say("get", lambda: api.get(DEVICE, {"b": "ä ö", "a": "", "c": 1}))
    say("post", lambda: api.post(f"{DEVICE}/0"))
    say("post a body", lambda: api.post(f"{DEVICE}/0", {"channel": "水" * 1000}))
    say("put", lambda: api.put("/v1.1/iot-03/devices/d1", {"name": "x"}))
    say("delete", lambda: api.delete("/v1.0/devices/d1"))
    say("is connected", api.is_connect)
    for kind in tuya_iot.AuthType:
        user = tuya_iot.TuyaOpenAPI(endpoint, key_id, secret, kind)
        say(f"log in {kind.name}", lambda user=user: user.connect("somebody", "a-password", "49", "smartlife"))
        say(f"is logged in {kind.name}", user.is_connect)
    return 0


if __name__ == "__main__":
    sys.exit(main())
