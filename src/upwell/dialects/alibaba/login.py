"""How an Alibaba device logs in over MQTT: who it says it is, and the proof its password must be.

It reads the client id leniently, because every SDK writes it a little differently, and holds no opinion on time:
the SDKs send seconds, milliseconds and the year 2050 (alibaba 6.1 rule 3). Three kinds of login: with the device's
secret, with a token that was granted, and for registration, with the product's secret. It never sees where secrets
are kept.
"""

import hmac
import json
import re
from dataclasses import dataclass
from typing import Literal

from upwell.dialects.rpc import octets
from upwell.domain.errors import DeviceError

CLIENT_ID_MAX = 1024  # characters; the longest real ones are about 200, user extensions included
USERNAME_MAX = 256  # characters
RANDOM_MAX = 128  # characters of a registration's random
TOKEN_ID_SIZE = 22  # characters of a granted client id

# alibaba 6.1: signmethod -> hash; md5 is the documented default when absent.
SIGN_METHODS = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}
SIGN_METHOD_DEFAULT = "hmacmd5"

DEVICE_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")  # what can stand in a topic without being a level or a wildcard


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginClaim:
    """Who a device says it is; `content` is what its password must be the HMAC of. A `token` login has the client id
    that was granted with the token instead, and the password is the token."""

    product_key: str
    device_name: str
    sign_method: str
    content: str
    kind: Literal["secret", "token", "register", "regnwl"] = "secret"


def parse(client_id: str, username: str) -> LoginClaim:
    """Who the CONNECT says the device is. Raises DeviceError when it can't be understood."""
    if len(client_id) > CLIENT_ID_MAX:
        raise DeviceError(f"The client id is longer than {CLIENT_ID_MAX} characters.")
    device_name, product_key = _identity(username)
    name, _, rest = client_id.partition("|")  # alibaba 6.1 rule 1: the id is everything before the first bar
    extras = _extras(rest)
    method = _method(extras.get("signmethod", ""))
    auth_type = extras.get("authType")
    if auth_type == "connwl":
        return LoginClaim(
            product_key=product_key, device_name=device_name, sign_method=method, content=name, kind="token"
        )
    if auth_type in ("register", "regnwl"):
        return registration(product_key, device_name, extras.get("random", ""), method, auth_type)
    if auth_type is not None:
        raise DeviceError(f"authType must be register, regnwl or connwl; got {auth_type[:32]!r}.")
    content = f"clientId{name}deviceName{device_name}productKey{product_key}"
    if "timestamp" in extras:  # alibaba 6.1: signed only if present, as it was written
        content += f"timestamp{extras['timestamp']}"
    return LoginClaim(product_key=product_key, device_name=device_name, sign_method=method, content=content)


def c_sdk(client_id: str) -> Literal["", "c", "c-tls"]:
    """Whether a client id is one of the vendor's C SDKs (C3 and C4), and whether that speaks TLS (alibaba 6.1)."""
    extras = _extras(client_id.partition("|")[2])
    if not extras.get("_v", "").lower().startswith("sdk-c-") and extras.get("lan", "").lower() != "c":
        return ""
    return "c-tls" if extras.get("securemode") == "2" else "c"


def registration(
    product_key: str, device_name: str, random: str, sign_method: str, kind: Literal["register", "regnwl"] | str
) -> LoginClaim:
    """A device that asks for its secret (alibaba 6.1); proven with the product's. Raises DeviceError."""
    if not DEVICE_NAME.fullmatch(product_key) or not DEVICE_NAME.fullmatch(device_name):
        raise DeviceError("productKey and deviceName must be 1 to 64 letters, digits, '_', '.', ':', '@' or '-'.")
    if not 1 <= len(random) <= RANDOM_MAX:
        raise DeviceError(f"random must have 1 to {RANDOM_MAX} characters.")
    return LoginClaim(
        product_key=product_key,
        device_name=device_name,
        sign_method=_method(sign_method),
        content=f"deviceName{device_name}productKey{product_key}random{random}",
        kind="regnwl" if kind == "regnwl" else "register",
    )


def verify(claim: LoginClaim, secret: str, password: bytes) -> bool:
    """Whether the password proves the claim, in a time that tells nothing about where it differs."""
    if claim.kind == "token":
        same_id = hmac.compare_digest(octets(token_id(secret)), octets(claim.content))
        return hmac.compare_digest(octets(secret), password) and same_id
    digest = SIGN_METHODS[claim.sign_method]
    ours = hmac.new(octets(secret), octets(claim.content), digest).hexdigest().encode("ascii")
    return hmac.compare_digest(ours, password.lower())  # alibaba 6.1 rule 2: the C SDKs send upper case


def token_id(secret: str) -> str:
    """The client id granted with a token. The token is the device's secret, and its client id follows from it: so
    nothing more is kept, and a device that was registered otherwise can't log in with its secret in the clear."""
    return hmac.new(octets(secret), b"upwell token client id", "sha256").hexdigest()[:TOKEN_ID_SIZE]


def grant(claim: LoginClaim, secret: str) -> tuple[str, bytes]:
    """Topic and payload that tell a registered device its secret, or its client id and token (alibaba 6.1)."""
    names = {"productKey": claim.product_key, "deviceName": claim.device_name}
    if claim.kind == "regnwl":
        told = {"clientId": token_id(secret), "deviceToken": secret, **names}
        return "/ext/regnwl", json.dumps(told, separators=(",", ":")).encode()
    return "/ext/register", json.dumps({"deviceSecret": secret, **names}, separators=(",", ":")).encode()


def _method(given: str) -> str:
    method = (given or SIGN_METHOD_DEFAULT).lower()
    if method not in SIGN_METHODS:
        raise DeviceError(f"signmethod must be one of {', '.join(SIGN_METHODS)}; got {method[:32]!r}.")
    return method


def _identity(username: str) -> tuple[str, str]:
    # alibaba 6.1 rule 4: pk and dn come from the username; the client id need not contain them.
    parts = username.split("&") if len(username) <= USERNAME_MAX else []
    if len(parts) != 2 or not all(DEVICE_NAME.fullmatch(part) for part in parts):
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
