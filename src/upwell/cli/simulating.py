"""`upwell simulate`: a seeded fleet against a server."""

import csv
import json
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from upwell.cli.apps import alone
from upwell.domain.errors import UpwellError
from upwell.simulator.fleet import planned

_LOGIN = ("name", "secret")  # what is read of each row


@alone(
    "simulate", "upwell simulate fleet.json",
    "upwell simulate --devices secrets.csv --product lamp-eu --from 1.0 --to 2.0",
)  # fmt: skip
def simulate_fleet(
    config: Annotated[
        Path | None, typer.Argument(help="JSON: host, port, devices, seed, rates, target_version, …")
    ] = None,
    devices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="In its place: what `device import --secrets` wrote.")
    ] = None,
    product: Annotated[str | None, typer.Option(metavar="PRODUCT", help="The product that those are of.")] = None,
    runs: Annotated[str, typer.Option("--from", metavar="VERSION", help="What they run.")] = "1.0",
    target: Annotated[str, typer.Option("--to", metavar="VERSION", help="What they are brought to.")] = "2.0",
    mqtt: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where they connect.")] = "127.0.0.1:1883",
) -> None:
    """Run a seeded fleet against a server until each has ended its upgrade; the same seed plays the same fleet."""
    if (config is None) is (devices is None) or (devices is None) is not (product is None):
        raise UpwellError("nothing says which devices: give a script, or --devices FILE with --product PRODUCT")
    script = config or devices
    try:
        run = planned(_script(config) if config else _of_list(devices, product, runs, target, mqtt))
    except (OSError, ValueError, RecursionError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UpwellError(f"the script {script} can't be played: {reason}") from exc
    print(json.dumps(uvloop.run(run.play()), indent=2))


def _script(file: Path) -> Any:
    return json.loads(file.read_text("utf-8-sig"), parse_constant=_no_number)


def _of_list(file: Path | None, product: str | None, runs: str, target: str, mqtt: str) -> Any:
    """A script of the devices of a list, which all do well."""
    host, _, port = mqtt.rpartition(":")
    if file is None or not host or not port.isdecimal():
        raise ValueError(f"{mqtt} is no HOST:PORT")
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text)) if file.suffix == ".csv" else [json.loads(line) for line in text]
    known = [row for row in rows if isinstance(row, dict) and all(row.get(name) for name in _LOGIN)]
    if not known or len(known) < len(rows):
        raise ValueError("it is no list of devices with name and secret, as `device import --secrets` writes it")
    device = {"product_key": product, "version": runs}
    return {
        "host": host.strip("[]"), "port": int(port), "target_version": target,
        "devices": [device | {f"device_{name}": row[name] for name in _LOGIN} for row in known],
    }  # fmt: skip


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
