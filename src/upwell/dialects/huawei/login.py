"""How a Huawei device logs in over MQTT: who it says it is, and the proof its password must be (huawei 5.1).

The client id is read from the right, because device ids may contain `_`. It refuses registration by a scope id,
bridges, certificates and the SM3 signature, and it never sees where device secrets are kept. `now` and the tolerance
for the device's clock are the caller's.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from upwell.domain.errors import DeviceError

CLOCK_TOLERANCE = timedelta(hours=1)  # huawei 5.1: not published; hours alone are sent, so one to either side

_CLIENT_ID = re.compile(r"([A-Za-z0-9_-]{1,128})_([0-9]+)_([0-9]+)_([0-9]{10})")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginClaim:
    """Who a device says it is. `hour` is the start of the hour it says it is now, checked if `timed`."""

    device_id: str
    timed: bool
    timestamp: str
    hour: datetime


_TAIL = re.compile(r"_[0-9]+_[0-9]+_[0-9]{10}")


def is_ours(client_id: str, username: str) -> bool:
    """Whether a CONNECT is of a Huawei device's kind: a client id that is the username and three numbers, the last of
    ten digits. No other vendor's is: theirs have an ampersand or a bar in the username, or both are the same."""
    return bool(username) and client_id.startswith(username) and _TAIL.fullmatch(client_id, len(username)) is not None


def parse(client_id: str, username: str) -> LoginClaim:
    """Who the CONNECT says the device is. Raises DeviceError when it can't be understood."""
    found = _CLIENT_ID.fullmatch(client_id)
    if found is None:
        raise DeviceError("The client id must be {device_id}_0_{sign_type}_{YYYYMMDDHH}.")
    device_id, kind, sign_type, timestamp = found.groups()
    if kind != "0":
        raise DeviceError("The second part of the client id must be 0: bridges and scope ids are not offered.")
    if sign_type not in ("0", "1"):
        raise DeviceError(f"sign_type must be 0 or 1; got {sign_type[:8]}.")
    if username != device_id:
        raise DeviceError("The username must be the device id of the client id.")
    try:
        hour = datetime.strptime(timestamp, "%Y%m%d%H").replace(tzinfo=UTC)
    except ValueError as exc:
        raise DeviceError(f"The client id ends in no hour that exists: {timestamp}.") from exc
    return LoginClaim(device_id=device_id, timed=sign_type == "1", timestamp=timestamp, hour=hour)


def is_timely(claim: LoginClaim, now: datetime, tolerance: timedelta = CLOCK_TOLERANCE) -> bool:
    """Whether `now` is within the hour that the device says, give or take the tolerance; always for sign_type 0."""
    return not claim.timed or claim.hour - tolerance <= now < claim.hour + timedelta(hours=1) + tolerance


def verify(claim: LoginClaim, secrets: tuple[str, ...], password: bytes) -> bool:
    """Whether the password proves the claim by one of the device's secrets, primary or secondary (huawei 4.3: equal
    rights), in a time that tells nothing about where it differs."""
    found = False
    for secret in secrets:
        # huawei 5.1: the timestamp is the key and the secret the message
        ours = hmac.new(claim.timestamp.encode(), secret.encode("utf-8", "surrogatepass"), "sha256").hexdigest()
        found |= hmac.compare_digest(ours.encode(), password)
    return found
