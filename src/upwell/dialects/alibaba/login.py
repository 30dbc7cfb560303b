"""How an Alibaba device logs in over MQTT: who it says it is, and the proof its password must be.

It reads the client id leniently, because every SDK writes it a little differently, and holds no opinion on time:
the SDKs send seconds, milliseconds and the year 2050 (alibaba 6.1 rule 3). It refuses dynamic registration, whose
password is made with the product's secret, and it never sees where device secrets are kept.
"""

import hmac
import re
from dataclasses import dataclass

from upwell.domain.errors import DeviceError

CLIENT_ID_MAX = 1024  # characters; the longest real ones are about 200, user extensions included
USERNAME_MAX = 256  # characters

# alibaba 6.1: signmethod -> hash; md5 is the documented default when absent.
SIGN_METHODS = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}
SIGN_METHOD_DEFAULT = "hmacmd5"

_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")  # what can stand in a topic without being a level or a wildcard


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginClaim:
    """Who a device says it is; `content` is what its password must be the HMAC of."""

    product_key: str
    device_name: str
    sign_method: str
    content: str


def parse(client_id: str, username: str) -> LoginClaim:
    """Who the CONNECT says the device is. Raises DeviceError when it can't be understood."""
    if len(client_id) > CLIENT_ID_MAX:
        raise DeviceError(f"The client id is longer than {CLIENT_ID_MAX} characters.")
    device_name, product_key = _identity(username)
    name, _, rest = client_id.partition("|")  # alibaba 6.1 rule 1: the id is everything before the first bar
    extras = _extras(rest)
    if "authType" in extras:
        raise DeviceError("Dynamic registration over MQTT is not offered; register the device first.")
    method = (extras.get("signmethod") or SIGN_METHOD_DEFAULT).lower()
    if method not in SIGN_METHODS:
        raise DeviceError(f"signmethod must be one of {', '.join(SIGN_METHODS)}; got {method[:32]!r}.")
    content = f"clientId{name}deviceName{device_name}productKey{product_key}"
    if "timestamp" in extras:  # alibaba 6.1: signed only if present, as it was written
        content += f"timestamp{extras['timestamp']}"
    return LoginClaim(product_key=product_key, device_name=device_name, sign_method=method, content=content)


def verify(claim: LoginClaim, secret: str, password: bytes) -> bool:
    """Whether the password proves the claim, in a time that tells nothing about where it differs."""
    digest = SIGN_METHODS[claim.sign_method]
    ours = hmac.new(_octets(secret), _octets(claim.content), digest).hexdigest().encode("ascii")
    return hmac.compare_digest(ours, password.lower())  # alibaba 6.1 rule 2: the C SDKs send upper case


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _identity(username: str) -> tuple[str, str]:
    # alibaba 6.1 rule 4: pk and dn come from the username; the client id need not contain them.
    parts = username.split("&") if len(username) <= USERNAME_MAX else []
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise DeviceError("The username must be {deviceName}&{productKey}.")
    return parts[0], parts[1]


def _extras(text: str) -> dict[str, str]:
    """The `k=v` list after the id. Unknown keys, empty parts and trailing commas pass; the first of a key wins,
    because what a C4 user appends comes after what the SDK signed."""
    extras: dict[str, str] = {}
    for part in text.partition("|")[0].split(","):
        key, equals, value = part.partition("=")
        if equals:
            extras.setdefault(key.strip(), value)
    return extras
