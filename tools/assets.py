"""Refresh what the console shows of others: files out of npm packages, by the lock that stands beside them.

Run: python tools/assets.py (writes the files; needs npm and the network), --check (compares the files with the lock;
needs neither), or --tests (fetches what the browser tests need, which is not kept in the repository).

Holds: a package's tarball has the SHA-512 of the lock, or nothing of it is written. A new version is a new entry of the
lock: its number, and the integrity that `npm view NAME@VERSION dist.integrity` tells.
"""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
LOCK = TOP / "src" / "upwell" / "console" / "assets" / "vendor" / "lock.json"
Entry = dict[str, Any]


def entries(*, tests: bool) -> list[Entry]:
    """The packages of the lock that are for the console, or for its tests."""
    return [entry for entry in json.loads(LOCK.read_text("utf-8"))["packages"] if entry.get("tests", False) is tests]


def tarball(entry: Entry) -> bytes:
    """The package as npm fetches it. Raises SystemExit when it is another than the lock says."""
    name = f"{entry['name']}@{entry['version']}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", name], cwd=folder, check=True)
        [packed] = Path(folder).iterdir()
        data = packed.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != entry["integrity"]:
        sys.exit(f"{name}: its integrity is {found}, the lock says {entry['integrity']}; nothing is written")
    return data


def write(entry: Entry) -> None:
    """The files of one package, where the lock says."""
    with tarfile.open(fileobj=io.BytesIO(tarball(entry)), mode="r:gz") as packed:
        for told in entry["files"]:
            member = packed.extractfile(told["from"])
            if member is None:
                sys.exit(f"{entry['name']}: it has no {told['from']}")
            data = member.read()
            place = TOP / told["to"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            print(f"{told['to']}: {len(data)} bytes of {entry['name']} {entry['version']}")
            told["sha256"] = hashlib.sha256(data).hexdigest()


def differences() -> list[str]:
    """Files that are not as the lock says."""
    wrong = []
    for entry in entries(tests=False):
        for told in entry["files"]:
            place = TOP / told["to"]
            if not place.exists() or hashlib.sha256(place.read_bytes()).hexdigest() != told["sha256"]:
                wrong.append(told["to"])
    return wrong


def main() -> None:
    """As the arguments say."""
    if "--check" in sys.argv[1:]:
        wrong = differences()
        sys.exit(f"not as {LOCK.name} says: {', '.join(wrong)}; run tools/assets.py" if wrong else 0)
    lock = json.loads(LOCK.read_text("utf-8"))
    for entry in lock["packages"]:
        if entry.get("tests", False) is ("--tests" in sys.argv[1:]):
            write(entry)
    if "--tests" not in sys.argv[1:]:
        LOCK.write_text(json.dumps(lock, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
