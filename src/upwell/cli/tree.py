"""Which commands there are, where each is written, and whether it acts on this machine or over the API.

Holds: no command's module is loaded before it is called, for a command over the API begins in a fifth of a second and
one beside the server in three times that.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import typer.main
from typer import _click as click
from typer.core import TyperCommand, TyperGroup

from upwell.cli.exits import Ended, Exit
from upwell.cli.loading import loading
from upwell.cli.remote import contexts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is written, `module:name` below upwell.cli: as it acts beside the server, and over the API."""

    text: str
    local: str = ""
    remote: str = ""


SECTIONS: Mapping[str, Mapping[str, Place]] = {
    "Your fleet, over the API": {
        "product": Place("Products: kinds of device.", remote="remote.products:app"),
        "device": Place("Devices: import, look, disable, follow in time.", remote="remote.device_lists:app"),
        "group": Place("Groups of devices.", remote="remote.groups:app"),
        "hours": Place("Hours of groups and tags, for all rollouts.", remote="remote.hours:app"),
        "package": Place("Packages: upload, look, verify.", remote="remote.packages:app"),
        "rollout": Place("Rollouts: plan, start, watch, steer.", remote="remote.planning:app"),
        "attention": Place("What waits for you.", remote="remote.attention:attention"),
        "event": Place("Events: what happened, as it happens.", remote="remote.events:app"),
        "hook": Place("Hooks: where events are sent.", remote="remote.hooks:app"),
    },
    "Who you are": {
        "login": Place("Sign in to a server.", remote="remote.signing_in:login"),
        "logout": Place("Sign out, and revoke the key that `login` made.", remote="remote.signing_in:logout"),
        "password": Place("Change your own password.", remote="remote.own_password:password"),
        "session": Place("Who is signed in.", remote="remote.sessions:app"),
        "context": Place("The servers that you are signed in to.", remote="remote.signing_in:context"),
    },
    "Both: over the API, or on the server's machine with --data-dir": {
        "key": Place("Access keys.", "keys:app", "remote.keys:app"),
        "user": Place("Users who sign in with a password.", "users:app", "remote.users:app"),
        "audit": Place("What owners did and were refused.", "audit:app", "remote.audit:app"),
    },
    "A server's admin, over the API": {
        "server": Place("How the server is.", remote="remote.server:server"),
        "account": Place("Accounts: make, rename; defaults of your own.", remote="remote.accounts:app"),
    },
    "On the server's machine": {
        "serve": Place("Run the server.", "serving:serve"),
        "migrate": Place("Bring the database's schema to this version.", "migrating:migrate"),
        "upgrade-database": Place("Bring the data dir to this PostgreSQL.", "upgrading:upgrade_database"),
        "doctor": Place("Look at an installation: what is wrong, and what to do.", "doctor:doctor"),
        "quota": Place("Quotas: how much an account may have.", "quotas:app"),
        "erase": Place("Erase a device or an account, with proof.", "erasing:app"),
        "secrets": Place("Secrets in the database: encrypted with which key.", "sealing:app"),
        "check": Place("Count anew and compare with the counters.", "serving:check"),
        "backup": Place("Back up the database and the firmware files.", "backups:backup"),
        "verify-backup": Place("Whether a backup is whole.", "backups:verify_backup"),
        "restore": Place("Restore a backup into an empty place.", "backups:restore_"),
        "object": Place("Objects in the buckets that packages are made from.", "objects:app"),
    },
    "More": {
        "simulate": Place("Run a simulated fleet against a server.", "simulating:simulate_fleet"),
        "completion": Place("Print the completion for bash, zsh or fish.", "completion:completion"),
        "version": Place("Print the version.", "completion:version"),
    },
}
PLACES: Mapping[str, Place] = {name: place for each in SECTIONS.values() for name, place in each.items()}
LOCAL_OPTIONS = ("--data-dir", "--database-url")
LOCAL_VARIABLES = ("UPWELL_DATA_DIR", "UPWELL_DATABASE_URL", "UPWELL_CONFIG")
REMOTE_OPTIONS = ("--url", "--context")
REMOTE_VARIABLES = ("UPWELL_URL", "UPWELL_CONTEXT")


def is_remote(args: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a command that has both forms acts over the API: as its options say, else as the environment says, else
    over the API for whoever is signed in and not in a folder with the server's upwell.toml. Raises Ended where both are
    said alike."""
    for local, remote, said in (
        ([each for each in LOCAL_OPTIONS if _given(each, args)], [e for e in REMOTE_OPTIONS if _given(e, args)], args),
        ([e for e in LOCAL_VARIABLES if environ.get(e)], [e for e in REMOTE_VARIABLES if environ.get(e)], environ),
    ):
        if local and remote:
            raise Ended(
                Exit.USAGE,
                f"upwell: {local[0]} means the database on this machine, {remote[0]} a server over the API; which?",
                "  try: leave one out" + (", or say --data-dir or --url" if said is environ else ""),
            )
        if local or remote:
            return bool(remote)
    return not Path("upwell.toml").exists() and contexts.is_signed_in(environ)


def _given(option: str, args: Sequence[str]) -> bool:
    return any(each == option or each.startswith(f"{option}=") for each in args)


def loaded(name: str, *, remote: bool) -> click.Command:
    """The command itself."""
    place = PLACES[name]
    module, _, member = ((remote and place.remote) or place.local or place.remote).partition(":")
    with loading():
        app = getattr(import_module(f"upwell.cli.{module}"), member)
    return typer.main.get_command(app)


class Tree(TyperGroup):
    """The program: it knows its commands by name and loads the one that is called."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for name, place in PLACES.items():
            self.add_command(TyperCommand(name, help=place.text, rich_markup_mode=None))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called, loaded."""
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or found is None:
            return name, found, rest
        place = PLACES[name]
        both = bool(place.local and place.remote)
        return name, loaded(name, remote=not both or is_remote(rest, os.environ)), rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what they are about."""
        width = max(map(len, PLACES))
        for title, places in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), place.text) for name, place in places.items()])
