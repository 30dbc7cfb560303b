"""`upwell hook …`: where events are sent."""

import time
from typing import Annotated, Any

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Yes, verb
from upwell.cli.remote.events import PREFIX, typed
from upwell.cli.telling import Column, member, minute, number, of, second
from upwell.client.shapes import Hook

app = noun("Hooks: where events are sent.", name="hook")
HookId = Annotated[str, typer.Argument(metavar="HOOK", help="The hook's id, hook_….")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Events of this type, as rollout.ended; may be given again."),
]
PING, PING_WITHIN_S, LOOK_S = "upwell.hook.ping", 20.0, 0.5


def _types(hook: Any) -> str:
    return ", ".join(each.removeprefix(PREFIX) for each in hook["types"]) or "all"


def _state(hook: Any) -> str:
    if not hook["enabled"]:
        why = hook.get("disabled_because")
        return f"disabled: {why}" if why else "disabled"
    return f"failing since {minute(hook['failing_since'])}" if hook.get("failing_since") else "enabled"


COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("name", member("name")), ("state", _state), ("waiting", lambda h: number(h["waiting"])),
    ("events", _types), ("to", member("target_url")),
)  # fmt: skip
DELIVERIES: tuple[Column, ...] = (
    ("event", member("event_id")), ("what", lambda d: d["type"].removeprefix(PREFIX)),
    ("status", lambda d: d["status"].replace("_", " ")), ("tries", member("tries")),
    ("answer", lambda d: answer(d)), ("next", lambda d: second(d.get("next_at"))),
)  # fmt: skip


def answer(delivery: Any) -> str:
    """What the receiver said last, or why it said nothing."""
    said = [str(delivery[name]) for name in ("answer_status", "problem", "answer") if delivery.get(name)]
    took = f"in {delivery['duration_ms']} ms" if "duration_ms" in delivery else ""
    return " ".join(filter(None, (" ".join(said), took)))


def _types_of(types: list[str] | None) -> Any:
    return [typed(each) for each in types] if types else None


def _tell(at: At, hook: Any) -> None:
    at.one(
        hook, ("id", hook["id"]), ("name", hook.get("name")), ("to", hook["target_url"]), ("events", _types(hook)),
        ("product", hook.get("product_id")), ("rollout", hook.get("rollout_id")), ("state", _state(hook)),
        ("waiting", number(hook["waiting"])),
        ("missed", number(hook["missed"]) if hook["missed"] else None),
        ("old secret until", minute(hook.get("old_secret_until"))), ("secret", hook.get("secret")),
        ("made", minute(hook["created_at"])),
    )  # fmt: skip


@verb(
    app, "create", "upwell hook create https://ci.example/upwell --type rollout.ended",
    "upwell hook create https://ci.example/upwell --name ci --rollout ro_0000000000000007 --json | jq -r .secret",
)  # fmt: skip
def create(
    at: At,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The URL that they are sent to.")],
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    types: Types = None,
    product: Annotated[str | None, typer.Option(metavar="PRODUCT", help="Events of this product alone.")] = None,
    rollout: Annotated[str | None, typer.Option(metavar="ROLLOUT", help="Events of this rollout alone.")] = None,
) -> None:
    """Have events sent to a URL, from now on; without a type all of them. Its secret, by which receivers know
    that it is Upwell who sends, is shown this once."""
    made = at.client.create_hook(
        target_url=target, name=name, types=_types_of(types), product_id=product, rollout_id=rollout
    )
    _tell(at, made)
    at.say(f"\nNext: upwell hook ping {made['id']}")


@verb(app, "list", "upwell hook list")
def list_(at: At) -> None:
    """Show hooks, newest first."""
    at.many(COLUMNS, at.client.list_hooks(), "no hooks; make one: upwell hook create URL")


@verb(app, "show", "upwell hook show hook_0000000000000007")
def show(at: At, hook: HookId) -> None:
    """Show a hook: what it is sent, and whether that arrives."""
    found = at.client.show_hook(hook)
    _tell(at, found)
    if not found["enabled"]:
        at.say(f"\nNext: upwell hook update {hook} --enable, and it goes on where it was")
    elif found.get("failing_since"):
        at.say(f"\nNext: upwell hook deliveries {hook} --open says why")


@verb(
    app, "update", "upwell hook update hook_0000000000000007 --type rollout.ended --type package.lost",
    "upwell hook update hook_0000000000000007 --disable",
)  # fmt: skip
def update(
    at: At,
    hook: HookId,
    target: Annotated[str | None, typer.Option("--to", metavar="TARGET", help="The URL that they are sent to.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    types: Types = None,
    all_types: Annotated[bool, typer.Option("--all-types", help="All events again.")] = False,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it is sent anything.")] = None,
) -> None:
    """Change a hook, stop it or have it go on; one that is enabled again goes on where it was."""
    if all(each in (None, False, []) for each in (target, name, types, all_types)) and enable is None:
        said = "--to, --name, --type, --all-types, --enable or --disable"
        raise Ended(Exit.USAGE, "upwell: nothing says what changes", f"  try: {said}")
    changed = at.client.update_hook(
        hook, target_url=target, name=name, types=_types_of(types), all_types=all_types or None, enabled=enable
    )
    _tell(at, changed)


@verb(app, "delete", "upwell hook delete hook_0000000000000007 --yes")
def delete(at: At, hook: HookId, yes: Yes = False) -> None:
    """Delete a hook, with what waits for it."""
    found = at.client.show_hook(hook)
    waiting = of(found["waiting"], "event") + " that it waits for"
    at.sure(f"This deletes the hook {hook} to {found['target_url']} and {waiting}; no device is touched.", yes)
    at.client.delete_hook(hook)
    at.say(f"deleted {hook}")


@verb(app, "ping", "upwell hook ping hook_0000000000000007")
def ping(at: At, hook: HookId, wait: Annotated[bool, typer.Option(help="Wait for what comes of it.")] = True) -> None:
    """Send a hook an event that says nothing: shows what its receiver says. Ends with 1 where it is not taken."""
    before = _last_ping(at, hook)
    found: Hook = at.client.ping_hook(hook)
    if not wait:
        _tell(at, found)
        return
    end = time.monotonic() + PING_WITHIN_S
    while True:
        told = _last_ping(at, hook)
        is_new = told is not None and (before is None or told["event_id"] > before["event_id"])
        if (
            told is not None
            and is_new
            and (told["status"] != "waiting" or told["tries"])
            and told["status"] != "sending"
        ):
            break
        if time.monotonic() > end:
            raise Ended(
                Exit.FAILED, f"upwell: not sent within {PING_WITHIN_S:.0f} s: others wait before it, or it is disabled",
                f"  try: upwell hook show {hook}, upwell hook deliveries {hook} --open",
            )  # fmt: skip
        time.sleep(LOOK_S)
    at.one(told, ("event", told["event_id"]), ("status", told["status"]), ("answer", answer(told)))
    if told["status"] != "delivered":
        raise Ended(
            Exit.FAILED, f"upwell: the receiver does not take it: {one_line(answer(told))}",
            f"  try: look at the receiver; it is sent again at {second(told.get('next_at'))}",
        )  # fmt: skip


def _last_ping(at: At, hook: str) -> Any | None:
    """The delivery of the newest ping among the newest deliveries."""
    return next((each for each in at.client.list_deliveries(hook).page().items if each["type"] == PING), None)


@verb(
    app, "rotate-secret", "upwell hook rotate-secret hook_0000000000000007 --yes",
    "upwell hook rotate-secret hook_0000000000000007 --overlap 0 --yes",
)  # fmt: skip
def rotate_secret(
    at: At,
    hook: HookId,
    overlap: Annotated[int, typer.Option(min=0, metavar="HOURS", help="How long the old one signs too.")] = 24,
    yes: Yes = False,
) -> None:
    """Give a hook a new secret, shown this once; its receiver must know it before the old one signs no more."""
    what = f"after {of(overlap, 'hour')}" if overlap else "at once"
    at.sure(f"This ends the secret of the hook {hook} {what}; no device is touched.", yes)
    _tell(at, at.client.rotate_hook_secret(hook, overlap_hours=overlap))


@verb(
    app, "deliveries", "upwell hook deliveries hook_0000000000000007",
    "upwell hook deliveries hook_0000000000000007 --open",
)  # fmt: skip
def deliveries(
    at: At,
    hook: HookId,
    open_: Annotated[
        bool | None, typer.Option("--open/--over", help="Only those that wait, or only those that are over.")
    ] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show what was sent to a hook and what waits: newest event first, with what came back."""
    at.pages(DELIVERIES, at.client.list_deliveries(hook, open=open_), "nothing was sent to it", limit, every)


@verb(app, "delivery", "upwell hook delivery hook_0000000000000007 evt_000000000000002a")
def delivery(
    at: At, hook: HookId, event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id, evt_….")]
) -> None:
    """Show one delivery: what is sent, what came back, and when it is tried next."""
    told = at.client.show_delivery(hook, event)
    at.one(
        told, ("event", told["event_id"]), ("what", told["type"].removeprefix(PREFIX)),
        ("status", told["status"].replace("_", " ")), ("tries", number(told["tries"])), ("to", told["target_url"]),
        ("tried", second(told.get("tried_at"))), ("answer", answer(told) or None),
        ("next", second(told.get("next_at"))), ("sent", told["body"]),
    )  # fmt: skip


@verb(
    app, "redeliver", "upwell hook redeliver hook_0000000000000007 --event evt_000000000000002a",
    "upwell hook redeliver hook_0000000000000007 --first evt_000000000000002a --last evt_0000000000000040",
)  # fmt: skip
def redeliver(
    at: At,
    hook: HookId,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="EVENT", help="Of its deliveries; may be given again.")
    ] = None,
    first: Annotated[str | None, typer.Option(metavar="EVENT", help="With --last: from this one on.")] = None,
    last: Annotated[str | None, typer.Option(metavar="EVENT", help="All up to this one.")] = None,
) -> None:
    """Send events again, with the same ids: some of its deliveries, or a range of all that are kept."""
    if bool(event) is (last is not None) or (event and first):
        how = "two options say which" if event else "nothing says which"
        raise Ended(Exit.USAGE, f"upwell: {how} events", "  try: --event EVENT, or --first EVENT --last EVENT")
    _tell(at, at.client.redeliver_events(hook, event_ids=event or None, first=first, last=last))
    at.say(f"\nNext: upwell hook deliveries {hook} --open")
