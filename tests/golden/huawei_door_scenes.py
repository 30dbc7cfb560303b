"""Huawei's doors before any operation: signatures, tokens, routes, bodies, projects, roles, forms, and every member of
every operation that breaks its row."""

import re
from typing import Any

from tests.golden import huawei_tables as tables
from tests.golden.huawei_script import Script, of

VIEWER, OPERATOR, OTHER, ALIBABA = "golden/viewer", "golden/operator", "other/admin", "golden/admin/alibaba"
LIST = "ListDevices"


def door() -> Script:
    s = Script()
    _signatures(s)
    _routes(s)
    _bodies(s)
    _roles(s)
    _registration(s)
    return s


def _signatures(s: Script) -> None:
    s.call(LIST, "signed by a derived key", sign="v11")
    s.call(LIST, "with an instance", headers={"Instance-Id": "x"})
    s.refused(LIST, "unsigned", by="nobody")
    s.refused(LIST, "by another secret", secret="wrong")  # it is wrong
    s.refused(LIST, "by a derived key of another secret", secret="wrong", sign="v11")  # it is wrong
    s.refused(LIST, "by a key of another dialect", by=ALIBABA)
    s.refused(LIST, "16 minutes ago", headers={"X-Sdk-Date": "{{now|basic-960}}"})
    s.refused(LIST, "in 16 minutes", headers={"X-Sdk-Date": "{{now|basic+960}}"})
    s.refused(LIST, "at no time", headers={"X-Sdk-Date": "yesterday"})
    s.refused(LIST, "on no day", headers={"X-Sdk-Date": "20260230T000000Z"})
    s.refused(LIST, "with a token of a temporary key", after={"X-Security-Token": "t"})
    s.refused(LIST, "with an unknown token", by={"token": "unknown"})
    s.refused(LIST, "another header than was signed", after={"Content-Type": "text/plain"})
    s.refused(LIST, "without a signed header", after={"Content-Type": None})
    s.refused("AddApplication", "a digest that is not the body's", json={"app_name": "a"},
              headers={"X-Sdk-Content-Sha256": "0" * 64})  # fmt: skip
    s.refused("AddApplication", "an unsigned body", json={"app_name": "a"},
              headers={"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"})  # fmt: skip
    date, listed = "{{now|basic+0}}", "SignedHeaders=x-sdk-date"
    for words, text in (
        ("another algorithm", f"SDK-HMAC-SM3 Access=a, {listed}, Signature=b"),
        ("no key", f"SDK-HMAC-SHA256 {listed}, Signature=b"),
        ("no signed headers", "SDK-HMAC-SHA256 Access=a, Signature=b"),
        ("no signature", f"SDK-HMAC-SHA256 Access=a, {listed}"),
        ("a part twice", "SDK-HMAC-SHA256 Access=a, Access=a, Signature=b"),
        ("the date not signed", "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=b"),
        ("an unknown key", f"SDK-HMAC-SHA256 Access=unknown, {listed}, Signature=b"),
        ("a key without a scope", f"V11-HMAC-SHA256 Credential=a, {listed}, Signature=b"),
        ("another day's scope", f"V11-HMAC-SHA256 Credential=a/20200101/r/iotdm, {listed}, Signature=b"),
    ):
        s.refused(LIST, words, by="nobody", headers={"X-Sdk-Date": date, "Authorization": text})


def _routes(s: Script) -> None:
    for words, line in (
        ("no such path", "GET ~/nothing"),
        ("no such method", "PATCH ~/devices"),
        ("a method of another path", "PUT ~/ota-upgrades/packages"),
        ("no project", "GET /v5/iot"),
        ("no version", "GET /v5/other"),
        ("an options request", "OPTIONS ~/devices"),
    ):
        s.add(f"route: {words}", {"ask": line}, "refusal")
    s.add("route: a slash at the end", {"ask": "GET ~/devices/"})
    s.add("route: a coded slash in an id", {"ask": "GET ~/devices/a%2Fb"}, "refusal")
    s.add("route: another project", {"ask": "GET /v5/iot/0123456789abcdef0123456789abcdef/devices"}, "refusal")
    s.add("route: a newline in an id", {"ask": "GET ~/devices/a%0Ab"}, "refusal")


def _bodies(s: Script) -> None:
    name = {"app_name": "a"}
    for words, body in (
        ("no JSON", {"text": "{"}),
        ("no object", {"text": "[]"}),
        ("no UTF-8", {"text": '{"app_name":"é"}', "coded": "latin-1"}),
        ("a member twice", {"text": '{"app_name":"a","app_name":"b"}'}),
        ("no body", {}),
        ("a null", {"json": {"app_name": None}}),
        ("a misspelt member", {"json": {"appName": "a"}}),
        ("a slip of the finger", {"json": {"app_nmae": "a"}}),
        ("too large a body", {"json": name, "pad": 8 * 1024 * 1024}),
        ("a NUL", {"text": '{"app_name":"a\\u0000"}'}),
    ):
        s.refused("AddApplication", words, **body)
    s.refused("UpdateDevice", "nested too deep", ids={"device_id": "a"}, json={"extension_info": {"$deep": 40}})
    s.refused("ResetDeviceSecret", "a member in the query", ids={"device_id": "a"},
              query={"action_id": "resetSecret", "secret": "abcdefgh"}, json={})  # fmt: skip
    s.refused("ResetDeviceSecret", "a misspelt name in the query", ids={"device_id": "a"},
              query={"actionId": "resetSecret"}, json={})  # fmt: skip
    s.refused("ResetDeviceSecret", "two values in the query", ids={"device_id": "a"},
              query=[["action_id", "other"], ["action_id", "resetSecret"]], json={})  # fmt: skip
    s.refused("ResetDeviceSecret", "two values in another order than the signed one", ids={"device_id": "a"},
              query=[["action_id", "resetSecret"], ["action_id", "other"]], json={})  # fmt: skip
    s.refused(LIST, "too many parameters", query={f"p{n}": n for n in range(1001)})
    s.call(LIST, "a stranger in the query", query={"stranger": 1, "limit": 1})


def _roles(s: Script) -> None:
    for name in tables.NAMES:
        ids = dict.fromkeys(re.findall("{([a-z_]+)}", tables.line(name)), "a")
        if tables.role(name) != "viewer":
            s.refused(name, "by a viewer", ids=ids, by=VIEWER)
        if tables.role(name) == "admin":
            s.refused(name, "by an operator", ids=ids, by=OPERATOR)


def _registration(s: Script) -> None:
    """Devices that ask for their secret over HTTP (alibaba 6.1) at the same address."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for words, text in (
        ("a method without a sign", "productKey=a&deviceName=b&random=1&signMethod=hmacmd5"),
        ("an unknown product", "productKey=a&deviceName=b&random=1&sign=0&signMethod=hmacsha256"),
        ("an unknown method", "productKey=a&deviceName=b&random=1&sign=0&signMethod=hmacsm3"),
        ("nothing", ""),
        ("no form", "\u00e9"),
        ("too long", "a=" + "b" * 4096),
    ):
        ask = {"ask": "POST /auth/register/device", "by": "nobody", "headers": kind, "text": text}
        s.add(f"register: {words}", ask, "refusal")


def rows() -> Script:
    """Every member of every operation that breaks its row."""
    s = Script()
    for name in tables.NAMES:
        for wrong in tables.wrongs(name):
            more = {} if wrong.body is None else {"json": wrong.body}
            s.refused(name, wrong.words, ids=wrong.ids, query=wrong.query, **more)
    return s


def iam() -> Script:
    """Tokens and projects (huawei 1.8)."""
    s = Script()
    s.run("a user", "user", "create", "olga", "--account", "golden", "--role", "operator", "--password-stdin",
          given="right-Password\n")  # fmt: skip
    project = {"project": {"name": "here-north-1"}}
    token = _sign_in(s, "for a project", scope=project, shows="full")
    _sign_in(s, "for a project by its id", scope={"project": {"id": "{{given|project_id}}"}}, shows="full")
    account = _sign_in(s, "for the account", scope={"domain": {"name": "golden"}}, shows="full")
    _sign_in(s, "for nothing", shows="full")
    _sign_in(s, "by another password", "wrong", scope=project)
    _sign_in(s, "an unknown user", name="nobody", scope=project)
    _sign_in(s, "an unknown account", of="nowhere", scope=project)
    _sign_in(s, "for another project", scope={"project": {"id": "0" * 32}})
    _sign_in(s, "for another account", scope={"domain": {"name": "other"}})
    _sign_in(s, "for both", scope=project | {"domain": {"name": "golden"}})
    for words, body in (
        ("nothing", {"json": {}}),
        ("no JSON", {"text": "{"}),
        ("by a token", {"json": {"auth": {"identity": {"methods": ["token"], "password": {"user": {
            "name": "a", "password": "b", "domain": {"name": "c"}}}}}}}),
        ("no user", {"json": {"auth": {"identity": {"methods": ["password"], "password": {}}}}}),
        ("too large", {"json": {}, "pad": 16 * 1024}),
    ):  # fmt: skip
        s.add(f"tokens: {words}", {"ask": "POST /v3/auth/tokens", "by": "nobody"} | body, "refusal")
    by = {"token": of(f"{token} headers", "x-subject-token")}
    s.call(LIST, "by a token", by=by)
    s.refused("AddApplication", "by an operator's token", by=by, json={"app_name": "a"})
    s.refused(LIST, "by the account's token", by={"token": of(f"{account} headers", "x-subject-token")})
    for words, ask in (
        ("by a key", {}),
        ("by its name", {"query": [["name", "here-north-1"]]}),
        ("by a token", {"by": by}),
        ("by the account's token", {"by": {"token": of(f"{account} headers", "x-subject-token")}}),
    ):
        s.add(f"projects: {words}", {"ask": "GET /v3/projects"} | ask, "full")
    s.add("projects: unsigned", {"ask": "GET /v3/projects", "by": "nobody"}, "refusal")
    s.add("projects: another secret", {"ask": "GET /v3/projects", "secret": "wrong"}, "refusal")
    s.add("iam: no such path", {"ask": "GET /v3/users"}, "refusal")
    s.add("iam: another method", {"ask": "PUT /v3/projects"}, "refusal")
    for number in range(11):
        _sign_in(s, f"guess {number}", f"guess-{number}", scope=project)
    _sign_in(s, "right, but too late", scope=project)
    return s


def _sign_in(
    s: Script, words: str, password: str = "right-Password", *, name: str = "olga", of: str = "golden",  # of this test
    scope: Any = None, shows: str = "refusal",
) -> str:  # fmt: skip
    user = {"name": name, "password": password, "domain": {"name": of}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}} | ({"scope": scope} if scope else {})
    ask = {"ask": "POST /v3/auth/tokens", "query": [["nocatalog", "true"]], "by": "nobody", "json": {"auth": auth}}
    s.add(f"tokens: {words}", ask, shows)
    return f"tokens: {words}"


def limits() -> Script:
    """Limits on requests a second."""
    s = Script()
    sql = {"sql": "select count(*) from device"}
    s.call("SearchDevices", "within the limit", json=sql, until={"status": 200})
    s.refused("SearchDevices", "above the limit", json=sql, until={"status": 403})
    return s
