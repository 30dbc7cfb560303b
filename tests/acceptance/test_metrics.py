"""What Prometheus reads of a running server: each name is in docs/metrics.md, and the numbers are of what was done."""

import asyncio
import hashlib
import hmac
import http.client
import re
import secrets
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi import utils_models as open_api
from alibabacloud_tea_openapi.exceptions import ClientException
from darabonba.runtime import RuntimeOptions
from demo.prometheus import found as program
from prometheus_client.parser import text_string_to_metric_families
from tests.mqttwire import WireClient

from acceptance.client import Server, new_device, new_package, new_product, until
from acceptance.device import online
from upwell.embedded.files import running_dsn

IMAGE = bytes(range(256)) * 16
STRANGE = open_api.Params(
    action="StrangeAndProven", version="2018-01-20", protocol="HTTP", pathname="/", method="POST", auth_type="AK",
    style="RPC", req_body_type="formData", body_type="json",
)  # fmt: skip


def read(server: Server) -> str:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


class Numbers:
    """The values at a moment."""

    def __init__(self, server: Server) -> None:
        self.families = list(text_string_to_metric_families(read(server)))
        self.found = {(s.name, frozenset(s.labels.items())): s.value for f in self.families for s in f.samples}

    def of(self, name: str, **labels: str) -> float:
        return self.found.get((name, frozenset(labels.items())), 0)

    def grown(self, before: "Numbers", name: str, **labels: str) -> float:
        return self.of(name, **labels) - before.of(name, **labels)


def test_what_is_told_is_what_the_page_says(server: Server) -> None:
    page = Path("docs/metrics.md").read_text()
    rows = re.findall(r"^\| `(upwell_\w+)` \| (\w+) \| (.*?) \|", page, re.MULTILINE)
    documented = {
        name.removesuffix("_total"): (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows
    }
    families = Numbers(server).families
    assert len(families) > 25
    for family in families:
        kind, labels = documented[family.name]
        assert family.type == kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels, sample


def test_no_other_listener_tells_metrics(server: Server) -> None:
    for address in (server.http, server.download):
        assert status(f"http://{address}/metrics") == 404
    assert status(f"http://{server.metrics}/v1/products") == status(f"http://{server.metrics}/healthz") == 404


async def test_a_standby_that_is_gone_is_the_longer_behind(server: Server) -> None:
    """What tells of one that is not connected is the slot that waits for it. PostgreSQL is asked every five seconds."""
    dsn, name = running_dsn(server.data_dir), f"standby_{secrets.token_hex(4)}"
    assert dsn is not None
    conn = await asyncpg.connect(dsn)
    await conn.execute("select pg_create_physical_replication_slot($1, true)", name)
    try:
        await conn.execute("select pg_switch_wal()")

        def lag() -> float:
            return Numbers(server).of("upwell_replication_lag_seconds", standby=name)

        first = await asyncio.to_thread(until, lag, lambda lag_s: lag_s > 0)
        assert await asyncio.to_thread(until, lag, lambda lag_s: lag_s > first) > first
    finally:
        await conn.execute("select pg_drop_replication_slot($1)", name)
        await conn.close()


def status(url: str) -> int:
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    link.request("GET", urlsplit(url).path)
    answer = link.getresponse()
    answer.read()
    link.close()
    return answer.status


def test_a_rollout_is_counted_from_its_requests_to_its_end(server: Server, sdk: Client) -> None:
    product, before = new_product(sdk), Numbers(server)
    name, secret = new_device(sdk, product)
    firmware = new_package(sdk, product, IMAGE, need_to_verify=False)
    with pytest.raises((ClientException, AssertionError)):
        new_device(sdk, "a1nothing00")
    with online(server.mqtt, product, name, secret, "1.0.0") as device:
        given = {"firmware_id": firmware, "product_key": product, "target_selection": "ALL", "src_version": ["1.0.0"]}
        made = sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
        assert made.success, made.to_map()
        url = urlsplit(device.offered()["url"])
        during = until(lambda: Numbers(server), lambda now: grown_jobs(now, before) > 0)
        assert grown_jobs(during, before) == 1
        assert during.of("upwell_devices_connected") >= 1
        fetch(url.netloc, url.path, {"Range": "bytes=1024-"})
        device.progress(50)
        device.inform("2.0.0")
    after = until(lambda: Numbers(server), lambda now: now.grown(before, "upwell_download_bytes_total") > 0)
    by, asked = {"face": "alibaba"}, {"tongue": "alibaba", "operation": "RegisterDevice"}
    assert after.grown(before, "upwell_requests_total", outcome="done", **asked) == 1
    assert after.grown(before, "upwell_requests_total", outcome="refused", **asked) == 1
    assert after.grown(before, "upwell_request_seconds_count", **asked) == 2
    assert (
        after.grown(before, "upwell_request_refusals_total", tongue="alibaba", code="iot.prod.NotExistedProduct") == 1
    )
    assert after.grown(before, "upwell_logins_total", outcome="accepted", **by) == 1
    assert after.grown(before, "upwell_heard_total", kind="report", **by) == 3
    assert after.grown(before, "upwell_offers_total", **by) == 1
    assert after.grown(before, "upwell_acknowledgements_total", **by) == 1
    assert after.grown(before, "upwell_download_bytes_total") == len(IMAGE) - 1024
    assert after.grown(before, "upwell_download_resumes_total") == 1
    assert after.grown(before, "upwell_downloads_total", outcome="done") == 1
    assert after.of("upwell_statements_total", statement="reports.lock") >= 0
    assert after.of("upwell_ready", check="database") == 1


def grown_jobs(now: Numbers, before: Numbers) -> int:
    """How many rollouts have metrics that had none."""
    jobs = Counter[bool]()
    for name, labels in now.found.keys() - before.found.keys():
        if name == "upwell_rollout_standing":
            assert re.fullmatch("ro_[0-9a-f]{16}", dict(labels)["rollout"])
            jobs[True] += 1
    return jobs[True]


async def login(server: Server, product: str, name: str, secret: str) -> int:
    """The return code of a CONNECT (alibaba 6.1)."""
    host, _, port = server.mqtt.rpartition(":")
    client = await WireClient.open(host, int(port))
    text = f"clientIdxdeviceName{name}productKey{product}"
    password = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    code = await client.login("x|securemode=3,signmethod=hmacsha256|", f"{name}&{product}", password.encode())
    await client.close()
    return int(code)


def fetch(host: str, path: str, headers: dict[str, str]) -> None:
    link = http.client.HTTPConnection(host, timeout=30)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    assert answer.status == 206
    answer.read()
    link.close()


def test_refused_logins_and_downloads_are_counted(server: Server, sdk: Client) -> None:
    product, before = new_product(sdk), Numbers(server)
    name, _ = new_device(sdk, product)
    assert asyncio.run(login(server, product, name, "not its secret")) == 4
    refusal = status(f"http://{server.download}/ota/nothing")
    after = Numbers(server)
    assert after.grown(before, "upwell_logins_total", face="alibaba", outcome="refused") == 1
    assert after.grown(before, "upwell_login_refusals_total", face="alibaba", reason="wrong password") == 1
    assert after.grown(before, "upwell_download_refusals_total", status=str(refusal)) == 1


@pytest.mark.parametrize(("tongue", "version"), [("alibaba", "&Version=2018-01-20"), ("tuya", "")])
def test_what_a_stranger_asks_for_is_no_label(server: Server, sdk: Client, tongue: str, version: str) -> None:
    """Whoever could choose labels would use up their number, and what is asked for after that would be `other`."""
    before = Numbers(server)
    for nth in range(20):
        own = f"Action=Stranger{nth}&AccessKeyId=Stranger&Signature=x&SignatureNonce={nth}{version}"
        method = "SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&Timestamp=2026-01-01T00%3A00%3A00Z&Format=JSON"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://{server.http}/?{own}&{method}", timeout=30)
        caught.value.close()
    with pytest.raises(ClientException):  # nor what somebody proven does
        sdk.call_api(STRANGE, open_api.OpenApiRequest(), RuntimeOptions())
    after = Numbers(server)
    assert after.grown(before, "upwell_requests_total", tongue=tongue, operation="unknown", outcome="refused") >= 20
    assert not [labels for _, labels in after.found if any("Strange" in value for _, value in labels)]


@pytest.mark.skipif(program() is None, reason="no promtool: run python -m demo.prometheus")
def test_prometheus_own_linter_finds_nothing(server: Server) -> None:
    done = subprocess.run(
        [str(program()), "check", "metrics"], input=read(server), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
