"""What the acceptance tests use to start a server and to speak to it. Every byte is written and read here or by the
vendors' SDKs: nothing of the server is imported, for an error shared by both ends is one that nobody sees.
"""

import base64
import functools
import hashlib
import hmac
import http.client
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config

from scratch import scratch
from warm import Warm

UPWELL = Path(sys.executable).with_name("upwell")
READY = re.compile(r"^upwell ready http=(\S+) mqtt=(\S+) download=(\S+)(?: .*?\bmetrics=(\S+))?")
START_S = 60
STOP_S = 20
T = TypeVar("T")
BOUNDARY = "----upwell-acceptance"


# --- the server ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Key:
    """An access key."""

    id: str
    secret: str
    project_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running `upwell serve`."""

    http: str
    mqtt: str
    download: str
    metrics: str
    data_dir: Path
    admin: Key
    pid: int

    def new_key(self, account: str, role: str, dialect: str = "alibaba") -> Key:
        """Made by the command beside the running server."""
        told = self.run("key", "create", "--json", "--account", account, "--dialect", dialect, "--role", role)
        made = json.loads(told)
        return Key(id=made["id"], secret=made["secret"], project_id=made["project_id"])

    def run(self, *command: str, given: str = "") -> str:
        """What a command beside the running server prints; `given` is its input."""
        done = _warm().run([*command, "--data-dir", str(self.data_dir)], given)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def serve(*options: str) -> Iterator[Server]:
    """A server on free ports, with a data directory of its own, both gone at the end. Tests ask faster than people do:
    the limits on requests a second are on only where `options` says so."""
    if not any("request-limits" in option for option in options):
        options = ("--no-request-limits", *options)
    data_dir = scratch("upwell-acceptance-")
    admin = Key(id="acceptance", secret="an-Acceptance-Secret")
    ports = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--download", "127.0.0.1:0"]
    ports += ["--metrics", "127.0.0.1:0", *options]
    log = (data_dir / "serve.log").open("wb")
    process = subprocess.Popen(
        [UPWELL, "serve", "--data-dir", data_dir, *ports],
        stdout=subprocess.PIPE,
        stderr=log,
        env=_environment() | {"UPWELL_BOOTSTRAP_KEY": f"{admin.id}:{admin.secret}"},
        text=True,
    )
    try:
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pump, args=(process, lines), daemon=True).start()
        http_, mqtt, download, metrics = _ready(process, lines, data_dir / "serve.log")
        yield Server(
            http=http_, mqtt=mqtt, download=download, metrics=metrics, data_dir=data_dir, admin=admin, pid=process.pid
        )
        assert process.poll() is None, (data_dir / "serve.log").read_text()[-4000:]
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
        log.close()
        shutil.rmtree(data_dir, ignore_errors=True)


@functools.cache
def _warm() -> Warm:
    return Warm(_environment())


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("UPWELL_")}


def _pump(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:  # closed at the end of the test
        return
    lines.put("")


def _ready(process: "subprocess.Popen[str]", lines: "queue.Queue[str]", log: Path) -> tuple[str, str, str, str]:
    until = time.monotonic() + START_S
    while True:
        try:
            line = lines.get(timeout=max(0.01, until - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"not ready in {START_S} s: {log.read_text()[-4000:]}") from None
        found = READY.match(line)
        if found:
            parts = [_address(found[i] or "") for i in (1, 2, 3, 4)]
            return parts[0], parts[1], parts[2], parts[3]
        if not line:
            raise AssertionError(f"ended with {process.wait()}: {log.read_text()[-4000:]}")


def _address(text: str) -> str:
    return text.partition("://")[2].rstrip("/") if "://" in text else text


# --- a proxy that keeps what the server sent ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Recorder:
    """Stands between SDK and server, passes every byte on, and keeps each answer."""

    address: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def last(self) -> Answer:
        return self.answers[-1]


@contextmanager
def recording(target: str) -> Iterator[Recorder]:
    """A recorder in front of `target`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            if self.headers.get("transfer-encoding") == "chunked":  # the newer Java SDK
                body = b"".join(self._chunks())
            else:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
            link = http.client.HTTPConnection(target, timeout=30)
            link.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                link.putheader(name, value)
            link.endheaders(body or None)
            got = link.getresponse()
            answer = Answer(status=got.status, headers={k.lower(): v for k, v in got.getheaders()}, body=got.read())
            link.close()
            recorder.answers.append(answer)
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                if name not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.send_header("connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(answer.body)

        def _chunks(self) -> Iterator[bytes]:
            """The body as it came, with its framing."""
            while True:
                yield (line := self.rfile.readline())
                if not (size := int(line.partition(b";")[0], 16)):
                    break
                yield self.rfile.read(size + 2)
            while True:
                yield (line := self.rfile.readline())
                if line == b"\r\n":
                    return

        do_GET = do_POST = _pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder = Recorder(address=f"127.0.0.1:{listener.server_address[1]}")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorder
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


# --- the new SDK ------------------------------------------------------------------------------------------------------


def new_sdk(address: str, key: Key, mode: str = "acs3") -> Client:
    """`alibabacloud_iot20180120`, unmodified; `mode` is acs3 (its default) or v2 (its name for HMAC-SHA1)."""
    config = Config(access_key_id=key.id, access_key_secret=key.secret, endpoint=address, protocol="HTTP")
    if mode == "v2":
        config.signature_algorithm = "v2"
    return Client(config)


def unique(prefix: str) -> str:
    """A name that no other test uses: letters, digits and _."""
    return f"{prefix}_{uuid.uuid4().hex[:10]}"


def new_product(sdk: Client) -> str:
    """Its ProductKey."""
    made = sdk.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)).body
    assert made.success, made.to_map()
    return made.product_key


def new_device(sdk: Client, product_key: str) -> tuple[str, str]:
    """Its name and secret."""
    asked = m.RegisterDeviceRequest(product_key=product_key, device_name=unique("dev"))
    made = sdk.register_device(asked).body
    assert made.success, made.to_map()
    return made.data.device_name, made.data.device_secret


def new_package(sdk: Client, product_key: str, image: bytes, **more: Any) -> str:
    """Upload an image and make a package of it; its FirmwareId."""
    ticket = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    status, text = upload(ticket, image)
    assert status == 200, text
    body = create_package(sdk, product_key, ticket.firmware_url, image, **more)
    assert body.success, body.to_map()
    return body.data.firmware_id


def create_package(sdk: Client, product_key: str, url: str, image: bytes, **more: Any) -> Any:
    """The body of CreateOTAFirmware for an image; `more` overrides its parameters."""
    given: dict[str, Any] = {
        "firmware_name": unique("fw"),
        "dest_version": "2.0.0",
        "firmware_url": url,
        "product_key": product_key,
        "firmware_sign": hashlib.md5(image).hexdigest(),
        "sign_method": "MD5",
        "firmware_size": len(image),
    }
    return sdk.create_otafirmware(m.CreateOTAFirmwareRequest(**(given | more))).body


def until(what: Callable[[], T], holds: Callable[[T], bool], seconds: float = 20) -> T:
    """Ask until the answer is as wanted; the last answer when time is up."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if holds(got) or time.monotonic() > end:
            return got
        time.sleep(0.1)


# --- the upload form --------------------------------------------------------------------------------------------------


def upload_form(ticket: Any, image: bytes, *, status: str | None = "200", **more: str) -> bytes:
    """An OSS PostObject form as the vendor's examples send it: the last part is `file`, without a filename."""
    fields = {
        "key": ticket.key,
        "policy": ticket.policy,
        "OSSAccessKeyId": ticket.ossaccess_key_id,
        "signature": ticket.signature,
    }
    if status is not None:
        fields["success_action_status"] = status
    form = b""
    for name, value in (fields | more).items():
        form += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    form += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\n'.encode() + image
    return form + f"\r\n--{BOUNDARY}--\r\n".encode()


def send_form(host: str, form: bytes) -> tuple[int, str]:
    """POST a form; status and body."""
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return _fetch(urllib.request.Request(f"{host.rstrip('/')}/", data=form, headers=kind))


def upload(ticket: Any, image: bytes, *, status: str | None = "200", **more: str) -> tuple[int, str]:
    """POST an image to where the ticket points."""
    return send_form(ticket.host, upload_form(ticket, image, status=status, **more))


def _fetch(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


# --- a hand-signed request (v1 HMAC-SHA1), for what no SDK sends ---------------------------------------------------


def signed(key: Key, action: str, given: dict[str, str] | None = None, **more: str) -> dict[str, str]:
    """The parameters of a GET request, signed. `more` overrides the common ones."""
    common = {
        "Format": "JSON",
        "Version": "2018-01-20",
        "AccessKeyId": key.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": stamp(0),
        "Action": action,
    }
    asked = common | (given or {}) | more
    pairs = "&".join(f"{_quoted(name)}={_quoted(asked[name])}" for name in sorted(asked))
    text = f"GET&%2F&{_quoted(pairs)}"
    digest = hmac.new(f"{key.secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return asked | {"Signature": base64.b64encode(digest).decode()}


def stamp(seconds: float) -> str:
    """The time so many seconds from now, as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def ask(address: str, given: dict[str, str]) -> tuple[int, Any]:
    """GET the parameters; status and JSON."""
    status, text = _fetch(urllib.request.Request(f"http://{address}/?{urlencode(given)}"))
    return status, json.loads(text)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
