"""`upwell serve --otlp`: what a collector is sent of calls, of what devices say and of offers, and what the server does
when the collector is none. The collector is the tests' own and decodes each byte; calls are the vendor's SDK's."""

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config, GlobalParameters
from prometheus_client.parser import text_string_to_metric_families
from tests.otlp_collector import Collector, Told, collecting

from acceptance import huawei_client as h
from acceptance.client import (
    UPWELL,
    Key,
    Server,
    _environment,
    ask,
    new_device,
    new_package,
    new_product,
    new_sdk,
    serve,
    signed,
    unique,
    until,
)
from acceptance.device import online
from acceptance.leaks import leaked, secrets_of
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_client import Api
from scratch import scratch

WRONG = "not-its-secret"
PAGE = Path("docs/traces.md")
PASSWORD = "correct-horse-battery"
USED = {WRONG, PASSWORD}
"""What was secret in this module and is in no database as it is."""
TOKEN = "a-token-for-the-collector-alone"
LONG_S = 20.0


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def traced(collector: Collector) -> Iterator[Server]:
    """A server that traces all it does; nothing secret is in what it sent or logged in the whole module."""
    os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = f"x-token={TOKEN}"
    try:
        with serve("--otlp", collector.url, "--otlp-sample", "1", "--log-format", "json", "--log", "DEBUG") as running:
            yield running
            assert leaked(running.data_dir, TOKEN, *USED) == []
            sent = b"".join(collector.raw)
            known = secrets_of(running.data_dir) | {running.admin.secret, TOKEN} | USED
            assert len(sent) > 1_000 and [each for each in known if len(each) >= 8 and each.encode() in sent] == []
            assert not re.search(rb"(?i)signature=|select |insert |update |delete from|/ota/|authorization", sent)
    finally:
        del os.environ["OTEL_EXPORTER_OTLP_HEADERS"]


@pytest.fixture
def traced_sdk(traced: Server) -> Client:
    return new_sdk(traced.http, traced.admin)


def called(collector: Collector, request_id: str) -> Told:
    """The span of the call that was answered with this id."""
    return collector.found(lambda span: span.attributes.get("upwell.request_id") == request_id)[0]


def logged(server: Server, **fields: object) -> dict[str, Any]:
    """The first line with these fields."""

    def look() -> list[dict[str, Any]]:
        lines = map(json.loads, (server.data_dir / "serve.log").read_text().splitlines())
        return [line for line in lines if fields.items() <= line.items()]

    found = until(look, bool, LONG_S)
    assert found, fields
    return found[0]


def continued(server: Server, key: Key, traceparent: str) -> Client:
    """The SDK, of a program that is traced itself."""
    sends = GlobalParameters(headers={"traceparent": traceparent})
    return Client(
        Config(
            access_key_id=key.id, access_key_secret=key.secret, endpoint=server.http, protocol="HTTP",
            global_parameters=sends,
        )
    )  # fmt: skip


def parent(*, sampled: bool) -> tuple[str, str, str]:
    """A trace and a span of somebody else's, and the header that tells them."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-0{int(sampled)}"


def test_a_call_has_its_span_with_its_statements(traced: Server, traced_sdk: Client, collector: Collector) -> None:
    began_ns = time.time_ns()
    made = traced_sdk.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)).body
    span = called(collector, made.request_id)
    assert (span.name, span.kind, span.parent, span.is_error) == ("alibaba CreateProduct", "server", "", False)
    told = dict(span.attributes)
    assert told.pop("upwell.account") > 0
    assert told == {
        "rpc.system.name": "alibaba", "rpc.method": "CreateProduct", "http.response.status_code": 200,
        "client.address": "127.0.0.1", "upwell.request_id": made.request_id, "upwell.key": traced.admin.id,
    }  # fmt: skip
    assert span.resource["service.name"] == "upwell" and span.resource["service.instance.id"]
    assert began_ns < span.began_ns < span.ended_ns < time.time_ns() and 0 < span.ms < 10_000
    parts = collector.parts(span)
    names = [part.name for part in parts]
    assert "BEGIN" in names and "COMMIT" in names and len([name for name in names if "." in name]) >= 3, names
    for part in parts:
        assert part.kind == "client" and part.trace == span.trace
        assert part.attributes["db.system.name"] == "postgresql"
        assert part.attributes["db.client.connection.pool.name"] in ("management", "look-ups")
        assert part.attributes.get("db.query.summary", part.name) == part.name
        assert span.began_ns <= part.began_ns <= part.ended_ns <= span.ended_ns
    assert logged(traced, message="product made", request_id=made.request_id)["trace_id"] == span.trace
    assert logged(traced, message="request answered", request_id=made.request_id)["trace_id"] == span.trace
    assert "trace_id" not in logged(traced, message="server started")
    assert collector.headers[0]["x-token"] == TOKEN


def test_a_proven_caller_goes_on_with_their_trace(traced: Server, collector: Collector) -> None:
    trace, above, header = parent(sampled=True)
    answer = continued(traced, traced.admin, header).create_product(
        m.CreateProductRequest(product_name=unique("prod"), node_type=0)
    )
    span = called(collector, answer.body.request_id)
    assert (span.trace, span.parent) == (trace, above) and collector.parts(span)
    assert logged(traced, message="product made", request_id=answer.body.request_id)["trace_id"] == trace
    assert not {"traceparent", "tracestate"} & {name.lower() for name in answer.headers}


def test_who_says_not_to_trace_is_not_traced(traced: Server, traced_sdk: Client, collector: Collector) -> None:
    trace, _, header = parent(sampled=False)
    asked = m.CreateProductRequest(product_name=unique("prod"), node_type=0)
    quiet = continued(traced, traced.admin, header).create_product(asked).body
    assert quiet.success
    loud = traced_sdk.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)).body
    called(collector, loud.request_id)
    assert "trace_id" not in logged(traced, message="product made", request_id=quiet.request_id)
    assert trace not in {span.trace for span in collector.spans}


@pytest.mark.parametrize(
    "header", ["", "00-zz-1-01", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "2" * 16 + "-01"]
)
def test_a_parent_that_is_not_well_made_is_none(traced: Server, collector: Collector, header: str) -> None:
    client = continued(traced, traced.admin, header)
    made = client.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)).body
    assert called(collector, made.request_id).parent == ""


def test_a_refusal_is_told_and_nothing_that_a_stranger_says(traced: Server, collector: Collector) -> None:
    """A signature that does not hold proves nobody: neither the key nor the trace that is named counts."""
    trace, _, header = parent(sampled=True)
    asked = signed(Key(id=traced.admin.id, secret=WRONG), "QueryOTAJob", {})
    status, answer = asked_with(traced, asked, header)
    span = called(collector, answer["RequestId"])
    assert (span.attributes["rpc.response.status_code"], span.attributes["http.response.status_code"]) == (
        "SignatureDoesNotMatch", status,
    )  # fmt: skip
    assert span.trace != trace and span.parent == "" and not span.is_error
    assert not {"upwell.key", "upwell.account", "error.type"} & set(span.attributes)
    assert logged(traced, message="request refused", request_id=answer["RequestId"])["trace_id"] == span.trace
    assert span.name == "alibaba unknown"
    _, proven = ask(traced.http, signed(traced.admin, "NoSuchThing", {}))
    assert called(collector, proven["RequestId"]).attributes["upwell.key"] == traced.admin.id


def asked_with(server: Server, parameters: dict[str, str], header: str) -> tuple[int, dict[str, Any]]:
    """A call with a `traceparent`."""
    from urllib.error import HTTPError
    from urllib.parse import urlencode

    request = urllib.request.Request(f"http://{server.http}/?{urlencode(parameters)}", headers={"traceparent": header})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as exc:
        with exc:
            return exc.code, json.loads(exc.read())


def test_calls_of_every_tongue(traced: Server, traced_sdk: Client, collector: Collector) -> None:
    """Signed, by a token, and by a password; who is proven goes on with their trace in each."""
    product = new_product(traced_sdk)
    keys = {dialect: traced.new_key("default", "admin", dialect) for dialect in ("tuya", "huawei", "upwell")}
    USED.update(key.secret for key in keys.values())
    TuyaClient(address=traced.http, key=keys["tuya"]).do("QueryProduct", ProductKey=product)
    h.new_product(h.sdk(traced.http, keys["huawei"]))
    api = Api(address=traced.http, token=keys["upwell"].secret)
    trace, above, header = parent(sampled=True)
    assert api.ask("GET", "/v1/products", headers={"traceparent": header}).status_code == 200
    stranger = Api(address=traced.http, token=keys["upwell"].secret[:-1] + "_")
    assert stranger.ask("GET", "/v1/products", headers={"traceparent": header}).status_code == 401
    traced.run("user", "create", "traced", "--role", "admin", "--password-stdin", given=PASSWORD)
    user = {"name": "traced", "password": PASSWORD, "domain": {"name": "default"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": "any"}}}}
    signed_in = httpx.post(f"http://{traced.http}/v3/auth/tokens", json=body, timeout=30)
    USED.add(token := signed_in.headers["x-subject-token"])
    other, over, second = parent(sampled=True)
    path = f"/v5/iot/{signed_in.json()['token']['project']['id']}/products"
    sent = {"x-auth-token": token, "traceparent": second}
    got = httpx.get(f"http://{traced.http}{path}", headers=sent, timeout=30)
    assert got.status_code == 200, got.text
    [listed] = collector.found(lambda span: span.trace == trace and span.kind == "server")
    assert (listed.name, listed.parent, listed.attributes["upwell.key"]) == (
        "upwell list_products", above, keys["upwell"].id,
    )  # fmt: skip
    [by_token] = collector.found(lambda span: span.trace == other and span.kind == "server")
    assert (by_token.name, by_token.parent) == ("huawei ListProducts", over)
    [unknown] = collector.found(lambda span: span.name == "upwell unknown")
    assert unknown.attributes["http.response.status_code"] == 401 and "upwell.key" not in unknown.attributes
    assert collector.found(lambda span: span.name == "tuya QueryProduct")
    assert collector.found(lambda span: span.name == "huawei CreateProduct")


def test_reports_and_offers_have_spans(traced: Server, traced_sdk: Client, collector: Collector) -> None:
    product = new_product(traced_sdk)
    name, secret = new_device(traced_sdk, product)
    firmware = new_package(traced_sdk, product, b"traced" * 100, need_to_verify=False)
    with online(traced.mqtt, product, name, secret, "1.0.0") as device:
        given = {"firmware_id": firmware, "product_key": product, "target_selection": "ALL", "src_version": ["1.0.0"]}
        made = traced_sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
        assert made.success, made.to_map()
        device.offered()
        device.progress(50)
        device.inform("2.0.0")
    reports = collector.found(lambda span: span.name == "reports and asks", 2)
    for batch in reports:
        assert batch.kind == "internal" and batch.parent == "" and batch.attributes["upwell.lane"] == batch.name
        assert batch.attributes["messaging.batch.message_count"] >= 1
        assert batch.attributes["upwell.batch.failed"] == 0
        assert batch.attributes["upwell.batch.aside"] >= 0  # a report that is faster than its offer
        assert {part.attributes["db.client.connection.pool.name"] for part in collector.parts(batch)} == {"devices"}
    [offer] = collector.found(lambda span: span.name == "offer" and span.attributes.get("upwell.offer.sent") == 1)
    assert offer.attributes["upwell.offer.tasks"] == 1 and offer.attributes["upwell.offer.missed"] == 0
    assert re.fullmatch("ro_[0-9a-f]{16}", offer.attributes["upwell.rollouts"][0])
    assert {"offers.claim", "offers.record_offers", "COMMIT"} <= {part.name for part in collector.parts(offer)}
    [above] = collector.found(lambda span: (span.trace, span.id) == (offer.trace, offer.parent))  # it ends after it
    assert above.name in ("push", "reports and asks")
    for span in collector.spans:  # a round that found nothing is none
        assert span.name != "push" or any(part.name == "offer" for part in collector.parts(span))


def test_every_attribute_is_on_the_page(traced: Server, collector: Collector) -> None:
    page = PAGE.read_text()
    named = {name for span in collector.spans for name in span.attributes}
    assert len(named) > 10 and [name for name in named if f"`{name}`" not in page] == []


def numbers(server: Server) -> dict[str, float]:
    """Spans by their outcome."""
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=30) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {s.labels["outcome"]: s.value for f in families if f.name == "upwell_spans" for s in f.samples}


def test_what_was_sent_is_counted(traced: Server, traced_sdk: Client, collector: Collector) -> None:
    made = traced_sdk.create_product(m.CreateProductRequest(product_name=unique("prod"), node_type=0)).body
    called(collector, made.request_id)
    assert until(lambda: numbers(traced), lambda found: found["sent"] >= 5, LONG_S)["dropped"] == 0


def calls(server: Server, count: int) -> float:
    """The longest of so many calls, in seconds; each is answered."""
    sdk, longest = new_sdk(server.http, server.admin), 0.0
    for _ in range(count):
        began_s = time.monotonic()
        new_product(sdk)
        longest = max(longest, time.monotonic() - began_s)
    return longest


def ended_within(server: Server) -> float:
    """Seconds that the server took to end."""
    began_s = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    return time.monotonic() - began_s


@pytest.mark.parametrize(
    "ill", ["silent", *(pytest.param(each, marks=pytest.mark.slow) for each in ("down", "broken"))]
)
def test_a_collector_that_takes_nothing_keeps_nobody_waiting(ill: str) -> None:
    """Nothing listens; it answers 500; it takes what is sent and never answers."""
    with collecting() as collector:
        url = collector.url
        if ill == "down":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{free.getsockname()[1]}"
        collector.status = 500 if ill == "broken" else 200
        if ill == "silent":
            collector.paused.set()
        took_s = dropped = 0.0
        try:
            with serve("--otlp", url, "--otlp-sample", "1") as server:
                assert calls(server, 20) < 3.0
                found = until(lambda: numbers(server), lambda now: now["dropped"] > 0, LONG_S)
                assert found["sent"] == 0 and found["dropped"] > 0
                assert calls(server, 5) < 3.0
                log = (server.data_dir / "serve.log").read_text()
                told = [line for line in log.splitlines() if "traces: the collector does not take them" in line]
                assert len(told) == 1 and " WARNING " in told[0], told
                assert {"down": "ConnectionError", "broken": "it answers 500", "silent": "ReadTimeout"}[ill] in told[0]
                assert "Traceback" not in log
                took_s, dropped = ended_within(server), found["dropped"]
        except AssertionError:
            if not took_s:
                raise  # else it is the helper's, which finds that the server has ended
        assert dropped and took_s < 25.0  # the SDK by itself would wait 30


def test_a_collector_that_comes_back_is_sent_to_again() -> None:
    with collecting() as collector:
        collector.status = 503
        with serve("--otlp", collector.url, "--otlp-sample", "1") as server:
            calls(server, 2)
            until(lambda: numbers(server), lambda now: now["dropped"] > 0, LONG_S)
            collector.status = 200
            calls(server, 2)
            assert collector.found(lambda span: span.name == "alibaba CreateProduct")
            log = until(lambda: (server.data_dir / "serve.log").read_text(), lambda text: "traces: goes on" in text)
            assert "traces: goes on" in log


@pytest.mark.slow
def test_a_share_is_traced_and_by_each_worker() -> None:
    with collecting() as collector, serve("--otlp", collector.url, "--otlp-sample", "0.3", "--workers", "2") as server:
        calls(server, 60)
        time.sleep(3.0)
        count = len([span for span in collector.spans if span.name == "alibaba CreateProduct"])
        assert 2 <= count <= 45, count  # of 60 by 0.3: outside once in a million runs


def test_the_command_of_the_page() -> None:
    """As it is printed, with this collector's address."""
    [block] = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    words = shlex.split(block)
    assert words[:2] == ["upwell", "serve"] and "http://127.0.0.1:4318" in words
    with collecting() as collector:
        options = [collector.url if word == "http://127.0.0.1:4318" else word for word in words[2:]]
        with serve(*options) as server:
            calls(server, 2)
            assert until(lambda: numbers(server), lambda found: "sent" in found, LONG_S)


def test_without_the_setting_nothing_of_it_is_there(server: Server) -> None:
    """Neither a module in memory nor a metric; the whole server is imported for it."""
    assert numbers(server) == {}
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert "opentelemetry" not in maps and "upb" not in maps  # protobuf's own library
    program = (
        "import sys, upwell.cli.main, upwell.cli.worker, upwell.wiring.server, upwell.wiring.workers\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('opentelemetry', 'google', 'requests')])"
    )
    done = subprocess.run([UPWELL.with_name("python"), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def refused(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """What a server says that can't begin."""
    listeners = ["--http", "127.0.0.1:0", "--mqtt", "off"]
    command = [UPWELL, "serve", "--data-dir", folder / "data", *listeners, "--otlp", "http://127.0.0.1:4318"]
    return subprocess.run(command, capture_output=True, text=True, env=_environment() | variables, timeout=60)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = scratch("upwell-traces-")
    yield made
    shutil.rmtree(made)


def test_a_variable_of_theirs_that_cant_be_read_is_told(folder: Path) -> None:
    done = refused(folder, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="many")
    assert done.returncode == 2 and done.stderr.startswith("upwell: --otlp: a variable OTEL_… can't be read: ")
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in done.stderr and done.stderr.count("\n") == 1
    assert not (folder / "data").exists()


def test_without_the_packages_it_says_what_to_install(folder: Path) -> None:
    """They are kept from being found, as where they are not installed."""
    (folder / "requests.py").write_text("raise ModuleNotFoundError(\"No module named 'requests'\", name='requests')\n")
    done = refused(folder, PYTHONPATH=str(folder))
    assert done.returncode == 2 and done.stderr.strip() == (
        "upwell: --otlp needs packages that are not installed (requests): pip install 'upwell[otel]'"
    )
