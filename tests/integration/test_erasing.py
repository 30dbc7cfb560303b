"""A device erased from the real database: what goes, what stays under a pseudonym, what is not touched (ADR 0068)."""

import json

import asyncpg
import pytest
from test_jobs import a_filled_job, a_fleet, a_job, a_package, ask, progress, runs, say, states

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.fleet import device_id
from upwell.service.context import Context
from upwell.service.manage import devices, erasing, erasing_devices, products
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Act, Asker
from upwell.service.manage.erasing import Place
from upwell.service.manage.erasing_columns import DEVICE, ERASURE, Deed, in_order

pytestmark = pytest.mark.asyncio
KINDS = ("uuid", "uuid[]", "jsonb", "text[]", "text")
_COLUMNS = """
select c.relname as of, a.attname as name, format_type(a.atttypid, a.atttypmod) as kind
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> $1
"""


_TABLES = "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"


async def erased(ctx: Context, text: str) -> Place:
    found = await erasing_devices.find(ctx, text)
    place = found if isinstance(found, Place) else await erasing_devices.begin(ctx, found, *erasing.new_word())
    place = await erasing.erase(ctx, place, lambda place: None)
    assert not place.found, place.remains
    place = await erasing_devices.end(ctx, place)
    await erasing.analyse(ctx, place)
    return place


async def saying(ctx: Context, *texts: str) -> list[str]:
    """The tables with a row that says one of these."""
    found = []
    for table in await ask(ctx, _TABLES):
        rows = await ask(ctx, f'select t::text as said from "{table["name"]}" t')
        found += [table["name"] for row in rows if any(text in row["said"] for text in texts)]
    return found


def spelled(key: str, name: str) -> tuple[str, ...]:
    own = device_id(key, name)
    return name, str(own), own.hex


async def delete(ctx: Context, caller: Caller, key: str, name: str) -> None:
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=c.DeviceKey(product_key=key, name=name)))


async def test_every_column_that_could_hold_a_device_is_decided(ctx: Context) -> None:
    rows = await ask(ctx, _COLUMNS, ERASURE)
    tables = {row["name"] for row in await ask(ctx, _TABLES)} - {ERASURE}
    there = {(row["of"], row["name"]) for row in rows if row["kind"] in KINDS}
    decided = {(table, name) for table, columns in DEVICE.items() for name in columns}
    assert there - decided == set(), "decide in erasing_columns.py what erasing a device does with these"
    assert decided - there == set(), "these are no more"
    assert set(DEVICE) == tables
    uuids = {(row["of"], row["name"]) for row in rows if row["kind"].startswith("uuid")}
    never = {(table, name) for table, columns in DEVICE.items() for name, deed in columns.items() if deed is Deed.NEVER}
    assert {name for _, name in uuids & never} == {"node_id", "offered_on"}, "an id that is no device's"
    assert in_order(["audit", "event", "event_made", ERASURE]) == ["event_made", "event", "audit"]


async def test_a_device_that_had_a_task_is_erased_and_the_counts_stay(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    name, other = flock.names[:2]
    own = device_id(flock.key, name)
    await say(ctx, (own, progress(-2, desc=f"{name} has no room")))
    before = await states(ctx, job)
    with pytest.raises(Conflict, match="is not deleted: delete it first"):
        await erasing_devices.find(ctx, f"{flock.key}_{name}")
    await delete(ctx, caller, flock.key, name)
    assert {"device", "task", "task_change", "registered"} <= set(await saying(ctx, *spelled(flock.key, name)))
    others = await ask(ctx, "select to_jsonb(t) as row from task t where device_id <> $1 order by device_id", own)
    place = await erased(ctx, f"{flock.key}_{name}")
    assert await saying(ctx, *spelled(flock.key, name)) == []
    after = await states(ctx, job)
    assert sum(after.values()) == sum(before.values()) == 3
    assert others == await ask(
        ctx, "select to_jsonb(t) as row from task t where device_id <> $1 order by device_id", place.pseudonym
    )
    (shown,) = await ask(ctx, "select name, secret, deleted_at from device where device_id = $1", place.pseudonym)
    assert shown["name"] == place.word and shown["secret"] == "" and shown["deleted_at"]
    assert await ask(ctx, "select 1 from erasure") == []
    assert {"device", "task", "registered"} <= set(await saying(ctx, *spelled(flock.key, other)))
    with pytest.raises(NotFound):
        await erasing_devices.find(ctx, "no-such-device")


async def test_the_audit_and_decisions_take_a_word_of_an_erasure_and_nothing_else(ctx: Context, caller: Caller) -> None:
    asker = Asker(who="user ann", tongue="cli", address="local", operation="x", request_id="")
    await Act(ctx, asker, {"name": "of x"}).done(None)
    await ask(
        ctx,
        "insert into decision (job_id, nth, at, what, by, numbers) values (1, 1, now(), 'w', 'b', '{}')",
    )
    tries = (
        'update audit set changes = \'{"name": "erased-1"}\'',
        "update audit set changes = '{\"name\": \"erased-1\"}', who = 'nobody'",
        'update audit set changes = \'{"name": "other"}\'',
        "delete from audit",
        "update decision set reason = 'of erased-1'",
        "update decision set reason = 'of erased-1', by = 'nobody'",
        "update decision set reason = 'of y'",
        "delete from decision",
    )
    assert [await refuses(ctx, each, erases=True) for each in tries] == [True] * 8
    await ask(
        ctx, "insert into erasure (pseudonym, word, what, account_id, sought, began_at) "
        "values (gen_random_uuid(), 'erased-1', 'device', $1, '{}', now())", caller.account_id,
    )  # fmt: skip
    assert [await refuses(ctx, each, erases=False) for each in tries] == [True] * 8
    assert [await refuses(ctx, each, erases=True) for each in tries] == [False, True, True, True] * 2
    await ask(ctx, "update erasure set what = 'account'")
    await ask(
        ctx,
        "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, created_at, "
        "modified_at) values (1, $1, 1, 1, 'static', 'ALL', 'COMPLETED', now(), now())",
        caller.account_id + 1,
    )
    assert [await refuses(ctx, each, erases=True) for each in tries] == [False, True, True, True] * 2
    await ask(ctx, "update job set account_id = $1", caller.account_id)
    await ask(ctx, "update erasure set account_id = (select account_id from audit limit 1)")
    assert not await refuses(ctx, "delete from audit", erases=True)
    await ask(ctx, "update erasure set account_id = $1", caller.account_id)
    assert not await refuses(ctx, "delete from decision", erases=True)
    assert await refuses(ctx, "delete from decision", erases=False)


async def refuses(ctx: Context, text: str, *, erases: bool) -> bool:
    async with ctx.database.connection() as conn:
        change = conn.transaction()
        await change.start()
        try:
            if erases:
                await conn.execute("select set_config('upwell.forgets', 'erasure', true)")
            await conn.execute(text)
        except asyncpg.RaiseError:
            return True
        finally:
            await change.rollback()
        return False


async def test_one_of_the_same_name_elsewhere_is_untouched(ctx: Context, caller: Caller, stranger: Caller) -> None:
    places = [(caller, "lamp"), (caller, "bulb"), (stranger, "lamp")]
    keys = [(await products.create_product(ctx, who, c.CreateProduct(name=name))).product_key for who, name in places]
    for (who, _), key in zip(places, keys, strict=True):
        await devices.create_device(ctx, who, c.CreateDevice(product_key=key, name="twin"))
        act = Act(ctx, Asker(who="k", tongue="t", address="", operation="o", request_id="", account_id=who.account_id))
        act.command = {"product_key": key, "names": ["twin"], "nickname": "of Ann"}
        await act.done(None)
        await say(ctx, (device_id(key, "twin"), runs("1.0")))
    untouched = "select to_jsonb(t) as row from {} t where t::text not like '%' || $1 || '%' order by 1"
    tables = ("device", "audit", "module_version", "version_count")
    await delete(ctx, caller, keys[0], "twin")
    own = device_id(keys[0], "twin")
    others = {t: await ask(ctx, untouched.format(t), keys[0] if t == "audit" else str(own)) for t in tables}
    place = await erased(ctx, f"{keys[0]}_twin")
    new = {t: await ask(ctx, untouched.format(t), place.word if t == "audit" else str(place.pseudonym)) for t in tables}
    assert new == others and len(new["device"]) == 2
    (entry,) = await ask(ctx, "select ids, changes, who from audit where ids->>'product_key' = $1", keys[0])
    assert json.loads(entry["ids"])["names"] == [place.word] and json.loads(entry["changes"])["nickname"] == place.word
    assert entry["who"] == "k"


async def test_a_name_that_is_taken_again_meanwhile_ends_it_and_it_begins_anew(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    (name,) = flock.names
    await delete(ctx, caller, flock.key, name)
    found = await erasing_devices.find(ctx, f"{flock.key}_{name}")
    assert not isinstance(found, Place)
    place = await erasing_devices.begin(ctx, found, *erasing.new_word())
    again = c.CreateDevice(product_key=flock.key, name=name)
    await devices.create_device(ctx, caller, again)
    with pytest.raises(Conflict, match="registered again"):
        await erasing.erase(ctx, place, lambda place: None)
    kept = await erasing_devices.find(ctx, f"{flock.key}_{name}")
    assert isinstance(kept, Place) and kept.word == place.word and kept.pass_ == 1 and kept.at_table == ""
    await delete(ctx, caller, flock.key, name)
    assert (await erased(ctx, str(device_id(flock.key, name)))).word == place.word
    assert await saying(ctx, *spelled(flock.key, name)) == []
    await devices.create_device(ctx, caller, again)  # as a new one
    (made,) = await ask(ctx, "select life from device where device_id = $1", device_id(flock.key, name))
    assert made["life"] == 0


async def test_a_device_whose_tombstone_is_forgotten_is_erased_by_its_product_and_name(
    ctx: Context, caller: Caller
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    (name,) = flock.names
    await delete(ctx, caller, flock.key, name)
    await ask(ctx, "delete from device where device_id = $1", device_id(flock.key, name))
    assert "registered" in await saying(ctx, name)
    await erased(ctx, f"{flock.key}_{name}")
    assert await saying(ctx, *spelled(flock.key, name)) == []
    assert await ask(ctx, "select 1 from device") == []


async def test_a_job_that_stands_at_the_device_is_waited_for(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PAUSE_S", 0)
    flock = await a_fleet(ctx, caller, 2)
    job = await a_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    name, own = flock.names[0], flock.ids[0]
    await delete(ctx, caller, flock.key, name)
    await ask(ctx, "update job set cursor_device = $1, materialised = false where job_id = $2", own, job)
    found = await erasing_devices.find(ctx, f"{flock.key}_{name}")
    assert not isinstance(found, Place)
    place = await erasing.erase(ctx, await erasing_devices.begin(ctx, found, *erasing.new_word()), lambda place: None)
    assert place.found and place.remains == {"job.cursor_device": 1}
    await ask(ctx, "update job set materialised = true where job_id = $1", job)
    await erased(ctx, f"{flock.key}_{name}")
    assert await saying(ctx, *spelled(flock.key, name)) == []


async def test_an_id_of_the_owners_choice_is_its_accounts(ctx: Context, caller: Caller, stranger: Caller) -> None:
    keys = []
    for who in (caller, stranger):
        key = (await products.create_product(ctx, who, c.CreateProduct(name="lamp"))).product_key
        await devices.create_device(ctx, who, c.CreateDevice(product_key=key, name=f"own-{key}", public_id="chosen-1"))
        await ask(ctx, "insert into event_setting (account_id, of_devices) values ($1, true)", who.account_id)
        await ask(ctx, "insert into event (position, account_id, kind, subject, at, public_id, facts) "
                  "values ($1, $1, 'k', 's', now(), 'chosen-1', '{}')", who.account_id)  # fmt: skip
        keys.append(key)
    await delete(ctx, caller, keys[0], f"own-{keys[0]}")
    with pytest.raises(Conflict, match=f"may be one of several devices.* {keys[0]}_own-{keys[0]}"):
        await erasing_devices.find(ctx, "chosen-1")
    place = await erased(ctx, f"{keys[0]}_own-{keys[0]}")
    assert sorted(await saying(ctx, "chosen-1")) == ["device", "event"]
    (row,) = await ask(ctx, "select public_id from event where account_id = $1", caller.account_id)
    assert row["public_id"] == place.word


async def test_two_at_once_are_one_erasure(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    (name,) = flock.names
    await delete(ctx, caller, flock.key, name)
    found = await erasing_devices.find(ctx, f"{flock.key}_{name}")
    assert not isinstance(found, Place)
    one, two = [await erasing_devices.begin(ctx, found, *erasing.new_word()) for _ in range(2)]
    assert one.word == two.word
    (row,) = await erasing.under_way(ctx.database)
    assert row["called"] == f"{flock.key}_{name}" and row["word"] == one.word
    await erasing_devices.end(ctx, await erasing.erase(ctx, one, lambda place: None))
    with pytest.raises(Conflict, match="Another process has erased"):
        await erasing.erase(ctx, two, lambda place: None)
    assert await saying(ctx, *spelled(flock.key, name)) == []


async def test_a_target_that_was_no_device_yet_and_the_lot_of_one_are_gone(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 2)
    package = await a_package(ctx, caller, flock.key)
    name = "later-1"
    text, stray = f"{flock.key}_{name}", device_id("stray 5", "x")
    job = await a_filled_job(ctx, caller, package, flock)
    await ask(ctx, "insert into job_stray (device_id, job_id, name) values ($1, $2, $3)", stray, job, text)
    await ask(
        ctx, "insert into task (device_id, job_id, module, state, created_at, modified_at) "
        "values ($1, $2, 'default', 'FAILED', now(), now())", stray, job,
    )  # fmt: skip
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name=name))
    lots = "insert into job_lot (job_id, lot, device_id, nth) select $1, 7, unnest($2::uuid[]), 0"
    await ask(ctx, lots, job, [stray, device_id(flock.key, name), flock.ids[0]])
    await delete(ctx, caller, flock.key, name)
    place = await erased(ctx, text)
    assert await saying(ctx, *spelled(flock.key, name), str(stray)) == []
    (row,) = await ask(ctx, "select s.name from job_stray s join task t using (device_id, job_id)")
    assert row["name"] == place.word
    assert [each["device_id"] for each in await ask(ctx, "select device_id from job_lot")] == [flock.ids[0]]


@pytest.mark.parametrize("name", ["7", "hall", "ein.x", "a(b"])
async def test_a_name_that_could_be_any_word_is_erased_where_devices_are_named(
    ctx: Context, caller: Caller, name: str
) -> None:
    key = (await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))).product_key
    own = device_id(key, name)
    for each in (name, "other"):
        await ask(
            ctx, "insert into device (device_id, product_id, name, secret, iot_id, nickname, created_at, modified_at, "
            "deleted_at) select $1, product_id, $2, '', '', $3, now(), now(), now() from product",
            device_id(key, each), each, f"by the {name} door",
        )  # fmt: skip
    await ask(ctx, "insert into registration (apply_id, account_id, product_id, status, asked, created_at, names) "
              "select 1, account_id, product_id, 's', 1, now(), "
              "jsonb_build_object('good', jsonb_build_array($1::text)) "
              "from product", name)  # fmt: skip
    place = await erased(ctx, str(own))
    (row,) = await ask(ctx, "select names->'good'->>0 as good from registration")
    (other,) = await ask(ctx, "select nickname from device where name = 'other'")
    assert row["good"] == place.word and await saying(ctx, str(own), own.hex, f"{key}_{name}") == []
    is_word = name != "ein.x"
    assert (name in other["nickname"]) == is_word
    assert place.alike.get("device.nickname", 0) == int(is_word)
