"""`upwell erase …` on the server's machine: a device or an account as if it had never been, with proof."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.settings import Option, settings_of, with_database
from upwell.config import Settings
from upwell.domain.errors import Conflict, Held, Invalid, NotFound
from upwell.objects import open_bucket
from upwell.objects.buckets import OWN_FOLDER
from upwell.service.context import Context
from upwell.service.manage import access, erasing, erasing_accounts, erasing_devices
from upwell.service.manage.erasing_rows import REMOVED, REPLACED
from upwell.wiring.stores import stores_of

ELSEWHERE = (
    "backups and the archive: restored, they have it again; erase it again then, and let old ones run out",
    "log files of servers and of proxies in front of them: let them rotate away, or delete them",
    "caches of objects, `object-cache` in data dirs: a file that nobody asks for goes in time, or delete it",
    "what hooks and a collector of traces were sent, and people and programs fetched: ask those who got it",
    "files of PostgreSQL: bytes of removed rows stay until vacuum and new rows take their place",
)

app = noun("Erase a device or an account, with proof.", name="erase")


@verb(app, "device", "upwell erase device PRODUCTKEY_lamp-1 --confirm PRODUCTKEY_lamp-1 --data-dir ./upwell-data")
@described
def device(
    id_: Annotated[str, typer.Argument(metavar="ID", help="its id, or PRODUCTKEY_NAME")],
    confirm: Annotated[str, typer.Option(help="the same once more: it can't be undone")] = "",
    json_: Annotated[bool, typer.Option("--json", help="the report as JSON")] = False,
    data_dir: Option = None,
    database_url: Option = None,
) -> None:
    """Erase a deleted device from the database, while servers run or not; print what was done and what a last look
    found.

    What tells of it alone goes; where counts and records of others need its rows, a pseudonym drawn by lot stands in
    its place. All of the database is read, more than once. What was interrupted goes on when it is called again."""
    _require_same(id_, confirm)

    async def body(ctx: Context) -> dict[str, Any]:
        return await _device(ctx, id_, quiet=json_)

    _told(_database(settings_of(locals()), body), as_json=json_)


@verb(app, "account", "upwell erase account acme --confirm acme --data-dir ./upwell-data")
@described
def account(
    name: Annotated[str, typer.Argument(metavar="NAME", help="its name")],
    confirm: Annotated[str, typer.Option(help="the same once more: it can't be undone")] = "",
    json_: Annotated[bool, typer.Option("--json", help="the report as JSON")] = False,
    data_dir: Option = None, database_url: Option = None, objects_url: Option = None, buckets: Option = None,
) -> None:  # fmt: skip
    """Erase an account with all that is its own, while servers run or not; print what was done and what a last look
    found.

    Its keys and sessions end first, and its name is free. Rollouts must have ended. Objects go that no other account
    has by the same key, but not those in buckets of the owner's own. What was interrupted goes on when it is called
    again."""
    _require_same(name, confirm)
    settings = settings_of(locals())

    async def body(ctx: Context) -> dict[str, Any]:
        return await _account(ctx, settings, name, quiet=json_)

    _told(_database(settings, body), as_json=json_)


@verb(app, "list", "upwell erase list --data-dir ./upwell-data")
@described
def list_(data_dir: Option = None, database_url: Option = None) -> None:
    """What has begun to be erased and is not whole yet: call the same again, and it goes on."""

    async def body(ctx: Context) -> None:
        for row in await erasing.under_way(ctx.database):
            at = f"pass {row['pass']}, {row['at_table'] or 'its beginning'}"
            print(f"{row['what']} {row['called']}: {row['word']}, since {row['began_at']:%Y-%m-%d %H:%M}, at {at}")

    with_database(settings_of(locals()), body)


def _require_same(name: str, confirm: str) -> None:
    if confirm != name:
        raise Invalid("confirm", "the same as what is to be erased, for it can't be undone", f"add --confirm {name}")


def _database(settings: Settings, body: Callable[[Context], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """As `with_database`; a refusal has its own exit code."""
    try:
        return with_database(settings, body)
    except (Conflict, NotFound) as exc:
        code = Exit.MISSING if isinstance(exc, NotFound) else Exit.REFUSED
        raise Ended(code, f"upwell: {one_line(exc.problem)}") from None
    except Held as exc:
        raise Ended(Exit.FAILED, f"upwell: {one_line(exc.problem)}", "  try: call it again; it goes on") from None


def _about(word: str, action: str) -> dict[str, object]:
    """What the audit says of it."""
    return {"pseudonym": word, "action": action}


async def _device(ctx: Context, text: str, *, quiet: bool) -> dict[str, Any]:
    found = await erasing_devices.find(ctx, text)
    if isinstance(found, erasing.Place):
        place, word = found, found.word
    else:
        pseudonym, word = erasing.new_word()
        start = partial(erasing_devices.begin, device=found, pseudonym=pseudonym, word=word)
        place = await acting("erase device", _about(word, "begun"), start)(ctx)
    if not quiet:
        print(f"pass {place.pass_}: it is {word} from now on", flush=True)
    done = await erasing.erase(ctx, place, (lambda place: None) if quiet else _going)
    if not done.found:
        last = acting("erase device", _about(word, "ended"), lambda ctx: erasing_devices.end(ctx, done))
        await last(ctx)
    await erasing.analyse(ctx, done)
    waits = await erasing_devices.waiting(ctx, done)
    by_itself = {
        "answers kept for repeated requests: sealed, and gone in 25 hours": waits["answers"],
        "uploaded lists of devices: gone in a day": waits["lists"],
    }
    return _report("device", done, by_itself)


async def _account(ctx: Context, settings: Settings, name: str, *, quiet: bool) -> dict[str, Any]:
    row, asked = await erasing_accounts.find(ctx, name)
    if row is None:
        pseudonym, word = erasing.new_word()

        async def start(ctx: Context) -> None:  # whose result would say whose the entry is
            await erasing_accounts.begin(ctx, asked, pseudonym, word)

        await acting("erase account", _about(word, "begun"), start)(ctx)
        row, _ = await erasing_accounts.find(ctx, name)
    assert row is not None  # noqa: S101  # it has begun
    stores, project = stores_of(settings), access.project_id(asked.account_id)
    bucket = open_bucket(settings.objects_at, f"{OWN_FOLDER}/{project}")
    store = erasing_accounts.Store(objects=stores, keeps=stores.keeps, bucket=bucket)
    place = erasing_accounts.place_of(row, store)
    if not quiet:
        print(f"pass {place.pass_}: nothing comes in any more; it is {place.word} from now on", flush=True)
    done = await erasing.erase(ctx, place, (lambda place: None) if quiet else _going)
    if not done.found:
        last = acting("erase account", _about(done.word, "ended"), partial(erasing_accounts.end, place=done))
        await last(ctx)
    await erasing.analyse(ctx, done)
    assert isinstance(done.subject, erasing_accounts.Account)  # noqa: S101  # as it was made
    left = "objects that stay: another account has them by the same key, or they are in buckets of the owner's"
    return _report("account", done, {left: len(done.subject.left)})


def _report(what: str, done: erasing.Place, by_itself: dict[str, int]) -> dict[str, Any]:
    return {
        "erased": what, "pseudonym": done.word, "is_whole": not done.found, "passes": done.pass_,
        "tables": done.told, "remains": dict(done.remains) if done.found else {}, "named_alike": dict(+done.alike),
        "not_removed": by_itself, "elsewhere": list(ELSEWHERE),
    }  # fmt: skip


def _going(place: erasing.Place) -> None:
    print(f"pass {place.pass_}, {place.at_table}: {_words(place.told[place.at_table])} so far", flush=True)


def _words(done: dict[str, int]) -> str:
    return ", ".join(f"{done.get(what, 0)} {what}" for what in (REMOVED, REPLACED) if done.get(what))


def _told(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        how = "erased" if report["is_whole"] else "not erased whole:"
        print(f"{how} a {report['erased']}, which is {report['pseudonym']} from now on")
        for table, done in sorted(report["tables"].items()):
            print(f"  {table}: {_words(done)}")
        print(f"a last look at every column of every table found {sum(report['remains'].values())}")
        for what, count in report["named_alike"].items():
            print(f"not changed: {what} of {count} rows has a word that is its name too; change what means it")
        for what, count in report["not_removed"].items():
            print(f"not removed: {count} {what}")
        for each in report["elsewhere"]:
            print(f"not reached: {each}")
    if not report["is_whole"]:
        where = (
            ", ".join(f"{column} {count}" for column, count in report["remains"].items()) or "rows written meanwhile"
        )
        raise Ended(
            Exit.FAILED, f"upwell: it is not erased whole: {where}",
            "  try: call it again, once servers have gone on with rollouts that stand at it",
        )  # fmt: skip
