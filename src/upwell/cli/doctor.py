"""`upwell doctor`: what is wrong with an installation, and what to do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.probing import probe
from upwell.cli.settings import Option, connected, settings_of
from upwell.config import Settings
from upwell.wiring.checkup import findings
from upwell.wiring.finding import Finding

MARKS = {"ok": "ok     ", "warning": "WARNING", "fault": "FAULT  "}


@alone("doctor", "upwell doctor --data-dir ./upwell-data", "upwell doctor --probe")
@described
def doctor(
    data_dir: Option = None, http: Option = None, https: Option = None, mqtt: Option = None, mqtts: Option = None,
    mqtt_ws: Option = None, mqtt_wss: Option = None, tls_cert: Option = None, tls_key: Option = None,
    device_tls: Option = None, device_tls_cert: Option = None, device_tls_key: Option = None,
    download: Option = None, downloads: Option = None, metrics: Option = None,
    public_url: Option = None, public_tls_url: Option = None, database_url: Option = None,
    secret_key_file: Option = None, secret_key_command: Option = None, objects_url: Option = None,
    buckets: Option = None, archive: Option = None, dynamic_registration: Option = None, disk_floor_mb: Option = None,
    object_cache_mb: Option = None, workers: Option = None,
    trusted_proxies: Option = None, proxy_protocol: Option = None,
    probe_: Annotated[
        bool, typer.Option("--probe", help="also update a device of each vendor by the server that runs here")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
) -> None:  # fmt: skip
    """Look at an installation with the settings of its server, while it runs or not, and say what is wrong.

    Exit code 1 when there is a fault. --probe makes an account `upwell-doctor` with a product, three devices and a
    rollout for them, and deletes what it made."""
    given = locals()
    settings = settings_of({name: value for name, value in given.items() if name not in ("probe_", "as_json")})
    grades = asyncio.run(_told(settings, with_probe=probe_, as_json=as_json))
    faults, warnings = grades.count("fault"), grades.count("warning")
    if not as_json:
        print(f"{len(grades)} things were looked at; faults: {faults}, warnings: {warnings}")
    if faults:
        raise typer.Exit(1)


async def _told(settings: Settings, *, with_probe: bool, as_json: bool) -> list[str]:
    grades: list[str] = []
    async for found in _all(settings, with_probe=with_probe):
        grades.append(found.grade)
        if as_json:
            facts = {"about": found.about, "grade": found.grade, "fact": found.fact, "do": found.do}
            print(json.dumps({name: value for name, value in facts.items() if value}), flush=True)
            continue
        print(f"{MARKS[found.grade]} {found.about}: {found.fact}", flush=True)
        if found.do:
            print(f"        do: {found.do}", flush=True)
    return grades


async def _all(settings: Settings, *, with_probe: bool) -> AsyncIterator[Finding]:
    async for found in findings(settings, lambda: connected(settings)):
        yield found
    if with_probe:
        async for found in probe(settings, lambda: connected(settings)):
            yield found
