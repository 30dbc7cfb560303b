"""The first packet of a connection: who its sender is, or what it is told instead."""

import logging
from typing import NamedTuple

from upwell.doors.devices.identity import Identity
from upwell.doors.devices.mqtt import codec, packets
from upwell.doors.devices.mqtt.handler import MqttHandler, refused

log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """`answer` is written before the connection is cut for `reason`; nothing is for what is no login at all."""

    reason: str
    answer: bytes = b""
    error: Exception | None = None  # the handler's failure


async def judged(
    first: packets.Packet, handler: MqttHandler, keep_alive_range_s: tuple[int, int], peer: str
) -> tuple[packets.Connect, Identity] | Refusal:
    """Nothing is written here; who is refused by the door itself, and why, is logged."""
    if isinstance(first, packets.UnsupportedConnect):
        reason = f"MQTT protocol level {first.protocol_level}, must be 3 (MQTT 3.1) or 4 (3.1.1)"
        refused(log, "", "", reason, peer)  # what another version's CONNECT says is not read
        return Refusal("login refused: protocol level", codec.connack_unsupported(first.protocol_level))
    if not isinstance(first, packets.Connect):  # the decoder lets nothing else come first
        return Refusal("malformed: a packet before CONNECT")
    least, most = keep_alive_range_s
    if not least <= first.keep_alive_s <= most:  # alibaba 6.1; 0 (no keep alive) is refused with the rest
        reason = f"keep alive {first.keep_alive_s} s, must be {least} to {most}"
        refused(log, first.client_id, first.username, reason, peer)
        return _with_code(packets.ConnectCode.IDENTIFIER_REJECTED)
    try:
        identity = await handler.login(first.client_id, first.username, first.password, peer)
    except Exception as exc:
        return _with_code(packets.ConnectCode.UNAVAILABLE, exc)
    return _with_code(packets.ConnectCode.BAD_CREDENTIALS) if identity is None else (first, identity)


def _with_code(code: packets.ConnectCode, error: Exception | None = None) -> Refusal:
    return Refusal(f"login refused: {code.name.lower()}", codec.connack(code), error)
