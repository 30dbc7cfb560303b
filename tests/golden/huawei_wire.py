"""Huawei's requests as bytes, written from the reference: signed (huawei 1.3-1.5), forms of files, and values that are
too long to be kept in a record."""

import hashlib
import hmac
import io
import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

SDK_HMAC, V11_HMAC = "SDK-HMAC-SHA256", "V11-HMAC-SHA256"
SCOPE = "here-north-1/iotdm"  # of a derived key: region and service
BOUNDARY = "golden"


def spread(value: Any) -> Any:
    """{"$text": ["x", 65]} is a text of 65 x, {"$list": [v, 3]} a list of three v, in which # is their number, and
    {"$deep": 40} as many objects in each other."""
    if isinstance(value, list):
        return [spread(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$text" in value:
        text, times = value["$text"]
        return text * times
    if "$list" in value:
        item, times = value["$list"]
        return [spread(json.loads(json.dumps(item).replace("#", str(place)))) for place in range(times)]
    if "$deep" in value:
        return {"a": spread({"$deep": value["$deep"] - 1})} if value["$deep"] else 0
    return {name: spread(each) for name, each in value.items()}


def body_of(ask: Mapping[str, Any]) -> tuple[bytes, str]:
    """The bytes of a step's body, and their type: `json`, `text` in the code `coded`, or a `form`; `pad` is so many
    blanks after them."""
    if "form" in ask:
        return _form(ask["form"]), f"multipart/form-data; boundary={BOUNDARY}"
    text = ask.get("text", "")
    if "json" in ask:
        text = json.dumps(spread(ask["json"]), ensure_ascii=False, separators=(",", ":"))
    return text.encode(ask.get("coded", "utf-8")) + b" " * ask.get("pad", 0), "application/json"


def target_of(path: str, query: Sequence[Sequence[str]]) -> str:
    """What is asked for on the request line."""
    pairs = "&".join(f"{quote(name, safe='~')}={quote(spread(value), safe='~')}" for name, value in query)
    return f"{path}?{pairs}" if pairs else path


def signed(
    key: tuple[str, str], method: str, target: str, headers: Mapping[str, str], body: bytes, how: str
) -> dict[str, str]:
    """The headers with the time and the signature of an access key; `how` is sdk or v11."""
    key_id, secret = key
    given = {"X-Sdk-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())} | headers
    lower = {name.lower(): value for name, value in given.items()}
    canonical, names = _canonical(method, target, lower, body), ";".join(sorted(lower))
    date, hashed = lower["x-sdk-date"], hashlib.sha256(canonical.encode()).hexdigest()
    if how == "v11":
        scope = f"{date[:8]}/{SCOPE}"
        derived = _hmac(_hmac(key_id.encode(), secret.encode()), scope.encode() + b"\x01").hex()
        text, whom, proof = f"{V11_HMAC}\n{date}\n{scope}\n{hashed}", f"Credential={key_id}/{scope}", derived.encode()
    else:
        text, whom, proof = f"{SDK_HMAC}\n{date}\n{hashed}", f"Access={key_id}", secret.encode()
    name = V11_HMAC if how == "v11" else SDK_HMAC
    signature = _hmac(proof, text.encode()).hex()
    return given | {"Authorization": f"{name} {whom}, SignedHeaders={names}, Signature={signature}"}


def _canonical(method: str, target: str, lower: Mapping[str, str], body: bytes) -> str:
    path, _, query = target.partition("?")
    uri = "/".join(quote(part, safe="~") for part in unquote(path).split("/"))
    pairs = sorted(tuple(map(unquote, pair.partition("=")[::2])) for pair in query.split("&") if pair)
    asked = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    told = "".join(f"{name}:{lower[name].strip()}\n" for name in sorted(lower))
    payload = lower.get("x-sdk-content-sha256", hashlib.sha256(body).hexdigest())
    return "\n".join((method, uri.rstrip("/") + "/", asked, told, ";".join(sorted(lower)), payload))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _form(form: Mapping[str, Any]) -> bytes:
    """A form with one part: `name`, `file` as its name, and a workbook of so many `rows` or a `text`."""
    content = form["text"].encode() if "text" in form else _workbook(form["rows"], form.get("pad", 0))
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{form["name"]}"; filename="{form["file"]}"\r\n\r\n'
    return head.encode() * form.get("times", 1) + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def _workbook(rows: int, pad: int) -> bytes:
    sheet = "<worksheet><sheetData>" + '<row r="1"><c/></row>' * rows + " " * pad + "</sheetData></worksheet>"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), sheet, zipfile.ZIP_DEFLATED)
    return made.getvalue()
