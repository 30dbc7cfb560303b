"""Rules as SQL on the real database, against a reading of them in plain Python."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from conftest import Clock
from counting import recount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare, Condition, Either, Not
from upwell.service.context import Context
from upwell.service.manage import devices, group_members, groups, products, tags
from upwell.service.manage.access import Caller
from upwell.service.upgrade import presence
from upwell.storage.search import condition, from_json, to_json

pytestmark = pytest.mark.asyncio
STATEMENT = (
    "select d.device_id from device d join product p using (product_id) left join presence n using (device_id) where "
)
TEXTS = ("dev1", "dev_2", "Dev%3", "a", "b", "1.0", "1.2", "10.0", "dev\\4", "", "Ärger", "default", "mcu", "zone")


@dataclass
class Known:
    """A device as the test knows it."""

    fields: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)


@dataclass
class World:
    """Devices, and the database that holds them."""

    ctx: Context
    known: dict[UUID, Known]
    groups: list[int]
    moments: list[str]
    products: list[str]

    async def ask(self, rule: Condition) -> set[UUID]:
        text, arguments = condition(rule, 1)
        async with self.ctx.database.connection() as conn:
            return {row["device_id"] for row in await conn.fetch(STATEMENT + text, *arguments)}

    def expect(self, rule: Condition) -> set[UUID]:
        return {device_id for device_id, known in self.known.items() if holds(rule, known)}


# --- the reading in plain Python ---


def holds(rule: Condition, d: Known) -> bool:
    if isinstance(rule, Not):
        return not holds(rule.part, d)
    if isinstance(rule, Either):
        return any(holds(part, d) for part in rule.parts)
    if isinstance(rule, Compare):
        return holds(Both((rule,)), d)
    plain = [p for p in rule.parts if not (isinstance(p, Compare) and p.field in ROW_FIELDS)]
    tags = [p for p in rule.parts if isinstance(p, Compare) and p.field in ("tag_key", "tag_value")]
    modules = [p for p in rule.parts if isinstance(p, Compare) and p.field in ("module", "version")]
    return (
        all(one(p, d) if isinstance(p, Compare) else holds(p, d) for p in plain)
        and some_row(tags, "tag_key", "tag_value", d.tags)
        and some_row(modules, "module", "version", d.modules)
    )


ROW_FIELDS = ("tag_key", "tag_value", "module", "version")


def some_row(parts: list[Compare], name: str, other: str, rows: dict[str, str]) -> bool:
    while parts:
        first = [p for p in parts if p.field == name and p.operator == "="][:2]
        cut = parts.index(first[1], parts.index(first[0]) + 1) if len(first) == 2 else len(parts)
        now, parts = parts[:cut], parts[cut:]
        if not any(all(fits(p, {name: k, other: v}[p.field]) for p in now) for k, v in rows.items()):
            return False
    return True


def one(rule: Compare, d: Known) -> bool:
    if rule.field == "group_id":
        inside = bool(d.groups & {int(v) for v in rule.values})
        return not inside if rule.operator in ("!=", "not in") else inside
    return fits(rule, d.fields[rule.field])


def fits(rule: Compare, have: Any) -> bool:
    if have is None:
        return rule.operator in ("!=", "not in")
    values: list[Any] = [datetime.fromisoformat(v) if isinstance(have, datetime) else v for v in rule.values]
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: have == values[0],
        "!=": lambda: have != values[0],
        ">": lambda: have > values[0],
        ">=": lambda: have >= values[0],
        "<": lambda: have < values[0],
        "<=": lambda: have <= values[0],
        "like": lambda: liken(values[0]).fullmatch(have) is not None,
        "in": lambda: have in values,
        "not in": lambda: have not in values,
    }
    return tests[rule.operator]()


def liken(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"%": ".*", "_": "."}.get(ch, re.escape(ch)) for ch in pattern), re.DOTALL)


# --- the world ---


@pytest_asyncio.fixture
async def world(ctx: Context, caller: Caller, clock: Clock) -> AsyncIterator[World]:
    keys = [(await products.create_product(ctx, caller, c.CreateProduct(name=f"p{n}"))).product_key for n in range(2)]
    made = [(await groups.create_group(ctx, caller, c.CreateGroup(name=f"g{n}"))).group_id for n in range(3)]
    known: dict[UUID, Known] = {}
    node = uuid4()
    for n, (name, nickname) in enumerate(
        [
            ("dev1", None),
            ("dev_2", "a"),
            ("Dev%3", "Ärger"),
            ("devx2", "dev1"),
            ("dev\\4", None),
            ("zone", "b"),
            ("b", ""),
        ]
    ):
        clock.move(seconds=1)
        key = keys[n % 2]
        device = await devices.create_device(ctx, caller, c.CreateDevice(product_key=key, name=name, nickname=nickname))
        mine = c.DeviceKey(iot_id=device.iot_id)
        worn = {k: v for k, v in zip(("zone", "a", "1.0"), ("a", "b", "10.0"), strict=True) if n & 1 or k == "a"}
        await tags.set_tags(ctx, caller, c.SetTags(device=mine, tags=worn))
        member = {made[0]} if n in (0, 1, 4) else {made[0], made[1]} if n == 5 else set()
        for group_id in member:
            await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group_id, devices=(mine,)))
        modules = {"default": ("1.0", "1.2", "10.0")[n % 3]} | ({"mcu": "1.0"} if n > 3 else {})
        async with ctx.database.connection() as conn:
            for module, version in modules.items():
                row = (device.device_id, module, version, ctx.now())
                await conn.execute("insert into module_version values ($1, $2, $3, $4)", *row)
            await recount(ctx)
            if n in (2, 5):
                await conn.execute("insert into topology values ($1, $2, $3)", device.device_id, uuid4(), ctx.now())
        connection = uuid4()
        if n != 3:
            await presence.came_online(ctx, node, [(device.device_id, connection, "x")])
        if n in (1, 6):
            await presence.went_offline(ctx, node, [(device.device_id, connection)])
        if n == 4:
            await devices.update_devices(
                ctx, caller, c.UpdateDevices(changes=(c.DeviceChange(device=mine, enabled=False),))
            )
        shown = await devices.show_device(ctx, caller, c.ShowDevice(device=mine))
        fields = {
            "product_key": key, "name": name, "nickname": nickname, "created_at": shown.created_at,
            "activated_at": shown.activated_at, "node_type": "ENDPOINT" if n in (2, 5) else "GATEWAY",
            "status": ("ONLINE", "OFFLINE", "ONLINE", "UNACTIVE", "DISABLED", "ONLINE", "OFFLINE")[n],
        }  # fmt: skip
        known[device.device_id] = Known(fields, worn, modules, member)
    moments = [k.fields["created_at"].isoformat() for k in known.values()]
    yield World(ctx, known, made, moments, keys)


TEXT = st.sampled_from(TEXTS)
LIKE = st.text("dev123_%\\aÄb.0", max_size=6)
STATUS = st.sampled_from(("UNACTIVE", "ONLINE", "OFFLINE", "DISABLED", "other"))
ORDERED = st.sampled_from(("=", "!=", ">", ">=", "<", "<="))
LISTS = st.sampled_from(("in", "not in"))
PLACES = st.integers(0, 6)  # of a value that only the world knows


def compare(fields: tuple[str, ...], values: st.SearchStrategy[str], like: bool = True) -> st.SearchStrategy[Compare]:
    names: Any = st.sampled_from(fields)
    kinds = [
        st.builds(lambda f, o, v: Compare(f, o, (v,)), names, ORDERED, values),
        st.builds(lambda f, o, v: Compare(f, o, tuple(v)), names, LISTS, st.lists(values, max_size=3)),
    ]
    if like:
        kinds.append(st.builds(lambda f, v: Compare(f, "like", (v,)), names, LIKE))
    return st.one_of(kinds)


def unknown(fields: tuple[str, ...], operators: tuple[str, ...]) -> st.SearchStrategy[Compare]:
    """Comparisons whose value is a place in the world, filled in later."""
    return st.builds(
        lambda f, o, v: Compare(f, o, (f"#{v}",)),  # type: ignore[arg-type]
        st.sampled_from(fields),
        st.sampled_from(operators),
        PLACES,
    )


LEAF = st.one_of(
    compare(("name", "nickname"), TEXT),
    compare(("tag_key", "tag_value"), TEXT),
    compare(("module", "version"), TEXT),
    compare(("status",), STATUS),
    compare(("node_type",), st.sampled_from(("GATEWAY", "ENDPOINT"))),
    unknown(("created_at", "activated_at"), ("=", "!=", ">", ">=", "<", "<=", "in", "not in")),
    unknown(("product_key", "group_id"), ("=", "!=", "in", "not in")),
)
RULES: st.SearchStrategy[Condition] = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: Both(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Either(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=12,
)


def settled(rule: Condition, world: World) -> Condition:
    """The rule with the world's values in its places."""
    if isinstance(rule, Not):
        return Not(settled(rule.part, world))
    if isinstance(rule, Both | Either):
        return type(rule)(tuple(settled(part, world) for part in rule.parts))
    pools = {
        "created_at": world.moments, "activated_at": world.moments, "product_key": [*world.products, "nobody"],
        "group_id": [*map(str, world.groups), "77"],
    }  # fmt: skip
    if not rule.values or not rule.values[0].startswith("#"):
        return rule
    pool = pools[rule.field]
    return Compare(rule.field, rule.operator, (pool[int(rule.values[0][1:]) % len(pool)],))


# The world is only read, so the examples may share it.
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=RULES)
async def test_rules_mean_in_sql_what_they_mean_in_python(world: World, rule: Condition) -> None:
    asked = settled(rule, world)
    assert from_json(to_json(asked)) == asked
    assert await world.ask(asked) == world.expect(asked)
    assert await world.ask(Not(asked)) == set(world.known) - world.expect(asked)


async def test_the_world_tells_rules_apart(world: World) -> None:
    """The law above would hold in an empty world too; this one is not."""
    cases: list[tuple[Condition, int]] = [
        (Compare("name", "like", ("dev_2",)), 2),
        (Compare("name", "like", ("dev\\4",)), 1),
        (Compare("nickname", "!=", ("a",)), 6),
        (Compare("nickname", "=", ("a",)), 1),
        (Compare("status", "=", ("DISABLED",)), 1),
        (Compare("activated_at", "<", ("2999-01-01T00:00:00+00:00",)), 6),
        (Compare("node_type", "=", ("ENDPOINT",)), 2),
        (Both((Compare("tag_key", "=", ("zone",)), Compare("tag_value", "=", ("a",)))), 3),
        (Both((Compare("tag_key", "=", ("zone",)), Compare("tag_value", "=", ("b",)))), 0),
        (Both((Compare("tag_key", "=", ("zone",)), Both((Compare("tag_value", "=", ("b",)),)))), 3),
        (
            Both((
                Compare("tag_key", "=", ("zone",)), Compare("tag_value", "=", ("a",)),
                Compare("tag_key", "=", ("a",)), Compare("tag_value", "=", ("b",)),
            )),
            3,
        ),
        (Both((Compare("module", "=", ("mcu",)), Compare("version", "=", ("1.0",)))), 3),
        (Both((Compare("module", "=", ("mcu",)), Compare("version", "=", ("1.2",)))), 0),
        (Compare("version", ">", ("1.0",)), 4),
        (Compare("group_id", "!=", (str(world.groups[1]),)), 6),
        (Compare("group_id", "in", tuple(map(str, world.groups))), 4),
        (Both(()), 7),
        (Either(()), 0),
    ]  # fmt: skip
    for rule, count in cases:
        assert len(await world.ask(rule)) == count == len(world.expect(rule)), rule


async def test_values_never_reach_the_text() -> None:
    nasty = "x' or 1=1; drop table device --"
    rule = Both(
        (Compare("name", "=", (nasty,)), Compare("tag_value", "like", (nasty,)), Compare("version", "in", (nasty,)))
    )
    text, arguments = condition(rule, 5)
    assert nasty not in text and arguments == [nasty, nasty, [nasty]]
    assert re.findall(r"\$\d+", text) == ["$5", "$6", "$7"]


async def test_what_can_not_be_asked_is_refused() -> None:
    wrong = [
        Compare("created_at", ">", ("yesterday",)),
        Compare("activated_at", "like", ("2020%",)),
        Compare("group_id", "=", ("x",)),
        Compare("group_id", "=", ("9" * 30,)),
        Compare("group_id", "<", ("5",)),
        Compare("name", "=", ()),
        Compare("name", "=", ("a", "b")),
    ]
    for rule in wrong:
        with pytest.raises(Invalid) as refused:
            condition(Not(Both((rule,))), 1)
        assert refused.value.field == "condition" and rule.field in str(refused.value)


async def test_times_without_a_zone_are_utc(world: World) -> None:
    moment = datetime.fromisoformat(world.moments[2])
    east = moment.astimezone(UTC).replace(tzinfo=None)
    assert len(await world.ask(Compare("created_at", "=", (east.isoformat(),)))) == 1
    later = (moment + timedelta(hours=8)).replace(tzinfo=None).isoformat() + "+08:00"
    assert await world.ask(Compare("created_at", "=", (later,))) == await world.ask(
        Compare("created_at", "=", (east.isoformat(),))
    )
