"""The unit under a real systemd: a bare Debian is booted in a container of systemd-nspawn, where the unit is installed
as its top says. It is ready when it serves, reloads, is started anew when it is killed or silent, and ends well."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.debian import command, found
from tests.prove.bare import Bare, needs_debian

from wheel import CHECKOUT, built

NSPAWN = found("systemd-nspawn")
pytestmark = [
    pytest.mark.prove,
    needs_debian,
    pytest.mark.skipif(NSPAWN is None, reason=f"there is no systemd-nspawn here; run: {command('systemd-nspawn')}"),
]

UNIT = CHECKOUT / "deploy" / "systemd" / "upwell.service"
SCRIPT = """
exec > /said 2>&1
of() { systemctl show upwell --value -p "$1"; }
tell() {
  code=$(/opt/upwell/bin/python -c "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8686/readyz').status)")
  echo "$1: $(of ActiveState) restarts=$(of NRestarts) user=$(of User) ready=$code"
}
again() {
  for i in $(seq 200); do [ "$(of NRestarts)" = "$1" ] && systemctl is-active -q upwell && break; sleep 1; done
}
tell started
systemctl reload upwell && tell reloaded
kill -9 "$(of MainPID)"; again 1; tell killed
kill -STOP "$(of MainPID)"; again 2; tell silent
systemctl stop upwell
echo "stopped: $(of ActiveState) $(of Result)"
systemd-analyze security upwell | tail -1
journalctl -u upwell --no-pager -o cat
"""
PROOF = """
[Unit]
After=upwell.service
[Service]
Type=oneshot
TimeoutStartSec=600
ExecStart=/bin/sh /script
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def machine() -> Iterator[Bare]:
    """A Debian with systemd, Upwell as its unit says, and what proves it."""
    top = Path(tempfile.mkdtemp(prefix="upwell-systemd-", dir="/tmp"))
    top.chmod(0o755)
    try:
        bare = Bare(top / "root", "bookworm")
        parts = "systemd dbus python3-venv"
        bare.run("sh", "-c", f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {parts}")
        shutil.copy(built(top), bare.root / "opt")
        bare.run("sh", "-ec", "python3 -m venv /opt/upwell && /opt/upwell/bin/pip install -q /opt/upwell-*.whl")
        [made] = [line for line in UNIT.read_text().splitlines() if line.startswith("#   useradd ")]
        bare.run(*made.split()[1:])
        units = bare.root / "etc" / "systemd" / "system"
        shutil.copy(UNIT, units)
        (units / "proof.service").write_text(PROOF)
        (bare.root / "script").write_text(SCRIPT)
        settings = bare.root / "etc" / "upwell" / "upwell.toml"
        settings.parent.mkdir()
        settings.write_text('log_format = "json"\n')
        settings.chmod(0o640)
        bare.run("chgrp", "upwell", "/etc/upwell/upwell.toml")
        bare.run("systemctl", "enable", "upwell", "proof")
        yield bare
    finally:
        shutil.rmtree(top)


@pytest.mark.timeout(1800)
def test_the_unit_under_a_real_systemd(machine: Bare) -> None:
    boot = [str(NSPAWN), "-q", "-D", str(machine.root), "--register=no", "--keep-unit", "--private-network", "-b"]
    booted = subprocess.run(boot, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    place = machine.root / "said"
    assert place.exists(), booted.stdout[-3000:] + booted.stderr[-3000:]
    said = place.read_text()
    lines = said.splitlines()
    assert lines[:4] == [
        "started: active restarts=0 user=upwell ready=200",
        "reloaded: active restarts=0 user=upwell ready=200",
        "killed: active restarts=1 user=upwell ready=200",
        "silent: active restarts=2 user=upwell ready=200",
    ], said
    assert lines[4] == "stopped: inactive success", said
    assert "Watchdog timeout (limit 1min)!" in said and '"server stopped"' in said, said
    assert "Traceback" not in said, said
    # It wrote where it may, and only its user may read it.
    data = machine.root / "var" / "lib" / "upwell"
    assert (data / "postgres").is_dir() and data.stat().st_mode & 0o777 == 0o700
    print(f"\nunder systemd: {', '.join(lines[:5])}; {lines[5].strip()}")
