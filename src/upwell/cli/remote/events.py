"""`upwell event …`: what happened, as a list and as it happens.

Holds: what follows events ends quietly when its reader does, also while nothing happens, and with Ctrl-C; a server that
goes away is waited for, and nothing is missed or told twice.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import one_line
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, verb
from upwell.cli.telling import Column, as_json, member, number, second, word

app = noun("Events: what happened, as it happens.", name="event")
AWAY_MAX_S = 600.0  # that a server which is gone is waited for
PAGE = 200
PREFIX = "upwell."
TypeName = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="Only of this type: upwell.rollout.ended, or without upwell."),
]
OfProduct = Annotated[str | None, typer.Option("--product", metavar="PRODUCT", help="Only of this product.")]
OfRollout = Annotated[str | None, typer.Option("--rollout", metavar="ROLLOUT", help="Only of this rollout.")]
COLUMNS: tuple[Column, ...] = (
    ("at", lambda e: second(e["time"])), ("what", lambda e: e["type"].removeprefix(PREFIX)),
    ("about", member("subject")), ("more", lambda e: about(e)),
)  # fmt: skip


def typed(name: str | None) -> str | None:
    """A type's full name."""
    return name if name is None or name.startswith(PREFIX) else PREFIX + name


def about(event: Any) -> str:
    """What it tells beside its subject."""
    subject = event.get("subject", "")
    return word({name: value for name, value in event["data"].items() if str(value) not in subject})


@verb(
    app, "list", "upwell event list --type rollout.ended", "upwell event list --after evt_000000000000002a --all --json"
)
def list_(
    at: At,
    type_: TypeName = None,
    product: OfProduct = None,
    rollout: OfRollout = None,
    after: Annotated[str | None, typer.Option(metavar="EVENT", help="Only what came after this one.")] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show events that are kept, oldest first."""
    taking = _Taking(at, {"type": typed(type_), "product_id": product, "rollout_id": rollout}, after)
    at.many(COLUMNS, taking.some(None if every else limit), "nothing of that kind has happened, or it is kept no more")
    if taking.more:
        at.note(f"there are more: --all, or --after {taking.place}")


class _Taking:
    """So many events; `more` says whether some were left, `place` where to go on."""

    def __init__(self, at: At, query: dict[str, Any], after: str | None) -> None:
        self._at, self._query, self.place, self.more = at, query, after, False

    def some(self, most: int | None) -> Iterator[Any]:
        """The next ones, as they are read."""
        count = 0
        while True:
            size = PAGE if most is None else min(PAGE, most - count)
            page = self._at.client.list_events(after=self.place, limit=size, **self._query)
            yield from page["items"]
            count, self.place = count + len(page["items"]), page["next_after"]
            if page["is_last"]:
                return
            if count == most:
                self.more = True
                return


@verb(
    app, "tail", "upwell event tail", "upwell event tail --type rollout.ended --json | jq .data",
    "upwell event tail --after evt_000000000000002a --json >> events.ndjson",
)  # fmt: skip
def tail(
    at: At,
    type_: TypeName = None,
    product: OfProduct = None,
    rollout: OfRollout = None,
    after: Annotated[str | None, typer.Option(metavar="EVENT", help="Begin behind this one; else now.")] = None,
) -> None:
    """Show events as they happen, each on a line, until Ctrl-C. A connection that breaks is made again and goes on
    where it was. Events of devices are made for accounts that want them: `upwell event settings --devices`."""
    try:
        with _until_nobody_reads():
            for event in at.client.follow_events(
                type=typed(type_), product_id=product, rollout_id=rollout, after=after, patience_s=AWAY_MAX_S,
                lost=lambda why, pause_s: _note(f"{at.name}: {why}; asking again in {pause_s:.0f} s"),
                forgotten=lambda place: _note(f"what came before {place} is kept no more"),
            ):  # fmt: skip
                if at.as_json:
                    as_json(event)
                else:
                    print("  ".join(word(get(event)) for _, get in COLUMNS).rstrip())
                sys.stdout.flush()
    except BrokenPipeError:
        _leave()


def _note(text: str) -> None:
    print(f"upwell: {one_line(text)}", file=sys.stderr, flush=True)


def _leave() -> None:
    """What is left to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextmanager
def _until_nobody_reads() -> Iterator[None]:
    """Where a pipe's reader has gone, who waits for events is told by BrokenPipeError, though nothing is written."""
    gone, main = threading.Event(), threading.main_thread().ident

    def look() -> None:
        poll = select.poll()
        poll.register(1, 0)  # errors alone, which are always told
        if any(found & select.POLLERR for _, found in poll.poll()):
            gone.set()
            signal.pthread_kill(cast(int, main), signal.SIGINT)

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        if not gone.is_set():
            raise
        raise BrokenPipeError from None


@verb(
    app, "settings", "upwell event settings", "upwell event settings --devices --keep-days 30",
)  # fmt: skip
def settings(
    at: At,
    devices: Annotated[
        bool | None, typer.Option("--devices/--no-devices", help="What devices do: offers, progress, ends, versions.")
    ] = None,
    presence: Annotated[
        bool | None, typer.Option("--presence/--no-presence", help="Each time that a device comes or goes.")
    ] = None,
    keep_days: Annotated[int | None, typer.Option(min=1, metavar="DAYS", help="How long they are kept.")] = None,
    keep_most: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many are kept at the most.")] = None,
) -> None:
    """Show which events the account has, or have others from now on. An admin may change it."""
    given = {"devices": devices, "presence": presence, "keep_days": keep_days, "keep_most": keep_most}
    changes = any(value is not None for value in given.values())
    found = at.client.update_event_settings(**given) if changes else at.client.show_event_settings()  # type: ignore[arg-type]
    at.one(
        found, ("devices", found["devices"]), ("presence", found["presence"]), ("kept for days", found["keep_days"]),
        ("kept at most", number(found["keep_most"])),
    )  # fmt: skip
