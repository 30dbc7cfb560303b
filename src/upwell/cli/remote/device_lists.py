"""`upwell device …` for many at once, and one device in time."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, verb
from upwell.cli.remote.audit import instant
from upwell.cli.remote.devices import DeviceId, OfProduct, Status, app
from upwell.cli.remote.progress import bar
from upwell.cli.telling import Column, member, minute, number, second, word
from upwell.client.shapes import Import

Form = Literal["csv", "ndjson"]
ASK_S = 0.5  # between two looks at an import
PROBLEMS_SHOWN = 5
Kind = Literal["login", "refused", "offer", "download", "report", "unreadable", "task", "aside", "act"]


@verb(
    app, "import", "upwell device import lamps.csv --product lamp-eu --secrets secrets.csv",
    "generate-names | upwell device import - --product lamp-eu --format ndjson",
)  # fmt: skip
def import_(
    at: At,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The list; - for standard input.")],
    product: Annotated[str, typer.Option(metavar="PRODUCT", help="The product that they are of.")],
    form: Annotated[Form | None, typer.Option("--format", help="Else as the file is called; csv.")] = None,
    secrets: Annotated[Path | None, typer.Option(help="Write ids, names and secrets there; .csv or .ndjson.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for its end, or show it by `device imported`.")] = True,
) -> None:
    """Make many devices of a list. CSV has a header: name, and as you like id, secret, nickname, tags (k=v;k=v),
    gateway_id. One that is there already stays as it is, so a list may be sent again."""
    kind = form or _form_of(file)
    with _opened(file) as source, bar(file, source.seek(0, 2)) as progress:
        made = at.client.create_import(product_id=product, file=source, format=kind, progress=progress)
    if wait:
        made = _ended(at, made)
    if secrets is not None and wait:
        _secrets(at, made["id"], secrets)
    _told(at, made, secrets)
    if made["status"] == "failed" or made["refused"]:
        raise typer.Exit(int(Exit.FAILED))


def _form_of(name: str) -> Form:
    """As the file is called."""
    return "ndjson" if name.endswith((".ndjson", ".jsonl")) else "csv"


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The list; what comes by a pipe is put on disk first, for it may have to be sent again."""
    try:
        with tempfile.TemporaryFile() if file == "-" else Path(file).open("rb") as source:
            if file == "-":
                shutil.copyfileobj(sys.stdin.buffer, source)
            yield source
    except OSError as exc:
        raise Ended(Exit.USAGE, f"upwell: {file} can't be read: {exc.strerror}", "  try: look at its name") from exc


def _ended(at: At, made: Import) -> Import:
    while made["status"] == "running":
        time.sleep(ASK_S)
        made = at.client.show_import(made["id"])
    return made


def _secrets(at: At, import_id: str, path: Path) -> None:
    """For the reader alone: whoever has them can speak for the devices."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("wb") as out:
        for piece in at.client.list_import_devices(import_id, format=_form_of(path.name)):
            out.write(piece)


def _told(at: At, made: Import, secrets: Path | None) -> None:
    at.one(
        made, ("id", made["id"]), ("status", made["status"]), ("why", made.get("problem")),
        ("rows read", number(made["rows_read"])), ("made", number(made["made"])),
        ("were there", number(made["existing"])), ("refused", number(made["refused"])),
        ("secrets in", None if secrets is None else str(secrets)),
    )  # fmt: skip
    for each in made.get("first_problems", ())[:PROBLEMS_SHOWN]:
        at.say(f"  row {each['row']}: {one_line(each['problem'])}")
    if made["refused"] > PROBLEMS_SHOWN:
        at.say(f"\nNext: upwell device imported {made['id']} --problems")
    elif secrets is None and made["status"] == "done" and made["made"]:
        at.say(f"\nNext: upwell device imported {made['id']} --secrets FILE, which devices log in with")


PROBLEMS: tuple[Column, ...] = (
    ("row", member("row")), ("parameter", member("parameter")), ("problem", member("problem")), ("try", member("try")),
)  # fmt: skip


@verb(app, "imported", "upwell device imported imp_0000000000000007 --secrets secrets.csv")
def imported(
    at: At,
    import_: Annotated[str, typer.Argument(metavar="IMPORT", help="The import's id, imp_….")],
    problems: Annotated[bool, typer.Option("--problems", help="Show the rows that nothing was made of.")] = False,
    secrets: Annotated[Path | None, typer.Option(help="Write ids, names and secrets there; .csv or .ndjson.")] = None,
) -> None:
    """Show how far an import has come, or what came of it."""
    if problems:
        at.pages(PROBLEMS, at.client.list_import_problems(import_), "no row was refused", LIST_MAX, True)
        return
    if secrets is not None:
        _secrets(at, import_, secrets)
    _told(at, at.client.show_import(import_), secrets)


@verb(
    app, "export", "upwell device export --product lamp-eu > lamps.csv", "upwell device export --format ndjson | jq .id"
)
def export(
    at: At,
    product: OfProduct = None,
    group: Annotated[str | None, typer.Option(help="Only of this group.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those that are so.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How.")] = "csv",
) -> None:
    """Write all devices to standard output, without secrets."""
    kind: Form = "ndjson" if at.as_json else form
    for piece in at.client.export_devices(product_id=product, group_id=group, status=status, format=kind):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


LINES: tuple[Column, ...] = (
    ("at", lambda t: second(t["at"])), ("kind", member("kind")), ("what", lambda t: _what(t)),
    ("about", lambda t: _about(t)),
)  # fmt: skip


def _what(line: object) -> str:
    assert isinstance(line, dict)  # noqa: S101  # the API's
    times = f" ×{line['times']}" if line.get("times", 1) > 1 else ""
    return f"{line['what']}{times}"


def _about(line: object) -> str:
    """What is told of it beside; in words where a name would say nothing more."""
    assert isinstance(line, dict)  # noqa: S101  # the API's
    told = [" → ".join(word(line[name]) for name in ("from", "to") if line.get(name))]
    told += [word(line.get(name)) for name in ("reason", "detail")]
    if line.get("module", "default") != "default":
        told.append(f"module {word(line['module'])}")
    names = {"bytes": "bytes", "resumed": "resumed", "rollout_id": "", "address": "from", "who": "by"}
    told += [f"{said} {word(line[name])}".strip() for name, said in names.items() if line.get(name)]
    return ", ".join(filter(None, told))


@verb(
    app,
    "timeline",
    "upwell device timeline lamp-eu_kitchen-1",
    "upwell device timeline lamp-eu_kitchen-1 --kind refused",
)
def timeline(
    at: At,
    device: DeviceId,
    kind: Annotated[Kind | None, typer.Option(help="Only of this kind.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment.")] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show what befell a device, newest first: logins, offers, downloads, reports, refusals, its owner's acts."""
    listed = at.client.list_device_timeline(
        device, kind=kind, since=instant("--since", since), until=instant("--until", until)
    )
    at.pages(LINES, listed, "nothing is known of it", limit, every)


CHECKS: tuple[Column, ...] = (
    ("", lambda c: "yes" if c["yes"] else "no"), ("asked", member("question")),
    ("found", lambda c: ", ".join(filter(None, (c["fact"], minute(c.get("at")))))),
)  # fmt: skip


@verb(
    app, "why", "upwell device why lamp-eu_kitchen-1 --rollout ro_0000000000000007",
    "upwell device why lamp-eu_kitchen-1 --package pkg_0000000000000007",
)  # fmt: skip
def why(
    at: At,
    device: DeviceId,
    rollout: Annotated[str | None, typer.Option(metavar="ROLLOUT", help="By this rollout.")] = None,
    package: Annotated[str | None, typer.Option(metavar="PACKAGE", help="By the rollout of this package.")] = None,
) -> None:
    """Show why a device is not updated: what is asked before an offer, each with what was found; the first no is the
    answer, with what to do or what happens by itself."""
    if (rollout is None) is (package is None):
        how = "nothing says by what" if rollout is None else "two options say by what"
        raise Ended(Exit.USAGE, f"upwell: {how}", "  try: --rollout ROLLOUT, or --package PACKAGE")
    found = at.client.explain_device(device, rollout_id=rollout, package_id=package)
    if at.as_json:
        at.one(found)
        return
    at.many(CHECKS, found["checks"], "nothing is asked about it")
    when = f" ({minute(found['next_at'])})" if found.get("next_at") else ""
    at.say(f"\n{found['code'].replace('_', ' ').replace('-', ' ')}. Next: {one_line(found['next_step'])}{when}")


REFUSED: tuple[Column, ...] = (
    ("last", lambda r: second(r["at"])), ("times", lambda r: number(r["times"])), ("name", member("name")),
    ("product", member("product_id")), ("from", member("address")), ("why", member("reason")),
)  # fmt: skip


@verb(
    app, "refused-logins", "upwell device refused-logins --since 2026-01-31",
    "upwell device refused-logins --name kitchen-1",
)  # fmt: skip
def refused_logins(
    at: At,
    name: Annotated[str | None, typer.Option(help="Only of this device's name.")] = None,
    address: Annotated[str | None, typer.Option(help="Only from this address.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on: 2026-01-31, or with a time.")] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show logins that were refused, the last first: who can't come in, also of names that no device has."""
    listed = at.client.list_refused_logins(name=name, address=address, since=instant("--since", since))
    at.pages(REFUSED, listed, "no login was refused", limit, every)
