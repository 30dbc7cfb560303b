"""`upwell quota …` on the server's machine: how much each account may have."""

from typing import Annotated

import typer

from upwell.cli.acting import acting
from upwell.cli.apps import noun, verb
from upwell.cli.described import described
from upwell.cli.settings import Option, settings_of, with_database
from upwell.domain.errors import Invalid
from upwell.domain.quotas import QUOTAS, RESOURCES, Quota
from upwell.service.context import Context
from upwell.service.manage import quotas

MOST, REQUESTS_MOST = 2**62, 2**31 - 1
OPTIONS = ["--" + what.replace("_", "-") for what in QUOTAS]

app = noun("Quotas: how much an account may have.", name="quota")


def _limit(what: Quota, text: str) -> int | None:
    if text in ("0", "none"):
        return None
    most = REQUESTS_MOST if what == "requests_per_s" else MOST
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= most:
        raise Invalid("quota", f"a number from 1 to {most}, or none", text)
    return int(text)


@verb(app, "set", "upwell quota set default --devices 10000 --running-jobs 20 --data-dir ./upwell-data")
@described
def set_(
    account: Annotated[str, typer.Argument(help="its name")],
    devices: Annotated[str | None, typer.Option(help="most devices; 0 or none: no limit")] = None,
    packages: Annotated[str | None, typer.Option(help="most packages")] = None,
    bytes_: Annotated[str | None, typer.Option("--bytes", help="most bytes of stored packages")] = None,
    running_jobs: Annotated[str | None, typer.Option(help="most jobs that are planned or run")] = None,
    requests_per_s: Annotated[str | None, typer.Option(help="most requests a second")] = None,
    data_dir: Option = None,
    database_url: Option = None,
) -> None:
    """Set quotas of an account, while servers run or not. Those that are not named stay.

    What the account has already stays, also where it is more: only new ones are refused."""
    said: dict[Quota, str | None] = {
        "devices": devices, "packages": packages, "bytes": bytes_, "running_jobs": running_jobs,
        "requests_per_s": requests_per_s,
    }  # fmt: skip
    given = {what: _limit(what, text) for what, text in said.items() if text is not None}
    if not given:
        raise Invalid("quota", f"at least one of {', '.join(OPTIONS)}")

    asked: dict[str, object] = {"account": account}
    asked.update({str(what): limit for what, limit in given.items()})

    async def body(ctx: Context) -> None:
        await quotas.set_quotas(ctx, account, given)

    with_database(settings_of(locals()), acting("quota set", asked, body))
    print(f"quotas of {account} are set: " + ", ".join(f"{what} {limit or 'none'}" for what, limit in given.items()))


@verb(app, "list", "upwell quota list --data-dir ./upwell-data")
@described
def list_(data_dir: Option = None, database_url: Option = None) -> None:
    """The accounts that have quotas: what each has, of how much."""

    async def body(ctx: Context) -> None:
        after = ""
        while found := await quotas.list_quotas(ctx, after):
            for row, used in found:
                told = ", ".join(f"{what} {used[what]} of {row[what] or 'any'}" for what in RESOURCES)
                print(f"{row['name']}: {told}, requests a second: {row['requests_per_s'] or 'any'}", flush=True)
                after = row["name"]

    with_database(settings_of(locals()), body)
