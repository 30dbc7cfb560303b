"""What else Alibaba devices say and wait for an answer to: properties, events, their labels, the time. It is
acknowledged as the vendor would and not kept; so firmware that waits for that goes on. What is not offered is refused.

Source: the vendor's pages "Device properties, events, and services", "Device tags", "Remote configuration" and "NTP
service".
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from upwell.dialects.alibaba.device import PAYLOAD_MAX
from upwell.dialects.payloads import compact, json_object, text_id
from upwell.domain.errors import DeviceError

OK, NOT_FOUND = 200, 404
_NO_SUBS = "sub-devices are not registered by their gateway here; register them first"
NOT_OFFERED = {
    "thing/config/get": "there is no remote configuration here",
    "thing/sub/register": _NO_SUBS,
    "thing/proxy/provisioning/product_register": _NO_SUBS,
}
ID_MAX = 512  # characters of a message id: the Node SDK puts the topic of the answer into it
DIGITS_MAX = 20  # of a time in milliseconds

Answered = Callable[[int], tuple[str, bytes]]  # by the epoch in milliseconds: topic and payload


def reader(topic: str, product_key: str, device_name: str) -> Callable[[bytes], Answered | None] | None:
    """What reads the payloads of that topic of the device's; None where nothing is to be answered. It gives None for a
    message that wants no answer and raises DeviceError for one that can't be understood."""
    if topic == f"/ext/ntp/{product_key}/{device_name}/request":
        return partial(_time, f"/ext/ntp/{product_key}/{device_name}/response")
    own = f"/sys/{product_key}/{device_name}/"
    path = topic.removeprefix(own) if topic.startswith(own) else ""
    if path in ("thing/deviceinfo/update", "thing/deviceinfo/delete") or _is_post(path):
        return partial(_plain, topic, path.replace("/", "."), OK, "success")
    if path in NOT_OFFERED:
        return partial(_plain, topic, path.replace("/", "."), NOT_FOUND, NOT_OFFERED[path])
    return None


def _is_post(path: str) -> bool:
    """Of properties or of an event, one or many at once."""
    levels = path.split("/")
    return levels[:2] == ["thing", "event"] and levels[-1] == "post" and len(levels) in (4, 5)


def _plain(topic: str, method: str, code: int, text: str, payload: bytes) -> Answered | None:
    said = json_object(payload, PAYLOAD_MAX)
    asked = said.get("sys")
    if isinstance(asked, dict) and asked.get("ack") == 0 and code == OK:
        return None
    ref = text_id("id", said.get("id"), ID_MAX)
    answer = {"code": code, "data": {}, "id": ref, "message": text, "method": method, "version": "1.0"}
    told = f"{topic}_reply", compact(answer)
    return lambda now_ms: told


def _time(topic: str, payload: bytes) -> Answered:
    sent = json_object(payload, PAYLOAD_MAX).get("deviceSendTime")
    text = str(sent) if isinstance(sent, int | str) and not isinstance(sent, bool) else ""
    if not isinstance(sent, int | str) or not (text.isascii() and text.isdigit()):
        raise DeviceError("deviceSendTime must be a time in milliseconds.")
    if len(text) > DIGITS_MAX:
        raise DeviceError(f"deviceSendTime has more than {DIGITS_MAX} digits.")
    same: Callable[[int], Any] = str if isinstance(sent, str) else int

    def answered(now_ms: int) -> tuple[str, bytes]:
        answer = {"deviceSendTime": sent, "serverRecvTime": same(now_ms), "serverSendTime": same(now_ms)}
        return topic, compact(answer)

    return answered
