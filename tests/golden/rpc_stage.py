"""The stage of the two RPC dialects: signs what a step asks, by the reference's text and with nothing of the server's,
and plays the devices and the uploads that the answers need.

A step asks one of
  {"do": Action, "with": parameters}   lists become Name.1, structs Name.1.Member; {"many": 5, "as": "n{}"} is a list
      by      whose key signs: admin (else), viewer, stranger (an admin of another account), nobody (an unknown one)
      method  GET (else) or POST, with the parameters in a form; or any other
      sign    v1 (else) or acs3; `common` changes the common parameters or headers, after signing those in `late`
      raw     a body as it is, of the type `type`; `repeated` more parameters; `times` how often at once
  {"device": name, "say": ...}         online, offline, inform, progress, hear
  {"upload": ticket, "image": text}    the form that the ticket is for; {"zeros": n} is an image of n bytes
"""

import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tests.golden.audited import Heard
from tests.golden.book import Raw, Stage

from acceptance.client import BOUNDARY, Key, Server, serve
from acceptance.device import Device

IDLE_S = 1.0  # the server keeps a connection some seconds
NOBODY = Key(id="a-key-of-nobody", secret="a secret of nobody")
FORM = "application/x-www-form-urlencoded"
IMAGE_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


class Voice(Protocol):
    """A device of the vendor's kind."""

    def inform(self, version: str, module: str = "") -> None: ...
    def progress(self, step: int, module: str = "") -> None: ...
    def hear(self) -> None: ...
    def close(self) -> None: ...


class AlibabaVoice(Device):
    """One by Alibaba's topics."""

    def hear(self) -> None:
        """Wait for the next offer."""
        self.offered()


class RpcStage(Stage):
    """One running server, its keys and its devices."""

    def __init__(self, server: Server, dialect: str, voice: Callable[..., Voice]) -> None:
        self._server, self._dialect, self._voice = server, dialect, voice
        self._keys = {"nobody": NOBODY} | ({"admin": server.admin} if dialect == "alibaba" else {})
        self._devices: dict[str, Voice] = {}
        self.heard = Heard(dialect)
        host, _, port = server.http.rpartition(":")
        self._link = http.client.HTTPConnection(host, int(port), timeout=60)
        self._asked_at = time.monotonic()
        self.given = {"address": server.http}

    def send(self, ask: dict[str, Any]) -> Raw | None:
        """One step."""
        if "device" in ask:
            return self._say(**ask)
        if "upload" in ask:
            image = ask["image"]
            return self._upload(ask["upload"], image.encode() if isinstance(image, str) else bytes(image["zeros"]))
        if "times" in ask:
            return self._burst(ask)
        return self._noted(ask, self._exchanged(*self._request(ask)))

    def _noted(self, ask: Mapping[str, Any], raw: Raw) -> Raw:
        certain = ask.get("by") != "nobody" and not {"common", "late", "raw", "repeated", "method"} & ask.keys()
        self.heard.note(ask["do"], raw, certain=certain)
        return raw

    def _exchanged(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Raw:
        """The answer; asked once more where the server hung up before it read the request. Had it read it, the nonce
        would be used."""
        try:
            return self._fetch(self._kept(), method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._link.close()
            return self._fetch(self._link, method, path, body, headers)

    def _kept(self) -> http.client.HTTPConnection:
        """The connection, or a new one where the server may be about to hang up the one that was idle."""
        if time.monotonic() - self._asked_at > IDLE_S:
            self._link.close()
        self._asked_at = time.monotonic()
        return self._link

    def close(self) -> None:
        """Hang up."""
        self._link.close()
        for device in self._devices.values():
            device.close()

    # --- requests ---

    def _request(self, ask: Mapping[str, Any]) -> tuple[str, str, bytes, dict[str, str]]:
        """Method, path, body, headers."""
        key = self._key(ask.get("by", "admin"))
        return _acs3(key, ask) if ask.get("sign") == "acs3" else self._v1(key, ask)

    def _v1(self, key: Key, ask: Mapping[str, Any]) -> tuple[str, str, bytes, dict[str, str]]:
        method = ask.get("method", "GET")
        pairs = {
            "Action": ask["do"],
            "AccessKeyId": key.id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": uuid.uuid4().hex,
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if self._dialect == "alibaba":
            pairs |= {"Format": "JSON", "Version": "2018-01-20", "SignatureVersion": "1.0"}
        pairs = _changed(pairs, ask.get("common", {})) | flat(ask.get("with", {}))
        signed = [*pairs.items(), *map(tuple, ask.get("repeated", ()))]
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(signed, key=_name))
        text = f"{method}&%2F&{_quoted(query)}"
        digest = hmac.new(f"{key.secret}&".encode(), text.encode(), hashlib.sha1).digest()
        late = {"Signature": base64.b64encode(digest).decode()} | ask.get("late", {})
        wire = urlencode([(n, v) for n, v in [*signed, *late.items()] if v is not None and late.get(n, v) == v],
                         quote_via=quote)  # fmt: skip
        if "raw" in ask:
            return method, f"/?{wire}", ask["raw"].encode(), {"content-type": ask["type"]}
        if method == "POST":
            return method, "/", wire.encode(), {"content-type": FORM}
        return method, f"/?{wire}", b"", {}

    def _burst(self, ask: Mapping[str, Any]) -> Raw:
        """The same request many times at once: the answer that was not 200, or the last."""
        host, _, port = self._server.http.rpartition(":")

        def one(_: int) -> Raw:
            with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as link:
                return self._noted(ask, self._fetch(link, *self._request(ask)))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(ask["times"])))
        return next((answer for answer in answers if answer.status != 200), answers[-1])

    @staticmethod
    def _fetch(link: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> Raw:
        link.request(method, path, body or None, headers)
        got = link.getresponse()
        return Raw(status=got.status, type=got.getheader("content-type", ""), body=got.read())

    def _key(self, who: str) -> Key:
        if who not in self._keys:
            account = "other" if who == "stranger" else "default"
            role = "viewer" if who == "viewer" else "admin"
            self._keys[who] = self._server.new_key(account, role, self._dialect)
        return self._keys[who]

    # --- what else there is ---

    def _upload(self, ticket: Mapping[str, Any], image: bytes) -> Raw:
        fields = {name[0].lower() + name[1:]: value for name, value in ticket.items()}
        key_id = next(value for name, value in fields.items() if name.lower().endswith("accesskeyid"))
        parts = {"key": fields["key"], "policy": fields["policy"], "OSSAccessKeyId": key_id}
        parts |= {"signature": fields["signature"], "success_action_status": "200"}
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
        form = "".join(f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()) + f'{head}"file"\r\n\r\n'
        body = form.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self._exchanged("POST", "/", body, {"content-type": IMAGE_TYPE})

    def _say(self, device: str, say: str, **more: Any) -> None:
        if say == "online":
            self._devices[device] = self._voice(self._server.mqtt, more["product"], more["name"], more["secret"])
        elif say == "offline":
            self._devices.pop(device).close()
        elif say == "hear":
            self._devices[device].hear()
        elif say == "inform":
            self._devices[device].inform(more["version"], more.get("module", ""))
        else:
            self._devices[device].progress(more["step"], more.get("module", ""))


def _acs3(key: Key, ask: Mapping[str, Any]) -> tuple[str, str, bytes, dict[str, str]]:
    """alibaba 1.4: the parameters in the query, the signature in the headers."""
    method, query = ask.get("method", "GET"), flat(ask.get("with", {}))
    wire = "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query))
    headers = {
        "host": "127.0.0.1",
        "x-acs-action": ask["do"],
        "x-acs-version": "2018-01-20",
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    headers = _changed(headers, ask.get("common", {}))
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical = "\n".join((method, "/", wire, lines, ";".join(names), headers.get("x-acs-content-sha256", "")))
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    authorization = f"ACS3-HMAC-SHA256 Credential={key.id},SignedHeaders={';'.join(names)},Signature={signature}"
    headers = _changed(headers | {"authorization": authorization}, ask.get("late", {}))
    return method, f"/?{wire}" if wire else "/", b"", headers


def flat(given: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as they are on the wire."""
    pairs: dict[str, str] = {}
    for name, value in given.items():
        items = [value["as"].format(n) for n in range(value["many"])] if isinstance(value, Mapping) else value
        if not isinstance(items, list):
            pairs[name] = json.dumps(items) if isinstance(items, bool) else str(items)
            continue
        for place, each in enumerate(items, 1):
            if isinstance(each, Mapping):
                pairs |= {f"{name}.{place}.{member}": str(part) for member, part in each.items()}
            else:
                pairs[f"{name}.{place}"] = str(each)
    return pairs


def _changed(pairs: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """With these values; None takes one away."""
    return {name: value for name, value in {**pairs, **changes}.items() if value is not None}


def _name(pair: tuple[str, str]) -> str:
    """What pairs are sorted by; equal names keep their order."""
    return pair[0]


def _quoted(text: str) -> str:
    return quote(text.encode(), safe="-_.~")


@contextlib.contextmanager
def opened(dialect: str, voice: Callable[..., Voice], options: list[str]) -> Iterator[RpcStage]:
    """A stage of the dialect on a server of its own."""
    with serve(*options) as server:
        stage = RpcStage(server, dialect, voice)
        try:
            yield stage
            stage.heard.check(server)
        finally:
            stage.close()
