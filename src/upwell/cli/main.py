"""The command line: `upwell serve`, `upwell migrate`, `upwell key …`, `upwell user …`, `upwell object …`,
`upwell simulate`. A refusal that was foreseen is one line on stderr and exit code 2.
"""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Column, Table

from upwell import __version__
from upwell.cli.described import described
from upwell.cli.logfile import LogFile
from upwell.cli.logs import set_up_logging
from upwell.cli.objects import object_app
from upwell.cli.settings import Option, Switch, migrated, settings_of, with_database
from upwell.cli.users import user_app
from upwell.config import Settings
from upwell.domain.errors import Invalid, UpwellError
from upwell.service.journal import one_line, tell
from upwell.service.manage import access
from upwell.simulator.fleet import planned

if TYPE_CHECKING:
    from upwell.wiring.server import Server

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they show values of variables, and some of ours are secrets
)
log = logging.getLogger(__name__)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


key_app = typer.Typer(no_args_is_help=True, help="Access keys.")
app.add_typer(key_app, name="key")
app.add_typer(object_app, name="object")
app.add_typer(user_app, name="user")


@app.callback()
def upwell(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Over-the-air firmware updates."""


@app.command()
@described
def serve(
    data_dir: Option = None, http: Option = None, https: Option = None, mqtt: Option = None, mqtts: Option = None,
    mqtt_ws: Option = None, mqtt_wss: Option = None, tls_cert: Option = None, tls_key: Option = None,
    device_tls: Option = None, device_tls_cert: Option = None, device_tls_key: Option = None,
    download: Option = None, downloads: Option = None, public_url: Option = None, public_tls_url: Option = None,
    database_url: Option = None, objects_url: Option = None, buckets: Option = None,
    allow_private_push: Switch = None, dynamic_registration: Option = None, request_limits: Switch = None,
    tuya_bare_secret: Switch = None, tuya_wrapped_lists: Switch = None, huawei_clock_tolerance_h: Option = None,
    disk_floor_mb: Option = None, log: Option = None, log_format: Option = None, log_file: Option = None,
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
    from upwell.wiring.server import running  # here, for every other command begins without a whole server

    async with running(settings) as (server, at):
        loop.add_signal_handler(signal.SIGHUP, _reload, server, file)
        key = server.first_key
        if key is not None and settings.bootstrap_key is None:
            print(f"upwell first admin key, shown once: id={key.key_id} secret={key.secret}", flush=True)
        print(f"upwell ready {' '.join(f'{name}={place}' for name, place in at.told().items())}", flush=True)
        tell(log, "server started", version=__version__, **at.told())
        await stop.wait()
        tell(log, "server stops")
    tell(log, "server stopped")


def _reload(server: "Server", file: LogFile | None) -> None:
    if file is not None:
        file.reopen()
    server.reload()


@app.command()
@described
def migrate(data_dir: Option = None, database_url: Option = None) -> None:
    """Bring the database's schema to this program's version, as `serve` does at its start."""
    print(f"the schema has version {migrated(settings_of(locals()))}")


def _registered(dialect: str) -> str:
    from upwell.doors.management.tongues import TONGUES  # here, for every other command begins without them

    known = [tongue.dialect for tongue in TONGUES]
    if dialect not in known:
        raise Invalid("dialect", "one of " + ", ".join(known))
    return dialect


@key_app.command("create")
@described
def key_create(
    dialect: Annotated[str, typer.Option(help="alibaba, tuya or huawei", callback=_registered)],
    role: Annotated[str, typer.Option(help="admin, operator or viewer")],
    account: str = access.DEFAULT_ACCOUNT,
    data_dir: Option = None,
    database_url: Option = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Make an access key; its secret is shown this once."""
    key = with_database(settings_of(locals()), lambda ctx: access.create_key(ctx, account, role, dialect))
    facts = {
        "id": key.key_id, "secret": key.secret, "dialect": key.dialect, "role": key.role, "account": account,
        "project_id": access.project_id(key.account_id),
    }  # fmt: skip
    print(json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


@key_app.command("list")
@described
def key_list(data_dir: Option = None, database_url: Option = None) -> None:
    """Show every key, without secrets."""
    table = Table(Column("id", no_wrap=True, min_width=24), "account", "role", "dialect", "created", "revoked")
    for key in with_database(settings_of(locals()), access.list_keys):
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        table.add_row(key.key_id, key.account, key.role, key.dialect, f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
    Console().print(table)


@key_app.command("revoke")
@described
def key_revoke(key_id: str, data_dir: Option = None, database_url: Option = None) -> None:
    """Make a key useless from now on."""
    with_database(settings_of(locals()), lambda ctx: access.revoke_key(ctx, key_id))
    print(f"revoked {key_id}")


@app.command("simulate")
def simulate_fleet(
    config: Annotated[Path, typer.Argument(help="JSON: host, port, devices, seed, rates, target_version, …")],
) -> None:
    """Run a seeded fleet against a server; the same seed plays the same fleet."""
    try:
        run = planned(json.loads(config.read_text("utf-8-sig"), parse_constant=_no_number))
    except (OSError, ValueError, RecursionError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UpwellError(f"the script {config} can't be played: {reason}") from exc
    print(json.dumps(uvloop.run(run.play()), indent=2))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """The entry point: an expected refusal is one line on stderr and exit code 2, never a traceback."""
    try:
        app()
    except UpwellError as exc:
        print(f"upwell: {one_line(' '.join(exc.problem.split()))}", file=sys.stderr)
        raise SystemExit(2) from None
