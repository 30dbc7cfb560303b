"""A gateway by `aliyun-iot-linkkit` and its sub-device, run by the python of `.venv-linkkit`.

Arguments: MQTT port, then ProductKey, DeviceName and DeviceSecret of the gateway and of the sub-device. Says what
happens as JSON lines on stdout: added, logged-in, pushed, logged-out, deleted.
"""

import json
import sys
import threading
from typing import Any

from linkkit import linkkit

WAIT_S = 30


def say(what: str, **more: Any) -> None:
    """One line for the test."""
    print(json.dumps({"what": what, **more}), flush=True)


def main() -> int:
    """Add the sub-device, bring it online, take it to the version that is pushed to it, and let it go."""
    port, key, name, secret, sub_key, sub_name, sub_secret = sys.argv[1:]
    link = linkkit.LinkKit(host_name="127.0.0.1", product_key=key, device_name=name, device_secret=secret)
    link.config_mqtt(port=int(port), secure="", endpoint="127.0.0.1")
    done = {what: threading.Event() for what in ("connected", "added", "logged-in", "pushed", "logged-out", "deleted")}
    pushes: list[dict[str, Any]] = []

    def tell(what: str) -> Any:
        def told(request_id: str, code: int, data: Any, message: str, userdata: Any) -> None:
            say(what, code=code, data=data, message=message)
            done[what].set()

        return told

    def on_connect(session_flag: int, rc: int, userdata: Any) -> None:
        done["connected"].set()

    def on_topic(topic: str, payload: bytes, qos: int, userdata: Any) -> None:
        if topic == f"/ota/device/upgrade/{sub_key}/{sub_name}":
            pushes.append(json.loads(payload))
            say("pushed", topic=topic)
            done["pushed"].set()

    link.on_connect, link.on_topic_message = on_connect, on_topic
    link.on_gateway_add_subdev_topo_reply = tell("added")
    link.on_gateway_login_subdev_reply = tell("logged-in")
    link.on_gateway_logout_subdev_reply = tell("logged-out")
    link.on_gateway_delete_subdev_topo_reply = tell("deleted")
    link.connect_async()
    if not done["connected"].wait(WAIT_S):
        return 2
    both = [[sub_key, sub_name, sub_secret]]
    link.gateway_add_subdev_topo(both)
    if not done["added"].wait(WAIT_S):
        return 3
    link.gateway_login_subdev(both)
    if not done["logged-in"].wait(WAIT_S):
        return 4

    def inform(version: str) -> None:
        body = json.dumps({"id": "1", "params": {"version": version}})
        link.publish_topic(f"/ota/device/inform/{sub_key}/{sub_name}", body)

    inform("1.0.0")
    if not done["pushed"].wait(WAIT_S):
        return 5
    inform(pushes[0]["data"]["version"])
    link.gateway_logout_subdev(both)
    if not done["logged-out"].wait(WAIT_S):
        return 6
    link.gateway_delete_subdev_topo(both)
    return 0 if done["deleted"].wait(WAIT_S) else 7


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    import os

    os._exit(code)  # its loop thread has no end of its own
