"""A provider of OpenID Connect: where people are sent to, and who it says that they are.

Holds: only the issuer's own host, and those that the settings name beside it, are asked, over https (http on loopback
alone), by GET and POST without a redirect; what comes is bounded in time and size. Who somebody is counts by an id
token that is signed with a key of the provider's, by an algorithm of public keys, for this client, now, and for the
nonce of this browser. Refuses: to tell the client's secret, a code or a token in a log or an error.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import errors, jwt
from joserfc.jwk import KeySet

from upwell.domain.addresses import is_loopback
from upwell.domain.errors import Busy, Denied, Unavailable

WITHIN_S = 10.0  # one question
SIZE_MAX = 256 * 1024  # bytes of an answer
TOKEN_CHARS_MAX = 32 * 1024
CODE_CHARS_MAX = 4096
ASKED_AT_ONCE = 8  # sign-ins of a process that ask the provider
KNOWN_S = 3600.0  # how long its description counts
AGAIN_S = 1.0  # after it did not describe itself
KEYS_ANEW_S = 30.0  # how often its keys are asked for when one is not known
LEEWAY_S = 60
KEYS_MAX = 100
GROUPS_MAX = 1000
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SCOPES = ("openid", "profile", "email", "groups")  # those of them that it has
Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the settings say of the provider: `hosts` may be asked beside the issuer's own, `groups` are roles by the
    names that `groups_claim` has."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    hosts: frozenset[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)
    groups_claim: str = "groups"
    name_claim: str = "preferred_username"
    account: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Who signed in at the provider."""

    subject: str
    name: str
    groups: frozenset[str]


class Provider:
    """The one provider of a server. `trusted` are the certificate authorities, the system's own when it is None."""

    def __init__(self, terms: Terms, *, trusted: Any = True) -> None:
        self.terms = terms
        self._trusted = trusted
        self._room = asyncio.Semaphore(ASKED_AT_ONCE)
        self._described: dict[str, Any] = {}
        self._described_at = self._keys_at = self._failed_at = float("-inf")
        self._turn = asyncio.Lock()
        self._keys: KeySet | None = None

    async def start(self, *, back: str, state: str, nonce: str, challenge: str) -> str:
        """Where a browser is sent to sign in. Raises Unavailable."""
        asked = {
            "response_type": "code", "client_id": self.terms.client_id, "redirect_uri": back,
            "scope": await self._scope(), "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return _with_query(await self._place("authorization_endpoint"), asked)

    async def _scope(self) -> str:
        known = (await self._description()).get("scopes_supported")
        had = SCOPES[:3] if not isinstance(known, list) else [each for each in SCOPES if each in known]
        return " ".join(dict.fromkeys(("openid", *had)))

    async def leave(self, back: str) -> str:
        """Where one signs out at the provider; none where it has no such place. Raises Unavailable."""
        if "end_session_endpoint" not in await self._description():
            return ""
        asked = {"client_id": self.terms.client_id, "post_logout_redirect_uri": back}
        return _with_query(await self._place("end_session_endpoint"), asked)

    async def proven(self, *, code: str, back: str, verifier: str, nonce: str) -> Proven:
        """Whoever the code is of. Raises Denied, Unavailable, Busy."""
        if self._room.locked():
            raise Busy("Too many sign in at once; try again in a moment.")
        async with self._room:
            told = await self._exchanged(code, back, verifier)
            claims = await self._checked(str(told.get("id_token", "")), nonce)
            missing = {self.terms.groups_claim, self.terms.name_claim} - set(claims)
            if missing and "userinfo_endpoint" in await self._description():
                claims = {**await self._more(str(told.get("access_token", "")), claims), **claims}
        return Proven(
            subject=str(claims["sub"]), name=str(claims.get(self.terms.name_claim) or claims.get("email") or ""),
            groups=_groups(claims.get(self.terms.groups_claim)),
        )  # fmt: skip

    # --- what the provider says ---

    async def _exchanged(self, code: str, back: str, verifier: str) -> Claims:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        secret, auth = self.terms.client_secret, None
        methods = (await self._description()).get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is not None and "client_secret_basic" in methods:
            auth = httpx.BasicAuth(self.terms.client_id, secret)
        else:
            asked |= {"client_id": self.terms.client_id} | ({} if secret is None else {"client_secret": secret})
        status, told = await self._ask("POST", await self._place("token_endpoint"), data=asked, auth=auth)
        if status != 200:
            raise Denied(f"The provider does not take the code: {_word(told.get('error'))}. Sign in again.")
        return told

    async def _checked(self, token: str, nonce: str) -> Claims:
        """The claims of an id token that counts. Raises Denied, Unavailable."""
        if not token or len(token) > TOKEN_CHARS_MAX:
            raise Denied("The provider tells nobody's name.")
        try:
            claims = (await self._decoded(token)).claims
            rules = jwt.JWTClaimsRegistry(
                now=int(time.time()), leeway=LEEWAY_S, iss={"essential": True, "value": self.terms.issuer},
                aud={"essential": True, "value": self.terms.client_id}, sub={"essential": True},
                exp={"essential": True}, iat={"essential": True}, nonce={"essential": True, "value": nonce},
            )  # fmt: skip
            rules.validate(claims)
        except (errors.JoseError, ValueError, TypeError) as exc:
            raise Denied(f"What the provider says can't be relied on: {type(exc).__name__}.") from exc
        if claims.get("azp", self.terms.client_id) != self.terms.client_id:
            raise Denied("What the provider says is for another program.")
        return dict(claims)

    async def _decoded(self, token: str) -> jwt.Token:
        if self._keys is None:
            await self._read_keys()
        try:
            return jwt.decode(token, self._known(), algorithms=list(ALGORITHMS))
        except (errors.JoseError, ValueError):
            if time.monotonic() - self._keys_at < KEYS_ANEW_S:
                raise
        await self._read_keys()  # it has new keys
        return jwt.decode(token, self._known(), algorithms=list(ALGORITHMS))

    def _known(self) -> KeySet:
        assert self._keys is not None  # noqa: S101  # they were read
        return self._keys

    async def _read_keys(self) -> None:
        _, told = await self._ask("GET", await self._place("jwks_uri"))
        keys = told.get("keys")
        if not isinstance(keys, list) or not 0 < len(keys) <= KEYS_MAX:
            raise Unavailable("The provider of sign-in tells no keys.")
        try:
            self._keys, self._keys_at = (
                KeySet.import_key_set({"keys": [each for each in keys if _signs(each)]}),
                time.monotonic(),
            )
        except (errors.JoseError, ValueError, TypeError, KeyError) as exc:
            raise Unavailable("The keys of the provider of sign-in can't be read.") from exc

    async def _more(self, token: str, claims: Claims) -> Claims:
        """What it tells by its userinfo of the same person."""
        place = await self._place("userinfo_endpoint")
        status, told = await self._ask("GET", place, headers={"Authorization": f"Bearer {token}"})
        return told if status == 200 and told.get("sub") == claims["sub"] else {}

    async def _description(self) -> Mapping[str, Any]:
        """Asked for by one at a time, and after a failure not at once again, however many strangers want to sign in."""
        if time.monotonic() - self._described_at <= KNOWN_S:
            return self._described
        async with self._turn:
            if time.monotonic() - self._described_at > KNOWN_S:
                if time.monotonic() - self._failed_at < AGAIN_S:
                    raise Unavailable("The provider of sign-in did not answer a moment ago.")
                self._failed_at = time.monotonic()
                self._described = await self._read_description()
                self._described_at, self._failed_at = time.monotonic(), float("-inf")
        return self._described

    async def _read_description(self) -> dict[str, Any]:
        status, told = await self._ask("GET", self.terms.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if status != 200 or told.get("issuer") != self.terms.issuer:
            raise Unavailable("The provider of sign-in does not describe itself as the issuer that is set.")
        return told

    async def _place(self, name: str) -> str:
        """One of its addresses, which may be asked. Raises Unavailable."""
        url = str((await self._description()).get(name, ""))
        if not self._may_ask(url):
            raise Unavailable(f"The provider's {name} is not at its own host by https, nor at one of --oidc-hosts.")
        return url

    def _may_ask(self, url: str) -> bool:
        try:
            place, own = urlsplit(url), urlsplit(self.terms.issuer)
            is_known = place.netloc == own.netloc or (place.hostname or "") in self.terms.hosts
        except ValueError:
            return False
        is_safe = place.scheme == "https" or (place.scheme == "http" and is_loopback(place.hostname or ""))
        return is_known and is_safe and not place.username

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object that is answered. Raises Unavailable."""
        try:
            async with asyncio.timeout(WITHIN_S), self._client() as client, client.stream(method, url, **more) as got:
                body = bytearray()
                async for piece in got.aiter_bytes():
                    body += piece
                    if len(body) > SIZE_MAX:
                        raise Unavailable("The provider of sign-in says too much.")
            told = json.loads(body)
        except (httpx.HTTPError, OSError, TimeoutError) as exc:
            raise Unavailable(f"The provider of sign-in does not answer: {type(exc).__name__}.") from exc
        except ValueError as exc:
            raise Unavailable("The provider of sign-in does not answer in JSON.") from exc
        if not isinstance(told, dict):
            raise Unavailable("The provider of sign-in does not answer in JSON.")
        return got.status_code, told

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._trusted, timeout=WITHIN_S, trust_env=False,
                                 headers={"Accept": "application/json"})  # fmt: skip


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}"


def _signs(key: Any) -> bool:
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _word(text: Any) -> str:
    """A code of an error, as a provider says it."""
    return text if isinstance(text, str) and text.isascii() and text.isprintable() and len(text) <= 64 else "refused"


def _groups(told: Any) -> frozenset[str]:
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return frozenset(each for each in names[:GROUPS_MAX] if isinstance(each, str))
