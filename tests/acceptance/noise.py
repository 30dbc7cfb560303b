"""Random requests over every operation of the three management APIs, properly signed and sent over real sockets.

Values are valid, nearly valid or nonsense; names and ids that the server told come back in later requests, so that the
noise reaches deep. A table of the server says which parameters there are; how they are written and signed is said here.
"""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from huaweicloudsdkiotda.v5 import model as hm

from acceptance import huawei_client as huawei
from acceptance.client import Key, Server, new_device, new_package, new_product, new_sdk
from upwell.dialects.alibaba.management import OPERATIONS as ALIBABA
from upwell.dialects.huawei.management import OPERATIONS as HUAWEI
from upwell.dialects.tuya.management import OPERATIONS as TUYA

RESPONSE_WITHIN_S = 20
NONSENSE = (
    "", " ", "0", "-1", "+1", "01", "1.0", "1e9", "1e400", "NaN", "Infinity", "2147483647", "2147483648",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "9" * 400, "\0", "a\0b", "\n", "a\nb", "\t",
    "\x7f", "\u2028", "\ufeff", "\U0001f600", "\ud7ff", "阀门", "１２", "٣", "²", "İ", "ß", "%", "%00", "%s", "'", '"',
    "\\", "\\u0000", "a'b\"c", "--", ";", "$1", "{rule}", "{}", "[]", "null", "true", "True", "None", "*", "**", "_",
    "../../etc/passwd", "/", "//", ".", "..", "a/b", "http://127.0.0.1:1/x", "http://h/ota/x/y.bin", "https://[::1",
    "a" * 64, "a" * 257, "字" * 100, "a" * 5000, "1970-01-01 00:00:00", "2038-01-19T03:14:08Z", "9999-12-31 23:59:59",
    "0000-00-00 00:00:00", "20230211T121212Z", "00010101T000000Z", "99991231T235959Z", "20230230T121212Z",
    "1970-01-01T00:00:00.000Z", "0" * 24, "f" * 24, "0" * 32, "ffffffff-ffff-ffff-ffff-ffffffffffff", "1,2", "a=b&c=d",
)  # fmt: skip
DECENT = (
    "1", "2", "10", "50", "100", "33.333", "1.0.0", "2.0.0", "V1.0", "default", "mcu", "abcd", "node_1", "lamp",
    "ALL", "SPECIFIC", "GRAY", "GROUP", "MD5", "SHA256", "HTTPS", "MQTT", "bin", "tar.gz", "true", "false", "ab" * 16,
    "ab" * 32, "1234567890123", "20300211T121212Z", "2023-02-11 12:12:12", "room", "online", "QUEUED", "cn-north-4",
    "MQTT", "json", "softwareUpgrade", "firmwareUpgrade", "moduleUpgrade", "softwarePackage", "firmwarePackage",
)  # fmt: skip
SEARCH = (
    "select", "*", "from", "device", "where", "order", "by", "limit", "and", "or", "not", "in", "like", "is", "null",
    "(", ")", ",", "=", "!=", "<>", ">", ">=", "<", "<=", "'a'", "'a%'", '"x"', "1", "10,20", "product_id", "device_id",
    "device_name", "node_id", "status", "tags.tag_key", "marker", "app_id", "group.group_id", "product_key", "name",
    "nickname", "tag.key", "tag.value", "active_time", "create_time", "fw_version", "as_string('a')", "case", "exists",
    "between", "--", "/*", "*/", ";", "'", "`", "@a", "0x1f", "1e400", "'2023-02-11 12:12:12'", "9" * 30, "group_id",
    "module.name", "ota_module.name", "ota_module.version", "group by", "having", "union", "+", "-", "%", "||", "desc",
)  # fmt: skip
WRITTEN = re.compile(r"sql|expression|rule", re.I)
KEPT_MAX = 60  # values remembered of one name


@dataclass
class Memory:
    """What the server told, by name without case and underscores."""

    dice: random.Random
    known: dict[str, list[Any]] = field(default_factory=dict)
    words: list[Any] = field(default_factory=list)

    def keep(self, told: Any, name: str = "") -> None:
        """Remember every scalar of an answer."""
        if isinstance(told, Mapping):
            for key, value in told.items():
                self.keep(value, key)
        elif isinstance(told, list):
            for value in told:
                self.keep(value, name)
        elif told is not None and told != "":
            kept = self.known.setdefault(_plain(name), [])
            kept.append(told)
            self.words.append(told)
            del kept[:-KEPT_MAX], self.words[: -20 * KEPT_MAX]

    def of(self, name: str) -> Any:
        """A value that the server told under a like name, or anything."""
        plain = _plain(name)
        names = [n for n in self.known if n and (n.endswith(plain) or plain.endswith(n))]
        if names and self.dice.random() < 0.9:
            return self.dice.choice(self.known[self.dice.choice(names)])
        return self.dice.choice(self.words) if self.words else "x"


def _fits(rule: Any, value: Any, kind: str) -> bool:
    if rule is None or (kind in ("str", "text") and not isinstance(value, str)):
        return rule is None
    try:
        return rule.problem(value) is None
    except TypeError:
        return False


def _plain(name: str) -> str:
    plain = name.lower().replace("_", "").rstrip("s")
    return {"target": "deviceid", "targetdevicename": "devicename", "appname": "appname"}.get(plain, plain)


@dataclass
class Noise:
    """Makes requests. Equal seeds make equal requests as long as the answers are equal."""

    dice: random.Random

    def __post_init__(self) -> None:
        self.memory = Memory(self.dice)
        self.madness = 0.0  # of the present request: how likely each of its values is nonsense

    def begin(self) -> None:
        """Another request: many are all but right, so that they come through to what lies behind."""
        self.madness = self.dice.choice((0.0, 0.0, 0.0, 0.05, 0.4))

    def value(self, name: str, kind: str, rule: Any, depth: int = 0) -> Any:
        """A value of a parameter, as JSON would hold it."""
        dice = self.dice
        if WRITTEN.search(name) and dice.random() < 0.8:
            return self._search()
        if dice.random() < self.madness:
            return dice.choice((dice.choice(NONSENSE), dice.choice(NONSENSE), dice.choice(DECENT), dice.randint(-5, 5)))
        known = self.memory.of(name) if kind in ("str", "text", "long") else None
        fits = known is not None and (rule is None or _fits(rule, known, kind))
        if fits and dice.random() < (0.3 if rule is not None and not hasattr(rule, "chars") else 0.93):
            return known
        return self._fitting(kind, rule)

    def _fitting(self, kind: str, rule: Any) -> Any:
        dice = self.dice
        if getattr(rule, "values", None):
            return dice.choice(rule.values)
        if hasattr(rule, "low") and kind in ("int", "long", "number"):
            return dice.choice((rule.low, rule.high, dice.randint(rule.low, rule.high), rule.low - 1, rule.high + 1))
        if kind in ("int", "long", "number"):
            return dice.choice((0, 1, 2, 5, 50, 1000, 2**31 - 1, 2**63 - 1, 1_700_000_000_000))
        if kind == "bool":
            return dice.choice((True, False))
        if kind == "time":
            soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=dice.randint(1, 3000))
            return soon.strftime("%Y%m%dT%H%M%SZ")
        if kind in ("str", "text") and dice.random() < 0.3 and _fits(rule, made := f"n{dice.getrandbits(40):x}", kind):
            return made
        fit = [word for word in DECENT if rule is None or rule.problem(word) is None]
        return dice.choice(fit) if fit and dice.random() < 0.8 else f"n{dice.getrandbits(40):x}"

    def _search(self) -> str:
        dice = self.dice
        start = dice.choice(("", "", "select * from device where ", "select count(*) from device where "))
        length = dice.choice((1, 3, 5, 7, 12, 40))
        glue = dice.choice((" ", " ", " ", ""))
        if dice.random() < 0.3:
            deep = dice.choice((5, 50, 900))
            return start + "(" * deep + "name = 'a'" + ")" * dice.choice((deep, deep - 1))
        if dice.random() < 0.3:
            return start + glue.join(["not"] * dice.choice((1, 30, 400))) + " name = 'a'"
        if dice.random() < 0.4:
            field_, operator = dice.choice(SEARCH[24:42]), dice.choice(("=", "!=", ">", "<=", "like", "in", "not in"))
            word = str(self.memory.of(field_))
            return f"{start}{field_} {operator} " + (f"('{word}')" if "in" in operator else f"'{word}'")
        return start + glue.join(dice.choice(SEARCH) for _ in range(length))

    # --- Alibaba and Tuya ---

    def flat(self, action: str, params: tuple[Any, ...]) -> dict[str, str]:
        """The parameters of a request."""
        self.begin()
        given: dict[str, str] = {}
        chance = self.dice.choice((0.0, 0.15, 0.5))
        for param in params:
            if self.dice.random() < (1 - self.madness / 5 if param.required else chance):
                self._put(given, param.name, param)
        if self.dice.random() < self.madness:
            given[self.dice.choice(NONSENSE) or "x"] = self.dice.choice(NONSENSE)
        return {"Action": action} | given

    def _put(self, given: dict[str, str], name: str, param: Any) -> None:
        if param.kind == "list":
            places = (1, 2, 3, 4, 0, 11, 10**9) if self.madness else (1, 2, 3)
            for place in self.dice.sample(places, self.dice.choice((1, 1, 2, 3))):
                if not param.members:
                    given[f"{name}.{place}"] = self.text(param.name, "str", param.check)
                for member in param.members:
                    if self.dice.random() < 0.9:
                        self._put(given, f"{name}.{place}.{member.name}", member)
            if self.dice.random() < self.madness / 4:
                given[self.dice.choice((name, f"{name}.", f"{name}.x", f"{name}.-1", f"{name}.1.1"))] = "x"
        else:
            given[name] = self.text(param.name, param.kind, param.check)

    def text(self, name: str, kind: str, rule: Any) -> str:
        value = self.value(name, kind, rule)
        return value if isinstance(value, str) else json.dumps(value)

    # --- Huawei ---

    def members(self, table: tuple[Any, ...], depth: int = 0) -> dict[str, Any]:
        """The members of a JSON object."""
        made: dict[str, Any] = {}
        for row in table:
            if self.dice.random() < (1 - self.madness / 5 if row.required else 0.3):
                made[row.name] = self._member(row, depth)
        return made

    def _member(self, row: Any, depth: int) -> Any:
        dice = self.dice
        if dice.random() < self.madness / 4:
            return self._junk(0)
        if row.kind == "members":
            return self.members(row.members, depth + 1)
        if row.kind == "list":
            count = dice.choice((0, 1, 1, 2, 3, 12))
            if row.members:
                return [self.members(row.members, depth + 1) for _ in range(count)]
            return [self.value(row.name, "text", row.check, depth) for _ in range(count)]
        if row.kind in ("object", "any"):
            known: dict[str, Any] = {"package_ids": [self.memory.of("package_id")]} if row.name == "document" else {}
            if row.name == "targets_filter":
                known = {"group_ids": [self.memory.of("group_id")]}
            return known if known and dice.random() < 0.9 else {str(self.memory.of("x")): self._junk(0)}
        value = self.value(row.name, row.kind, row.check, depth)
        if row.kind == "text" and not isinstance(value, str) and dice.random() < 0.9:
            return str(value)
        return value

    def _junk(self, depth: int) -> Any:
        dice = self.dice
        if depth > 2 or dice.random() < 0.6:
            return dice.choice((None, True, 1, -1, 1.5, 2**63, 2**70, 1e308, "", "x", "\0", "a" * 3000, [], {}))
        if dice.random() < 0.1:
            deep: Any = 1
            for _ in range(dice.choice((31, 33, 500))):
                deep = [deep]
            return deep
        if dice.random() < 0.5:
            return [self._junk(depth + 1) for _ in range(dice.randint(0, 3))]
        return {str(dice.choice(NONSENSE)): self._junk(depth + 1) for _ in range(dice.randint(0, 3))}


# --- the doors ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request and what came of it."""

    operation: str
    what: str
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Door:
    """One key's way to the server: a connection that is kept, and the noise that goes through it."""

    address: str
    key: Key
    noise: Noise

    def __post_init__(self) -> None:
        self._link = http.client.HTTPConnection(self.address, timeout=RESPONSE_WITHIN_S)

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    def send(self, operation: str, what: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Sent:
        """Send it and remember the answer."""
        self._link.request(method, target, body or None, headers)
        got = self._link.getresponse()
        told = {name.lower(): value for name, value in got.getheaders()}
        sent = Sent(operation=operation, what=what, status=got.status, headers=told, body=got.read())
        if got.getheader("connection") == "close":
            self._link.close()
        if sent.status < 300 and "json" in sent.headers.get("content-type", ""):
            self.noise.memory.keep(json.loads(sent.body))
        return sent


def rpc(door: Door, operations: Mapping[str, Any], version: str | None) -> Iterator[Sent]:
    """Endless requests of Alibaba's or Tuya's API, signed with HMAC-SHA1."""
    dice, names = door.noise.dice, sorted(operations)
    while True:
        action = dice.choice(names)
        if "Delete" in action and dice.random() < 0.8:
            continue  # or nothing would be left to speak of
        given = door.noise.flat(action, operations[action].params)
        common = {
            "AccessKeyId": door.key.id, "SignatureMethod": "HMAC-SHA1", "SignatureNonce": f"{dice.getrandbits(128):x}",
            "SignatureVersion": "1.0", "Format": "JSON",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        } | ({"Version": version} if version else {})  # fmt: skip
        asked = given | common
        method = dice.choice(("GET", "POST"))
        pairs = "&".join(f"{_pct(name)}={_pct(asked[name])}" for name in sorted(asked, key=lambda n: n.encode()))
        text = f"{method}&%2F&{_pct(pairs)}".encode()
        digest = hmac.new(f"{door.key.secret}&".encode(), text, hashlib.sha1).digest()
        wire = urlencode(asked | {"Signature": base64.b64encode(digest).decode()}, quote_via=quote, safe="")
        what = f"{method} {json.dumps(given, ensure_ascii=True)}"
        if method == "GET" and len(wire) < 30_000:
            yield door.send(action, what, "GET", f"/?{wire}", {}, b"")
        elif method == "POST":
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            yield door.send(action, what, "POST", "/", kind, wire.encode())


def rest(door: Door) -> Iterator[Sent]:
    """Endless requests of Huawei's API, signed with SDK-HMAC-SHA256 (huawei 1.3)."""
    dice, names = door.noise.dice, sorted(HUAWEI)
    while True:
        name = dice.choice(names)
        operation = HUAWEI[name]
        if operation.method == "DELETE" and dice.random() < 0.8:
            continue  # or nothing would be left to speak of
        door.noise.begin()
        path = f"/v5/iot/{door.key.project_id}{operation.path}"
        for part in re.findall(r"\{(\w+)\}", path):
            path = path.replace(f"{{{part}}}", _pct(str(door.noise.value(part, "text", None)))[:2000] or "x", 1)
        query = [(n, door.noise.text(n, "text", None)) for n in door.noise.members(operation.query)]
        body = b""
        if operation.params:
            members = door.noise.members(operation.params)
            body = json.dumps(members, ensure_ascii=dice.random() < 0.5).encode("utf-8", "replace")
            if dice.random() < door.noise.madness / 5:
                body = dice.choice((b"", b"[]", b"null", b"{", b"\xff", b"{" * 2000, b"[" * 200_000, b'{"a":1,"a":2}'))
        target = path + (f"?{'&'.join(f'{_pct(n)}={_pct(v)}' for n, v in query)}" if query else "")
        headers = _huawei_headers(door, operation.method, path, query, body)
        what = f"{operation.method} {operation.path} {target[-300:]!r} {body[:1500]!r}"
        yield door.send(name, what, operation.method, target, headers, body)


def _huawei_headers(door: Door, method: str, path: str, query: list[tuple[str, str]], body: bytes) -> dict[str, str]:
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"content-type": "application/json", "host": door.address, "x-sdk-date": date}
    uri = "/".join(quote(part, safe="~") for part in unquote_to_bytes(path).split(b"/")).rstrip("/") + "/"
    if unquote_to_bytes(path).endswith(b"/"):
        uri = "/".join(quote(part, safe="~") for part in unquote_to_bytes(path).split(b"/"))
    pairs = "&".join(
        f"{_pct(n)}={_pct(v)}" for n, v in sorted((n.encode(), v.encode("utf-8", "replace")) for n, v in query)
    )
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    signed = ";".join(sorted(headers))
    text = "\n".join((method, uri, pairs, lines, signed, hashlib.sha256(body).hexdigest()))
    over = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
    mac = hmac.new(door.key.secret.encode(), over.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"SDK-HMAC-SHA256 Access={door.key.id}, SignedHeaders={signed}, Signature={mac}"
    return headers


def _pct(text: str | bytes) -> str:
    return quote(text, safe="~", errors="replace") if isinstance(text, str) else quote(text, safe="~")


# --- something to speak of -------------------------------------------------------------------------------------------

ACCOUNT = "noise"


def stage(server: Server, folder: Path) -> dict[str, list[Any]]:
    """Products, devices and packages of the account, made by the vendors' SDKs; what they are called."""
    sdk = new_sdk(server.http, server.new_key(ACCOUNT, "admin"))
    product = new_product(sdk)
    devices = [new_device(sdk, product)[0] for _ in range(4)]
    versions = ("2.0.0", "V1.0", "1.0.0")
    packages = [new_package(sdk, product, v.encode() * 99, dest_version=v, need_to_verify=False) for v in versions]
    packages.append(new_package(sdk, product, b"raw", dest_version="2.0.1"))
    client = huawei.sdk(server.http, server.new_key(ACCOUNT, "admin", "huawei"))
    meter = huawei.new_product(client)
    meters = [huawei.new_device(client, meter).device_id for _ in range(4)]
    image = folder / "image"
    image.write_bytes(b"image" * 99)
    place = {"bucket_name": "room", "object_key": "online.bin"}
    server.run("object", "put", "--bucket", "room", "--key", "online.bin", "--account", ACCOUNT, str(image))
    app = client.show_applications(hm.ShowApplicationsRequest()).applications[0].app_id
    obs = hm.FileLocation(obs_location=hm.ObsLocation(region_name="cn-north-4", **place))
    stored = []
    for kind, version in (("firmwarePackage", "2.0.0"), ("softwarePackage", "V1.0"), ("firmwarePackage", "V2.0")):
        body = hm.CreateOtaPackage(
            app_id=app, package_type=kind, product_id=meter, version=version, file_location=obs
        )  # fmt: skip
        stored.append(client.create_ota_package(hm.CreateOtaPackageRequest(body=body)).package_id)
    rpc_words = {"ProductKey": [product], "DeviceName": devices, "FirmwareId": packages}
    rest_words = {"product_id": [meter], "device_id": meters, "package_id": stored, "app_id": [app]}
    return {**rpc_words, **rest_words, **{name: [word] for name, word in place.items()}}


# --- what an answer must be ---------------------------------------------------------------------------------------


def wrong_of_alibaba(sent: Sent) -> str:
    """What is wrong with an answer of Alibaba's API; "" when nothing is."""
    told = json.loads(sent.body)
    if sent.status == 200:
        good = told.get("Success") is True or (
            told.get("Success") is False and told.get("Code") and told.get("ErrorMessage")
        )
        return (
            "" if good and told.get("RequestId") and "SystemException" not in str(told.get("Code")) else "not an answer"
        )
    good = {"RequestId", "HostId", "Code", "Message"} <= told.keys() and sent.status < 500
    return "" if good and told["Code"] != "SignatureDoesNotMatch" else "not a refusal"


def wrong_of_tuya(sent: Sent) -> str:
    """What is wrong with an answer of Tuya's API; "" when nothing is."""
    told = json.loads(sent.body)
    good = sent.status < 500 and {"code", "requestId", "success"} <= told.keys()
    return "" if good and "SystemException" not in told["code"] and told["code"] != "SignatureDoesNotMatch" else "wrong"


def wrong_of_huawei(sent: Sent) -> str:
    """What is wrong with an answer of Huawei's API; "" when nothing is."""
    if "x-request-id" not in sent.headers:
        return "no request id"
    if sent.status < 300:
        return "" if sent.status == 204 or not sent.body or isinstance(json.loads(sent.body), dict) else "not an answer"
    told = json.loads(sent.body)
    good = sent.status in (400, 401, 403, 404, 409, 429) and set(told) == {"error_code", "error_msg"}
    return "" if good and told["error_code"] not in ("IOTDA.000001", "IOTDA.000002") else "not a refusal"


DOORS: dict[str, tuple[Callable[[Door], Iterator[Sent]], Callable[[Sent], str]]] = {
    "alibaba": (lambda door: rpc(door, ALIBABA, "2018-01-20"), wrong_of_alibaba),
    "tuya": (lambda door: rpc(door, TUYA, None), wrong_of_tuya),
    "huawei": (rest, wrong_of_huawei),
}
