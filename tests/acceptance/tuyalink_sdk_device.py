"""One device by `tuyalinksdk`, unmodified, run by the python of `.venv-linkkit`.

Arguments: MQTT port (TLS), device id, secret, folder for its storage. The SDK asks a server of the vendor's for its
endpoint unless it has one, and binds itself by a QR code unless it is activated; both are told beforehand, as it
stores them itself. Says `connected` and `ended` as JSON lines on stdout. Ends when its standard input does.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from tuyalinksdk.client import TuyaClient


def say(what: str, **more: Any) -> None:
    """One line for the test."""
    print(json.dumps({"what": what, **more}), flush=True)


def main() -> int:
    """Connect and stay."""
    port, device_id, secret, folder = sys.argv[1:]
    storage = Path(folder) / "storage.json"
    activated = {"devId": device_id, "secKey": secret, "localKey": "0123456789abcdef"}
    storage.write_text(json.dumps({"region": "AY", "regist": "pro", "activated": activated}))
    client = TuyaClient(productid="pid", uuid="uuid", authkey="auth", storage_path=str(storage))
    client._endpoint = {"mqtt": {"host": "127.0.0.1", "port": int(port)}, "atop": {"url": "http://127.0.0.1:1/"}}
    drops: list[int] = []
    client.on_connected = lambda: say("connected")
    client.on_disconnect = lambda: drops.append(1)
    client.connect(keepalive=60)
    client.loop_start()

    sent = threading.Event()
    client.mqtt.on_publish = lambda *_: sent.set()
    while line := sys.stdin.readline():
        if line.strip() == "push":
            client.push_dps({"101": True})
            say("pushed", acknowledged=sent.wait(10))
    say("ended", drops=len(drops))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    import os

    os._exit(code)  # its loop thread has no end of its own
