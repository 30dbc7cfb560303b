"""One logged-in device, without IO or clock: what was sent to it and is not acknowledged, what QoS it asked for on
which topics, and until when its silence is allowed.

Holds: a push needs no subscription, and a subscription never makes a second copy of it; it only lowers the QoS
(alibaba 6.2). Packet ids in flight are never used twice. All counts are bounded.
Refuses: to outlive the connection. Redelivery is the engine's, from the database, not this file's from memory.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from upwell.doors.devices.mqtt import codec
from upwell.doors.devices.mqtt.handler import Limits

KEEP_ALIVE_GRACE = 1.5  # mqtt 3.1.2-24: silence of one and a half keep alives ends the connection
QOS_GRANTED_MAX = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes to write for a push. `awaits_puback` is False where nothing more will be heard of it (QoS 0)."""

    data: bytes
    awaits_puback: bool


def matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic_filter` covers `topic` (mqtt 4.7)."""
    if topic_filter == topic:
        return True
    if topic.startswith("$") and topic_filter[0] in "+#":  # mqtt 4.7.2-1
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))


class Session:
    """The state of one connection between its CONNACK and its end."""

    __slots__ = ("_granted", "_heard_by_s", "_inflight", "_last_id", "_limits", "_patience", "silence_max_s")

    def __init__(self, limits: Limits, *, keep_alive_s: float, now_s: float) -> None:
        self._limits = limits
        self.silence_max_s = keep_alive_s * KEEP_ALIVE_GRACE
        self._inflight: dict[int, object] = {}
        self._patience: dict[int, float] = {}  # by packet id: until when silence is allowed while it is in flight
        self._granted: dict[str, int] = {}
        self._last_id = 0
        self._heard_by_s = now_s + self.silence_max_s

    @property
    def deadline_s(self) -> float:
        """When silence is too long: one and a half keep alives after the last packet, or later while a push is in
        flight whose taker may be busy with it for longer."""
        return max(self._heard_by_s, *self._patience.values()) if self._patience else self._heard_by_s

    def heard(self, now_s: float) -> None:
        """A whole packet came in: silence is counted from `now_s`."""
        self._heard_by_s = now_s + self.silence_max_s

    @property
    def heard_s(self) -> float:
        """When that was last."""
        return self._heard_by_s - self.silence_max_s

    def subscribe(self, filters: Iterable[tuple[str, int]], allowed: Callable[[str], bool]) -> list[int]:
        """The SUBACK codes, in order. QoS 2 is granted as 1; a filter not allowed or one too many as 0x80."""
        return [self._grant(topic_filter, qos, allowed) for topic_filter, qos in filters]

    def _grant(self, topic_filter: str, qos: int, allowed: Callable[[str], bool]) -> int:
        full = topic_filter not in self._granted and len(self._granted) >= self._limits.subscriptions_max
        if full or not allowed(topic_filter):
            return codec.SUBSCRIBE_REFUSED
        self._granted[topic_filter] = min(qos, QOS_GRANTED_MAX)
        return self._granted[topic_filter]

    def unsubscribe(self, filters: Iterable[str]) -> None:
        for topic_filter in filters:
            self._granted.pop(topic_filter, None)

    def granted(self, topic: str) -> int | None:
        """The highest QoS among the subscriptions that cover `topic`; None where there is none."""
        return max((qos for each, qos in self._granted.items() if matches(each, topic)), default=None)

    def send(
        self, topic: str, payload: bytes, token: object, qos: int, patient_until_s: float | None = None
    ) -> Sent | None:
        """One push, at the lower of `qos` and what the device subscribed with. None when too many are in flight. Until
        it is acknowledged the device may be silent as long as `patient_until_s`."""
        granted = self.granted(topic)
        if qos == 0 or granted == 0:
            return Sent(codec.publish(topic, payload), awaits_puback=False)
        if len(self._inflight) >= min(self._limits.inflight_max, codec.PACKET_ID_MAX):
            return None
        packet_id = self._next_id()
        data = codec.publish(topic, payload, 1, packet_id)
        self._inflight[packet_id] = token
        if patient_until_s is not None:
            self._patience[packet_id] = patient_until_s
        self._last_id = packet_id
        return Sent(data, awaits_puback=True)

    def _next_id(self) -> int:
        packet_id = self._last_id
        while True:
            packet_id = packet_id % codec.PACKET_ID_MAX + 1
            if packet_id not in self._inflight:
                return packet_id

    def acknowledged(self, packet_id: int) -> object:
        """The token of the push that the device has; None for a PUBACK of an earlier connection or a repeated one,
        which is harmless."""
        self._patience.pop(packet_id, None)
        return self._inflight.pop(packet_id, None)
