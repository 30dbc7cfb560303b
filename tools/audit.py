"""Whether a published vulnerability is in what is installed at run time: `audit.py REQUIREMENTS`, by pip-audit.

A vulnerability fails it. Where the database can't be had one line says so, and it ends well: an audit that could not be
made is no reason to stop, and must not look like one that found nothing.
Needs what requirements/sbom.txt names.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 60
_OFTEN = ("--no-deps", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "5", "-f", "json")


def verdict(report: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether it may go on, and what is told, of what pip-audit reports."""
    known = [each for each in report["dependencies"] if "skip_reason" not in each]
    unknown = [each["name"] for each in report["dependencies"] if "skip_reason" in each]
    bad = [_line(each, found) for each in known for found in each["vulns"]]
    if bad:
        return False, "\n".join(["upwell: published vulnerabilities; raise the versions and run make lock:", *bad])
    if not known:
        return True, "upwell: the database of vulnerabilities knows none of the packages here: they are not audited"
    return True, f"upwell: {len(known)} packages without a published vulnerability" + (
        f"; not known to the database: {', '.join(unknown)}" if unknown else ""
    )


def _line(package: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    mended = ", ".join(found["fix_versions"]) or "no version yet"
    return f"  {package['name']} {package['version']}: {found['id']}, mended in {mended}"


def audit(lock: str) -> tuple[bool, str]:
    """The verdict about a lock."""
    command = [sys.executable, "-m", "pip_audit", "-r", lock, *_OFTEN]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return True, f"upwell: the database of vulnerabilities said nothing in {TIMEOUT_S} s: nothing is audited"
    if done.stdout.startswith("{"):
        return verdict(json.loads(done.stdout))
    why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    if "Connection" not in done.stderr and "Timeout" not in done.stderr and "Service" not in done.stderr:
        return False, f"upwell: pip-audit failed: {why:.300}"
    return True, f"upwell: the database of vulnerabilities can't be had, nothing is audited: {why:.150}"


if __name__ == "__main__":
    goes_on, text = audit(sys.argv[1])
    print(text)
    sys.exit(0 if goes_on else 1)
