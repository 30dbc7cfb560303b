"""A device by `aliyun-iot-linkkit` that has only its product's secret, run by the python of `.venv-linkkit`.

Arguments: MQTT port, ProductKey, DeviceName, ProductSecret, register or regnwl. Says what happens as JSON lines on
stdout: granted, connected. Ends when its standard input does.
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


def enrolled(port: int, key: str, name: str, product_secret: str, kind: str) -> tuple[Any, ...] | None:
    """What the platform granted."""
    link = linkkit.LinkKit(
        host_name="127.0.0.1", product_key=key, device_name=name, device_secret="", product_secret=product_secret,
        auth_type=kind,
    )  # fmt: skip
    link.config_mqtt(port=port, secure="", endpoint="127.0.0.1")
    done = threading.Event()
    got: list[tuple[Any, ...]] = []

    def on_register(rc: int, value: str, userdata: Any) -> None:
        say("granted", rc=rc)
        got.append((value,))
        done.set()

    def on_token(rc: int, client_id: str, username: str, password: str) -> None:  # the SDK passes no user data here
        say("granted", rc=rc)
        got.append((client_id, username, password))
        done.set()

    link.on_device_dynamic_register, link.on_device_dynamic_register_nwl_reply = on_register, on_token
    link.connect_async()
    return got[0] if done.wait(WAIT_S) else None


def main() -> int:
    """Ask for the secret or the token, then log in with it and report."""
    port, key, name, product_secret, kind = sys.argv[1:]
    granted = enrolled(int(port), key, name, product_secret, kind)
    if granted is None:
        return 2
    more = (
        {"device_secret": granted[0]}
        if kind == "register"
        else {"device_secret": "", "client_id": granted[0], "username": granted[1], "password": granted[2]}
    )
    link = linkkit.LinkKit(host_name="127.0.0.1", product_key=key, device_name=name, **more)
    link.config_mqtt(port=int(port), secure="", endpoint="127.0.0.1")
    connected = threading.Event()

    def on_connect(session_flag: int, rc: int, userdata: Any) -> None:
        say("connected", rc=rc)
        connected.set()

    link.on_connect = on_connect
    link.connect_async()
    if not connected.wait(WAIT_S):
        return 3
    link.ota_report_version(None, "1.0.0")
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    import os

    os._exit(code)  # its loop thread has no end of its own
