"""One device by `aliyun-iot-linkkit`, run by the python of `.venv-linkkit` (that SDK needs paho-mqtt < 2).

Arguments: MQTT port, ProductKey, DeviceName, DeviceSecret, file to download to, how it learns of the firmware (push,
or pull: it asks until it is told), and the file of a CA when it is to connect by TLS. Says what happens as JSON lines
on stdout: connected, asked, pushed, downloaded, published. Never subscribes: a push must come all the same. Ends when
its standard input does.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from linkkit import linkkit

WAIT_S = 40


def say(what: str, **more: Any) -> None:
    """One line for the test."""
    print(json.dumps({"what": what, **more}), flush=True)


def main() -> int:
    """From version 1.0.0 to what the push offers."""
    port, product_key, device_name, secret, path, manner, *ca = sys.argv[1:]
    link = linkkit.LinkKit(
        host_name="127.0.0.1", product_key=product_key, device_name=device_name, device_secret=secret
    )
    if ca:
        link.config_mqtt(port=int(port), endpoint="127.0.0.1", cadata=Path(ca[0]).read_text("ascii"))
    else:
        link.config_mqtt(port=int(port), secure="", endpoint="127.0.0.1")
    connected, pushed, offers = threading.Event(), threading.Event(), []
    published: dict[int, threading.Event] = {}

    def on_connect(session_flag: int, rc: int, userdata: Any) -> None:
        say("connected", rc=rc)
        connected.set()

    def on_publish(mid: int, userdata: Any) -> None:
        published.setdefault(mid, threading.Event()).set()

    def on_ota(kind: int, version: str, size: str, url: str, method: str, sign: str, module: str, extra: str) -> None:
        say("pushed", kind=kind, version=version, size=size, method=method, module=module, extra=extra)
        offers.append((version, url, method, sign))
        pushed.set()

    link.on_connect, link.on_publish_topic, link.on_ota_message_arrived = on_connect, on_publish, on_ota

    def progress(step: str, desc: str) -> None:
        body = json.dumps({"id": "7", "params": {"step": step, "desc": desc}})
        rc, mid = link.publish_topic(f"/ota/device/progress/{product_key}/{device_name}", body)
        acknowledged = rc == 0 and published.setdefault(mid, threading.Event()).wait(10)
        say("published", step=step, acknowledged=acknowledged)

    link.connect_async()
    if not connected.wait(WAIT_S):
        return 2
    link.ota_report_version(None, "1.0.0")
    for _ in range(WAIT_S if manner == "pull" else 0):
        link.query_ota_firmware(None)
        say("asked")
        if pushed.wait(1):
            break
    if not pushed.wait(WAIT_S):
        return 3
    time.sleep(0.5)  # its thread is writing the PUBACK, and under TLS two that write at once break the connection
    version, url, method, sign = offers[0]
    progress("1", "")
    result = link.download_ota_firmware(url, path, method, sign)
    say("downloaded", result=result.name)
    progress("60", "写入")
    progress("100", "burned")
    link.ota_report_version(None, version)
    sys.stdin.read()
    say("ended", pushes=len(offers))
    link.disconnect()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    import os

    os._exit(code)  # its loop thread has no end of its own
