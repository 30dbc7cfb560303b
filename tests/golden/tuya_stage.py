"""The stage of Tuya's golden answers. Its devices speak TuyaLink (tuya 4)."""

import hmac
import json
from functools import partial

from tests.golden.rpc_stage import opened
from tests.imitations.mqtt import Mqtt

TAIL = "timestamp=1700000000000,secureMode=1,accessType=1"


class TuyaVoice:
    """One by Tuya's topics, that reports at QoS 1 so that a report is taken when it returns."""

    def __init__(self, address: str, product: str, name: str, secret: str) -> None:
        host, _, port = address.rpartition(":")
        self._name, self._last, self._client = name, 0, Mqtt(host, int(port))
        signed = hmac.new(secret.encode(), f"deviceId={name},{TAIL}".encode(), "sha256").hexdigest()
        self._client.connect(f"tuyalink_{name}", f"{name}|signMethod=HMACSHA256,{TAIL}", signed)

    def inform(self, version: str, module: str = "") -> None:
        """Report a version of a channel."""
        channel = {"channel": int(module or 0), "version": version}
        self._say("ota/firmware/report", {"bizType": "UPDATE", "otaChannel": [channel]})

    def progress(self, step: int, module: str = "") -> None:
        """Report progress, or a failure by its negative code."""
        told = {"progress": step} if step >= 0 else {"errorCode": -step, "errorMsg": "no room"}
        self._say("ota/progress/report", {"channel": int(module or 0)} | told)

    def hear(self) -> None:
        """Wait for the next offer."""
        while True:
            pushed = self._client.pushed()
            assert pushed is not None, "no offer came"
            if pushed[0].endswith("/ota/issue"):
                return

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _say(self, suffix: str, data: dict[str, object]) -> None:
        self._last += 1
        told = {"msgId": str(self._last), "time": 1_700_000_000 + self._last, "data": data}
        self._client.publish(f"tylink/{self._name}/{suffix}", json.dumps(told), qos=1)


open_stage = partial(opened, "tuya", TuyaVoice)
