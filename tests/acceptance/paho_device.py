"""One Alibaba device by paho-mqtt over WebSocket, run by the python of `.venv-linkkit`.

Arguments: port, path, file of the CA or "-" for plain ws, ProductKey, DeviceName, DeviceSecret. Says what happens as
JSON lines: connected, pushed, downloaded, updated. Ends when its standard input does.
"""

import hashlib
import hmac
import json
import ssl
import sys
import threading
import urllib.request
from typing import Any

import paho.mqtt.client as mqtt

WAIT_S = 40


def say(what: str, **more: Any) -> None:
    """One line for the test."""
    print(json.dumps({"what": what, **more}), flush=True)


def main() -> int:
    """From 1.0.0 to what is pushed."""
    port, path, ca, key, name, secret = sys.argv[1:]
    mode = 3 if ca == "-" else 2
    content = f"clientIdpahodeviceName{name}productKey{key}"
    client = mqtt.Client(f"paho|securemode={mode},signmethod=hmacsha256|", transport="websockets")
    client.username_pw_set(f"{name}&{key}", hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest())
    client.ws_set_options(path=path)
    if mode == 2:
        client.tls_set(ca_certs=ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
    connected, pushed, offers = threading.Event(), threading.Event(), []

    def on_connect(client: Any, userdata: Any, flags: Any, rc: int) -> None:
        say("connected", rc=rc)
        connected.set()

    def on_message(client: Any, userdata: Any, message: Any) -> None:
        offers.append(json.loads(message.payload)["data"])
        say("pushed", topic=message.topic, version=offers[-1]["version"])
        pushed.set()

    client.on_connect, client.on_message = on_connect, on_message
    client.connect("127.0.0.1", int(port), keepalive=60)
    client.loop_start()
    if not connected.wait(WAIT_S):
        return 1

    def tell(topic: str, params: dict[str, str]) -> None:
        info = client.publish(f"/ota/device/{topic}/{key}/{name}", json.dumps({"id": "1", "params": params}), qos=1)
        info.wait_for_publish(WAIT_S)

    tell("inform", {"version": "1.0.0"})
    if not pushed.wait(WAIT_S):
        return 1
    with urllib.request.urlopen(offers[0]["url"], timeout=WAIT_S) as got:
        image = got.read()
    say("downloaded", size=len(image), same=hashlib.md5(image).hexdigest() == offers[0]["md5"])
    tell("progress", {"step": "100", "desc": ""})
    tell("inform", {"version": offers[0]["version"]})
    say("updated")
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
