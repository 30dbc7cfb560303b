"""One device by `aliyun-iot-linkkit` that tells properties, an event and labels and waits for what it is answered.

Arguments: MQTT port, ProductKey, DeviceName, DeviceSecret, and a file for the description of what it tells. Says each
answer as a JSON line on stdout.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from linkkit import linkkit

WAIT_S = 40
DESCRIPTION = {
    "events": [
        {"identifier": "post", "outputData": [{"identifier": "warmth"}]},
        {"identifier": "smoke", "outputData": [{"identifier": "density"}]},
    ],
    "services": [],
}


def main() -> int:
    """0 when each was answered."""
    port, product_key, device_name, secret, description = sys.argv[1:]
    Path(description).write_text(json.dumps(DESCRIPTION), "utf-8")
    link = linkkit.LinkKit(
        host_name="127.0.0.1", product_key=product_key, device_name=device_name, device_secret=secret
    )
    link.config_mqtt(port=int(port), secure="", endpoint="127.0.0.1")
    link.thing_setup(description)
    enabled = threading.Event()
    answered: dict[str, threading.Event] = {}

    def said(what: str, code: int, more: Any) -> None:
        print(json.dumps({"what": what, "code": code, "more": more}), flush=True)
        answered[what].set()

    def asked(what: str, call: Any, *given: Any) -> bool:
        answered[what] = threading.Event()
        rc, _ = call(*given)
        return rc == 0 and answered[what].wait(WAIT_S)

    link.on_thing_enable = lambda userdata: enabled.set()
    link.on_thing_prop_post = lambda request_id, code, data, message, userdata: said("properties", code, message)
    link.on_thing_event_post = lambda event, request_id, code, data, message, userdata: said("event", code, event)
    link.on_thing_device_info_update = lambda request_id, code, data, message, userdata: said("labels", code, message)
    link.on_thing_device_info_delete = lambda request_id, code, data, message, userdata: said(
        "no labels", code, message
    )
    link.connect_async()
    if not enabled.wait(WAIT_S):
        return 2
    done = (
        asked("properties", link.thing_post_property, {"warmth": 21.5})
        and asked("event", link.thing_trigger_event, ("smoke", {"density": 3}))
        and asked("labels", link.thing_update_device_info, [{"attrKey": "hall", "attrValue": "7"}])
        and asked("no labels", link.thing_delete_device_info, [{"attrKey": "hall"}])
    )
    return 0 if done else 3


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # its loop thread has no end of its own
