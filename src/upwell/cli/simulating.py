"""`upwell simulate`: a seeded fleet against a server."""

import json
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from upwell.cli.apps import alone
from upwell.domain.errors import UpwellError
from upwell.simulator.fleet import planned


@alone("simulate", "upwell simulate fleet.json")
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
