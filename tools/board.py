"""Write deploy/grafana/upwell.json, a board for Grafana 9 and later, from the rows below.

Run: python tools/board.py (writes the file) or python tools/board.py --check (fails when the file is stale).
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "upwell.json"
OF = 'instance=~"$instance"'
QUANTILE = "histogram_quantile({q}, sum by ({by}le) (rate({name}_bucket{{{of}}}[$__rate_interval])))"


class Panel(NamedTuple):
    """One chart: its title, its lines as (what, PromQL), and the unit as Grafana calls it."""

    title: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "short"


def rate(name: str, by: str, more: str = "") -> str:
    """How often a second, by labels."""
    return f"sum by ({by}) (rate({name}{{{OF}{more}}}[$__rate_interval]))"


def quantile(q: str, name: str, by: str = "") -> str:
    """What so large a part of the values is at most."""
    return QUANTILE.format(q=q, name=name, by=f"{by}, " if by else "", of=OF)


def gauge(name: str, by: str, how: str = "sum") -> str:
    """As it is, by labels."""
    return f"{how} by ({by}) ({name}{{{OF}}})"


ROWS: dict[str, tuple[Panel, ...]] = {
    "What needs somebody": (
        Panel("Checks that fail", (("{{check}}", f"upwell_ready{{{OF}}} == 0"),)),
        Panel(
            "Rollouts that do not offer",
            (("{{rollout}} {{how}}", f'upwell_rollout_standing{{{OF}, how!="offering"}}'),),
        ),
        Panel("Held back by their rate", (("{{rollout}}", f"upwell_rollout_held_by_rate{{{OF}}}"),)),
    ),
    "Rollouts": (
        Panel("Tasks by state", (("{{state}}", gauge("upwell_rollout_tasks", "state", "sum")),)),
        Panel(
            "Failed of ended",
            (
                (
                    "{{rollout}}",
                    f'sum by (rollout) (upwell_rollout_tasks{{{OF}, state="FAILED"}}) / '
                    f'sum by (rollout) (upwell_rollout_tasks{{{OF}, state=~"FAILED|SUCCEEDED"}})',
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Offers and acknowledgements",
            (
                ("offers {{face}}", rate("upwell_offers_total", "face")),
                ("acknowledged {{face}}", rate("upwell_acknowledgements_total", "face")),
            ),
            "ops",
        ),
    ),
    "Devices": (
        Panel(
            "Connected",
            (
                ("devices", gauge("upwell_devices_connected", "instance")),
                ("{{door}}", gauge("upwell_connections", "door")),
            ),
        ),
        Panel("Logins", (("{{face}} {{outcome}}", rate("upwell_logins_total", "face, outcome")),), "ops"),
        Panel(
            "Why logins are refused",
            (("{{face}}: {{reason}}", rate("upwell_login_refusals_total", "face, reason")),),
            "ops",
        ),
        Panel("What devices say", (("{{face}} {{kind}}", rate("upwell_heard_total", "face, kind")),), "ops"),
        Panel(
            "Until it is written",
            (
                ("half {{lane}}", quantile("0.5", "upwell_batch_seconds", "lane")),
                ("99 of 100 {{lane}}", quantile("0.99", "upwell_batch_seconds", "lane")),
            ),
            "s",
        ),
        Panel("Downloads", (("bytes", rate("upwell_download_bytes_total", "instance")),), "Bps"),
        Panel(
            "How downloads end",
            (
                ("{{outcome}}", rate("upwell_downloads_total", "outcome")),
                ("resumed", rate("upwell_download_resumes_total", "instance")),
                ("refused {{status}}", rate("upwell_download_refusals_total", "status")),
            ),
            "ops",
        ),
    ),
    "Owners": (
        Panel("Requests", (("{{tongue}} {{outcome}}", rate("upwell_requests_total", "tongue, outcome")),), "reqps"),
        Panel("How long 99 of 100 take", (("{{tongue}}", quantile("0.99", "upwell_request_seconds", "tongue")),), "s"),
        Panel("Refusals", (("{{tongue}} {{code}}", rate("upwell_request_refusals_total", "tongue, code")),), "reqps"),
    ),
    "Inside": (
        Panel("The engine is late", (("{{part}}", gauge("upwell_engine_late_seconds", "part", "max")),), "s"),
        Panel("Work of the loops", (("{{loop}}", rate("upwell_turn_seconds_total", "loop")),), "percentunit"),
        Panel("What waits in lanes", (("{{lane}}", gauge("upwell_lane_depth", "lane")),)),
        Panel(
            "Event loop late, 99 of 100",
            (("{{instance}}", quantile("0.99", "upwell_event_loop_delay_seconds", "instance")),),
            "s",
        ),
        Panel(
            "Statements that take most",
            (("{{statement}}", f"topk(10, {rate('upwell_statement_seconds_total', 'statement')})"),),
            "percentunit",
        ),
        Panel(
            "Waiting for a connection, 99 of 100",
            (("{{pool}}", quantile("0.99", "upwell_database_wait_seconds", "pool")),),
            "s",
        ),
        Panel(
            "Connections to PostgreSQL", (("{{pool}} {{state}}", gauge("upwell_database_connections", "pool, state")),)
        ),
        Panel("Standbys behind", (("{{standby}}", gauge("upwell_replication_lag_seconds", "standby", "max")),), "s"),
        Panel(
            "Free of disks",
            (("{{of}}", f"upwell_disk_free_bytes{{{OF}}} / upwell_disk_size_bytes{{{OF}}}"),),
            "percentunit",
        ),
        Panel(
            "Certificates expire in",
            (("{{of}}", f"upwell_certificate_expires_timestamp_seconds{{{OF}}} - time()"),),
            "s",
        ),
        Panel("Processors and memory", (("processors", rate("upwell_cpu_seconds_total", "instance")),)),
        Panel("Memory", (("{{instance}}", gauge("upwell_resident_memory_bytes", "instance")),), "bytes"),
    ),
}
SOURCE = {"type": "prometheus", "uid": "${source}"}


def board() -> dict[str, Any]:
    """As Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": _place(0, y, 24, 1), "panels": []}
        )
        y += 1
        for n, panel in enumerate(row):
            panels.append(_chart(panel, len(panels) + 1, n % 3 * 8, y + n // 3 * 8))
        y += -(-len(row) // 3) * 8
    return {
        "title": "Upwell",
        "uid": "upwell",
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "tags": ["upwell"],
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "panels": panels,
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
                {
                    "name": "instance",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": "label_values(upwell_build_info, instance)",
                    "includeAll": True,
                    "multi": True,
                    "refresh": 2,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
    }


def _chart(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expr, "legendFormat": name}
        for n, (name, expr) in enumerate(panel.lines)
    ]
    return {
        "id": number, "type": "timeseries", "title": panel.title, "datasource": SOURCE, "targets": targets,
        "gridPos": _place(x, y, 8, 8), "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
    }  # fmt: skip


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def main() -> int:
    """Write the file, or say whether it is stale."""
    text = json.dumps(board(), indent=1) + "\n"
    if "--check" in sys.argv:
        return int(FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
