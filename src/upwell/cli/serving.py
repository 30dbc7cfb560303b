"""`upwell serve`, `upwell check`: the server, and its counters."""

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

import typer
import uvloop

from upwell import __version__
from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.loading import loading
from upwell.cli.logfile import LogFile
from upwell.cli.logs import set_up_logging
from upwell.cli.notify import stay_alive, tell_systemd
from upwell.cli.settings import Option, Switch, settings_of, with_database
from upwell.config import Settings
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import recount

if TYPE_CHECKING:
    from upwell.wiring.server import Server
    from upwell.wiring.workers import Workers

log = logging.getLogger(__name__)
WORKER = (sys.executable, "-m", "upwell.cli.worker")


@alone("serve", "upwell serve --data-dir ./upwell-data", "upwell serve --http 0.0.0.0:8686 --mqtt 0.0.0.0:1883")
@described
def serve(
    data_dir: Option = None, http: Option = None, https: Option = None, mqtt: Option = None, mqtts: Option = None,
    mqtt_ws: Option = None, mqtt_wss: Option = None, tls_cert: Option = None, tls_key: Option = None,
    device_tls: Option = None, device_tls_cert: Option = None, device_tls_key: Option = None,
    download: Option = None, downloads: Option = None, metrics: Option = None,
    otlp: Option = None, otlp_sample: Option = None,
    public_url: Option = None, public_tls_url: Option = None,
    database_url: Option = None, secret_key_file: Option = None, secret_key_command: Option = None,
    objects_url: Option = None, buckets: Option = None,
    archive: Option = None, archive_recipients: Option = None, archive_days: Option = None,
    archive_timeout_s: Option = None,
    allow_private_push: Switch = None, dynamic_registration: Option = None, request_limits: Switch = None,
    tuya_bare_secret: Switch = None, tuya_wrapped_lists: Switch = None, huawei_clock_tolerance_h: Option = None,
    disk_floor_mb: Option = None, download_bytes_per_s: Option = None, object_cache_mb: Option = None,
    workers: Option = None,
    keep_days: Option = None, trusted_proxies: Option = None, proxy_protocol: Option = None,
    oidc_issuer: Option = None, oidc_client_id: Option = None, oidc_client_secret_file: Option = None,
    oidc_groups: Option = None, oidc_groups_claim: Option = None, oidc_name_claim: Option = None,
    oidc_account: Option = None, oidc_hosts: Option = None,
    log: Option = None, log_format: Option = None, log_file: Option = None,
) -> None:  # fmt: skip
    """Run the platform until SIGTERM or SIGINT; SIGHUP loads certificates and reopens the log file.

    Each option is also a variable UPWELL_… and a key of upwell.toml, or of the file that UPWELL_CONFIG names.
    UPWELL_BOOTSTRAP_KEY=ID:SECRET is the first admin key of an empty database."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    settings = settings_of(locals())
    file = LogFile(settings.log_file) if settings.log_file else None
    set_up_logging(settings, file or logging.StreamHandler())
    uvloop.run(_serve(settings, file))


async def _serve(settings: Settings, file: LogFile | None) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with loading():
        from upwell.wiring.server import Server  # here, for every other command begins without a whole server
        from upwell.wiring.workers import Workers

    server = Server(settings) if settings.workers == 1 else Workers(settings, WORKER)
    at = await server.start()
    try:
        loop.add_signal_handler(signal.SIGHUP, _reload, server, file)
        for key in server.first_keys[:1]:
            print(f"upwell first admin key, shown once: id={key.key_id} secret={key.secret}", flush=True)
        print(f"upwell ready {' '.join(f'{name}={place}' for name, place in at.told().items())}", flush=True)
        for token in server.first_keys[1:]:  # behind what has been read since 0.1.0 by its place
            print(f"upwell first token, for `upwell login`, shown once: {token.secret}", flush=True)
        if server.first_sign_in:
            print(
                f"upwell first sign-in, until there is a user: {at.console}/first?token={server.first_sign_in}",
                flush=True,
            )
        tell(log, "server started", version=__version__, **at.told())
        tell_systemd(f"READY=1\nSTATUS=serving at {at.http}\nMAINPID={os.getpid()}")
        alive = asyncio.create_task(stay_alive())
        await stop.wait()
        tell_systemd("STOPPING=1")
        alive.cancel()
        tell(log, "server stops")
    finally:
        await server.stop()
    tell(log, "server stopped")


def _reload(server: "Server | Workers", file: LogFile | None) -> None:
    if file is not None:
        file.reopen()
    server.reload()


@alone("check", "upwell check --data-dir ./upwell-data")
@described
def check(data_dir: Option = None, database_url: Option = None) -> None:
    """Count tasks and devices anew and compare them with the counters; exit code 1 when one differs.

    Nothing is changed, and a server that runs on the database is not disturbed."""

    async def body(ctx: Context) -> tuple[int, int]:
        sound = wrong = 0
        async for line in recount.differences(ctx):
            sound, wrong = sound + (line is None), wrong + (line is not None)
            if line is not None:
                print(line, flush=True)
        return sound, wrong

    sound, wrong = with_database(settings_of(locals()), body)
    print(f"{sound} jobs and products are counted right; differences: {wrong}")
    if wrong:
        raise typer.Exit(1)
