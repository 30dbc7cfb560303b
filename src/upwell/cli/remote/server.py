"""`upwell server`: how the server is."""

from typing import Any

import typer

from upwell.cli.apps import STYLE
from upwell.cli.remote.acting import At, verb
from upwell.cli.telling import Column, member, minute, table

server = typer.Typer(**STYLE)
CONCERNS: tuple[Column, ...] = (("what", member("kind")), ("of", member("of")), ("why", member("reason")))


@verb(server, "server", "upwell server", "upwell server --json | jq .concerns")
def show(at: At) -> None:
    """Show how the server is: its version, its parts, its certificates and disks, and what to look at. An admin may."""
    found: Any = at.client.show_server()
    at.one(
        found, ("version", found["version"]), ("PostgreSQL", found["database_version"]),
        ("schema", found["schema_version"]),
        *((f"{name}", told) for name, told in found["checks"].items()),
        *((f"certificate for {each['of']}", f"until {minute(each['ends_at'])}") for each in found["certificates"]),
        *((f"disk of {each['of']}", f"{each.get('free_bytes', 0) // 1_000_000} MB free") for each in found["disks"]),
    )  # fmt: skip
    if at.as_json:
        return
    if found["concerns"]:
        print("To look at:")
        table(CONCERNS, found["concerns"])
    else:
        at.say("\nNothing to look at.")
