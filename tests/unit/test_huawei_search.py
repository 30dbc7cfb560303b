"""Huawei's SQL for finding devices: what it means, its bounds, and what is no part of it."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.huawei import names, search
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.search import EVERYONE, Both, Compare, Condition, Either, Not

FROM = "select * from device where "
NOWHERE = Compare("gateway", "=", ("",))

CONDITIONS: list[tuple[str, Condition]] = [
    ("app_id = 'a'", Compare("space", "=", ("a",))),
    ("device_id = 'D-1'", Compare("public_id", "=", ("D-1",))),
    ("product_id in ('a','b')", Compare("product_key", "in", ("a", "b"))),
    ("product_id not in ('a', 'b')", Not(Compare("product_key", "in", ("a", "b")))),
    ("device_name = 'it''s'", Compare("nickname", "=", ("it's",))),
    ("device_name like '电表abc%'", Compare("nickname", "prefix", ("电表abc",))),
    ("node_id like 'a_c-%'", Compare("name", "prefix", ("a_c-",))),
    ("node_id != 'n'", Not(Compare("name", "=", ("n",)))),
    ("tag_key = 'k' AND tag_value = 'v'", Both((Compare("tag_key", "=", ("k",)), Compare("tag_value", "=", ("v",))))),
    ("tag_value like 'abcd%'", Compare("tag_value", "prefix", ("abcd",))),
    ("status = 'INACTIVE'", Compare("status", "=", ("UNACTIVE",))),
    ("status in ('FROZEN','ABNORMAL','ONLINE')", Compare("status", "in", ("DISABLED", "ONLINE"))),
    ("status = 'ABNORMAL'", Either(())),
    ("status != 'ABNORMAL'", Not(Either(()))),
    ("node_type = 'GATEWAY'", Either((NOWHERE,))),
    ("node_type = 'ENDPOINT'", Either((Not(NOWHERE),))),
    (
        "gateway_id = 'g'",
        Either((Compare("gateway", "=", ("g",)), Both((NOWHERE, Compare("public_id", "=", ("g",)))))),
    ),
    ("fw_version = 'V1'", Both((Compare("module", "=", ("default",)), Compare("version", "=", ("V1",))))),
    ("sw_version != 'V1'", Not(Both((Compare("module", "=", ("software",)), Compare("version", "=", ("V1",)))))),
    (f"group_id = '{names.group_id(11)}'", Compare("group_id", "=", ("11",))),
    ("group_id = 'e495cf17-ff79-4294-8f64-4d367919d665'", Either(())),
    ("create_time > '2015-06-06T12:10:10.000Z'", Compare("created_at", ">", ("2015-06-06T12:10:10.000Z",))),
    ("marker < '0000000000000000000000ff'", Compare("record", "<", ("255",))),
    (
        "app_id = 'a' or app_id = 'b' and node_id = 'n'",
        Either(
            (
                Compare("space", "=", ("a",)),
                Both((Compare("space", "=", ("b",)), Compare("name", "=", ("n",)))),
            )
        ),
    ),
    (
        "app_id='1' and app_id='2' and app_id='3' and app_id='4' and app_id='5'",
        Both(tuple(Compare("space", "=", (digit,)) for digit in "12345")),
    ),
]


def asked(
    which: Condition = EVERYONE, order: Literal["record", "record_up"] = "record", take: int = 10, **how: Any
) -> c.ListDevices:
    """A search; one that takes none counts."""
    return c.ListDevices(asked=search.Shown(take=take, **how), which=which, order=order, counted=take == 0)


@pytest.mark.parametrize(("text", "condition"), CONDITIONS)
def test_conditions(text: str, condition: Condition) -> None:
    assert search.read(FROM + text) == asked(condition)
    assert search.read_condition("dynamic_group_rule", text) == condition


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from device", asked()),
        ("SELECT COUNT(*) FROM device", asked(take=0)),
        ("select count(1) from device limit 5", asked(take=0)),
        ("select device_id,tags from device", asked(members=("device_id", "tags"))),
        ("select * from device limit 50", asked(take=50)),
        ("select * from device limit 500,1", asked(skip=500, take=1)),
        ("select * from device order by marker", asked(order="record_up")),
        (
            "select * from device order by marker desc limit 20, 10",
            asked(skip=20),
        ),
    ],
)
def test_selects(sql: str, expected: c.ListDevices) -> None:
    assert search.read(sql) == expected


REFUSED = [
    ("", "not one select"),
    ("select", "from device"),
    ("select from device", "selects"),
    ("delete from device", "not one select"),
    ("select 1", "from device"),
    ("select * from devices", "from device"),
    ("select * from Device", "from device"),
    ("select * from device d", "from device"),
    ("select * from x.device", "from device"),
    ("select * from (select * from device)", "from device"),
    ("select * from device; select * from device", "not one select"),
    ("select * from device union select * from device", "not one select"),
    ("select * from device, device", "has a part"),
    ("select * from device join device", "has a part"),
    ("select * from device group by marker", "has a part"),
    ("select * from device having 1", "has a part"),
    ("select distinct device_id from device", "has a part"),
    ("select device_id as x from device", "it selects 'device_id AS x'"),
    ("select secret from device", "it selects 'secret'"),
    ("select max(marker) from device", "it selects"),
    ("select count(device_id) from device", "it selects"),
    ("select * from device order by device_id", "ordered by marker"),
    ("select * from device order by marker, marker", "ordered by marker"),
    ("select * from device limit 51", "rows of limit from 1 to 50"),
    ("select * from device limit 0", "rows of limit from 1 to 50"),
    ("select * from device limit -1", "rows of limit is an integer"),
    ("select * from device limit 501, 1", "offset of limit from 0 to 500"),
    ("select * from device limit 'a'", "rows of limit is an integer"),
    (FROM + "(app_id = 'a')", "no nesting"),
    (FROM + "app_id = 'a' and (app_id = 'b' or app_id = 'c')", "no nesting"),
    (FROM + "not app_id = 'a'", "no nesting"),
    (FROM + "app_id", "no nesting"),
    (FROM + "app_id = app_id", "texts in single quotes"),
    (FROM + "app_id = 1", "texts in single quotes"),
    (FROM + "app_id = null", "texts in single quotes"),
    (FROM + "app_id is null", "functions or null"),
    (FROM + "app_id = upper('a')", "texts in single quotes"),
    (FROM + "app_id in (select 1)", "no nesting"),
    (FROM + "app_id = ''", "1-128 characters"),
    (FROM + "APP_ID = 'a'", "no field"),
    (FROM + "device.app_id = 'a'", "no nesting"),
    (FROM + "secret = 'a'", "no field"),
    (FROM + "app_id > 'a'", "not compared by >"),
    (FROM + "create_time >= '2015-06-06T12:10:10.000Z'", "no nesting"),
    (FROM + "tag_key in ('a')", "not compared by in"),
    (FROM + "app_id like 'abcd%'", "not compared by like"),
    (FROM + "node_id like 'abc%'", "at least 4"),
    (FROM + "node_id like '%abcd'", "at least 4"),
    (FROM + "node_id like 'abcd'", "at least 4"),
    (FROM + "node_id like 'ab%cd%'", "at least 4"),
    (FROM + "node_id not like 'abcd%'", "no nesting"),
    (FROM + "fw_version = '" + "v" * 65 + "'", "1-64 characters"),
    (FROM + "status = 'online'", "one of ONLINE"),
    (FROM + "node_type = 'UNKNOWN'", "GATEWAY or ENDPOINT"),
    (FROM + "create_time > '2015-06-06'", "a time in the form"),
    (FROM + "create_time > '2015-02-30T12:10:10.000Z'", "a time in the form"),
    (FROM + "marker > 'ff'", "24 hexadecimal digits"),
    (FROM + "group_id = 'x'", "hexadecimal digits and -"),
    (FROM + " or ".join(["app_id = 'a'"] * 6), "at most 5 conditions"),
    (FROM + "(" * 340, "not SQL"),
]


@pytest.mark.parametrize(("sql", "problem"), REFUSED)
def test_what_is_refused(sql: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        search.read(sql)
    assert caught.value.field == "sql"
    assert problem in str(caught.value)


def test_the_length_is_bounded() -> None:
    fits = FROM + "device_name = '" + "n" * (400 - len(FROM) - len("device_name = ''")) + "'"
    short = "select * from device where app_id in ('" + "','".join(["a" * 36] * 8) + "')"
    assert len(short) <= 400 < len(fits) + 1
    search.read(short)
    with pytest.raises(Invalid, match="at most 400 characters"):
        search.read(fits + " ")
    rule = "app_id in ('" + "','".join(["a" * 36] * 10) + "')"
    assert len(rule) == 400 + 1
    with pytest.raises(Invalid, match="at most 400 characters"):
        search.read_condition("dynamic_group_rule", rule)
    assert search.read_condition("dynamic_group_rule", rule.replace("a" * 36, "a" * 35, 1))


@pytest.mark.parametrize("text", ["app_id='a' limit 1", "app_id='a' order by marker", "", "1=1; drop table device"])
def test_a_rule_of_a_group_is_a_where_clause_alone(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        search.read_condition("dynamic_group_rule", text)
    assert caught.value.field == "dynamic_group_rule"


@given(st.text(max_size=60), st.sampled_from(["", "select * from device ", FROM, FROM + "app_id = "]))
def test_no_text_makes_it_fail_otherwise(text: str, before: str) -> None:
    try:
        search.read(before + text)
    except Invalid as refused:
        assert refused.field == "sql"
