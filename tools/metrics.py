"""Write the table of metrics into docs/metrics.md, from meters/table.py.

Run: python tools/metrics.py (writes the file) or python tools/metrics.py --check (fails when the file is stale).
"""

import sys
from pathlib import Path

from upwell.meters.table import METRICS, Kind, Metric

FILE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: written by tools/metrics.py -->", "<!-- metrics end -->"


def row(metric: Metric) -> str:
    """One line of the table."""
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "—"
    of = metric.of.value if metric.kind is Kind.GAUGE else "the sum of all processes"
    return f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.help} | {of} |"


def table() -> str:
    """All of them in the order in which they are told."""
    head = ["| metric | kind | labels | what it is | of several processes |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(row, METRICS.values())])


def written(text: str) -> str:
    """The page with the table of today in it."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the file, or say whether it is stale."""
    old = FILE.read_text()
    if "--check" in sys.argv:
        return int(written(old) != old)
    FILE.write_text(written(old))
    return 0


if __name__ == "__main__":
    sys.exit(main())
