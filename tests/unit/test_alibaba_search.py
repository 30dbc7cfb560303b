"""Rules of dynamic groups: what they read as, and that nothing else gets through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alibaba_views import GROUP

from upwell.dialects.alibaba.search import CONDITIONS_MAX, DEPTH_MAX, EXPRESSION_CHARS_MAX, VALUES_MAX, read_rule
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.search import Both, Compare, Condition, Either, Field, Not

NAME_A = Compare("name", "=", ("a",))
ONLINE = Compare("status", "=", ("ONLINE",))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('name = "a"', NAME_A),
        ("NAME='a'", NAME_A),
        ('((name = "a"))', NAME_A),
        (
            'product_key = "a1***" and name LIKE "test%"',
            Both((Compare("product_key", "=", ("a1***",)), Compare("name", "like", ("test%",)))),
        ),
        ('name = "a" or status = "online"', Either((NAME_A, ONLINE))),
        # And binds tighter than or, and what stands in parentheses stays together.
        (
            'name = "a" or status = "ONLINE" and node_type = 1',
            Either((NAME_A, Both((ONLINE, Compare("node_type", "=", ("1",)))))),
        ),
        (
            '(name = "a" or status = "ONLINE") and node_type = "0"',
            Both((Either((NAME_A, ONLINE)), Compare("node_type", "=", ("0",)))),
        ),
        ('name = "a" and (name = "a" and status = "ONLINE")', Both((NAME_A, Both((NAME_A, ONLINE))))),
        ('name = "a" and name = "a" and name = "a"', Both((NAME_A, NAME_A, NAME_A))),
        ('not name = "a"', Not(NAME_A)),
        ('not (name = "a" and status = "ONLINE")', Not(Both((NAME_A, ONLINE)))),
        ('nickname not like "x_%"', Not(Compare("nickname", "like", ("x_%",)))),
        ('nick_name != "x"', Compare("nickname", "!=", ("x",))),
        ('name <> "x"', Compare("name", "!=", ("x",))),
        ("name in ('a', \"b\", 3)", Compare("name", "in", ("a", "b", "3"))),
        ('name not in ("a")', Compare("name", "not in", ("a",))),
        ('status in ("DISABLE", "UNACTIVE")', Compare("status", "in", ("DISABLED", "UNACTIVE"))),
        (
            'tag.tag_name = "a" and tag.tag_value != "阀门"',
            Both((Compare("tag_key", "=", ("a",)), Compare("tag_value", "!=", ("阀门",)))),
        ),
        (
            '(tag_name = "a" and tag_value = "b") and (tag_name = "c")',
            Both((
                Both((Compare("tag_key", "=", ("a",)), Compare("tag_value", "=", ("b",)))),
                Compare("tag_key", "=", ("c",)),
            )),
        ),
        (
            'ota_module.module_name = "mcu" and ota_module.version = "1.0"',
            Both((Compare("module", "=", ("mcu",)), Compare("version", "=", ("1.0",)))),
        ),
        (
            'firmware_version like "1.%"',
            Both((Compare("module", "=", ("default",)), Compare("version", "like", ("1.%",)))),
        ),
        (f'group.group_id = "{GROUP}"', Compare("group_id", "=", ("9",))),
        ('active_time > "2018-08-06 10:48:41.607"', Compare("activated_at", ">", ("2018-08-06T02:48:41.607Z",))),
        ('gmt_create >= "2018-08-06"', Compare("created_at", ">=", ("2018-08-05T16:00:00.000Z",))),
        ('gmt_create < "2018-08-06T02:48:41Z"', Compare("created_at", "<", ("2018-08-06T02:48:41.000Z",))),
        ("gmt_create <= 1533523721607", Compare("created_at", "<=", ("2018-08-06T02:48:41.607Z",))),
        ("name = 'it''s \"so\"; drop table device --'", Compare("name", "=", ("it's \"so\"; drop table device --",))),
    ],
)  # fmt: skip
def test_rules(text: str, condition: Condition) -> None:
    assert read_rule(text) == condition


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "conditions such as"),
        (" ", "conditions such as"),
        ("()", "conditions such as"),
        ("name", "conditions such as"),
        ("name(1)", "conditions such as"),
        ("name = ", "conditions such as"),
        ('name = "a', "conditions such as"),
        ('name "a"', "conditions such as"),
        ('name = "a" and', "conditions such as"),
        ('name = "a" status = "ONLINE"', "conditions such as"),
        ('name = "a")', "conditions such as"),
        ('name in ()', "conditions such as"),
        ('name in "a"', "conditions such as"),
        ('name = "a" b', "there is no 'b'"),
        ('name = "a" status', "conditions such as"),
        ('name = "a" xor name = "b"', "'xor' is not part"),
        ("name is null", "'is' is not part"),
        ('name between "a" and "b"', "'between' is not part"),
        ('name = "a"; drop table device', "';' is not part"),
        ('name in (select name from device)', "'select' is not part"),
        ('name like "a" escape "b"', "'escape' is not part"),
        ("`name` = 1", "'name' is not part"),
        ("@@version = 1", "is not part"),
        ("name = -1", "'-' is not part"),
        ("name = x'41'", "is not part"),
        ("name = ?", "is not part"),
        ("name = :a", "is not part"),
        ('name = concat("a", "b")', "there is no 'concat'"),
        ('name = version("a")', "conditions such as"),
        ("if status", "there is no 'if'"),
        ("name = name", "values in quotes"),
        ('name in ("a", name)', "values in quotes"),
        ('name = "a" "b"', "values in quotes"),
        ('name = ("a")', "values in quotes"),
        ("1 = 1", "a field, an operator, a value"),
        ('"a" = name', "a field, an operator, a value"),
        ('tag.tag.tag.tag.tag = "x"', "a field, an operator, a value"),
        ('name = "a" = "b"', "a field, an operator, a value"),
        ('secret = "a"', "there is no 'secret'"),
        ('device.name = "a"', "there is no 'device'"),
        ('group.name = "a"', "there is no 'group.name'"),
        ('group.tag.tag_name = "a"', "there is no 'group.tag.tag_name'"),
        ('name > "a"', "name with =, !=, in, not in, like"),
        ('status like "O%"', "status with ="),
        ('active_time like "2%"', "active_time with ="),
        ('status = "AWAY"', "status one of ONLINE, OFFLINE, UNACTIVE, DISABLE"),
        ('status = "DISABLED"', "status one of"),
        ("node_type = 2", "node_type 0 or 1"),
        ('active_time > "yesterday"', "active_time as yyyy-MM-dd"),
        ('active_time > "2018-13-06"', "active_time as yyyy-MM-dd"),
        ('active_time > "0001-01-01 00:00:00"', "active_time as yyyy-MM-dd"),
        ("active_time > 153352372160", "active_time as yyyy-MM-dd"),
        ('name = ""', "values of 1-256 characters"),
        ('name = "' + "a" * 257 + '"', "values of 1-256 characters"),
        ('name = "a\\\\b"', "without a backslash"),
        ('tag_name = "a" and tag_value = "b" and tag_name = "c"', "parentheses around each pair"),
        ('ota_module.name = "a" and ota_module.module_name = "c"', "parentheses around each pair"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_by_its_fault(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_rule(text)
    assert caught.value.field == "DynamicGroupExpression"
    assert said in str(caught.value)


def test_a_group_that_is_none_of_ours() -> None:
    with pytest.raises(NotFound):
        read_rule('group.group_id = "x"')


def joined(count: int) -> str:
    return " and ".join(['name="a"'] * count)


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        (joined(CONDITIONS_MAX), joined(CONDITIONS_MAX + 1), "at most 20 conditions"),
        ("(" * DEPTH_MAX + 'name="a"' + ")" * DEPTH_MAX, "(" * 6 + 'name="a"' + ")" * 6, "at most 5 deep"),
        ("not " * 20 + 'name="a"', "not " * 21 + 'name="a"', "NOT at most 20 times"),
        (
            "name in (" + ",".join(["1"] * VALUES_MAX) + ")",
            "name in (" + ",".join(["1"] * (VALUES_MAX + 1)) + ")",
            "at most 50 values after IN",
        ),
        ('name="a"'.ljust(EXPRESSION_CHARS_MAX), 'name="a"'.ljust(EXPRESSION_CHARS_MAX + 1), "at most 2000 characters"),
        ('name="' + "a" * 256 + '"', 'name="' + "a" * 257 + '"', "values of 1-256 characters"),
    ],
)
def test_bounds(good: str, bad: str, said: str) -> None:
    read_rule(good)
    with pytest.raises(Invalid, match=said):
        read_rule(bad)


@pytest.mark.parametrize("text", ["(" * 2000, "not " * 500, "-" * 2000, "case " * 400, "[" * 2000, "a." * 1000])
def test_no_text_exhausts_the_stack(text: str) -> None:
    with pytest.raises(Invalid):
        read_rule(text)


@pytest.mark.parametrize("text", ["if status", "if name = 1", "version status", "group name", "status name = 1"])
def test_nothing_is_logged_about_what_a_caller_writes(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Invalid):
        read_rule(text)
    assert caplog.records == []


WORDS = st.sampled_from([
    "name", "status", "tag_name", "firmware_version", "active_time", "=", "!=", ">", "<", "like", "in", "not", "and",
    "or", "(", ")", ",", '"a"', "'b%'", "1", "1533523721607", '"ONLINE"', ".", ";", "--", "/*", "select", "null", "if",
    "\\",
])  # fmt: skip
FIELDS = set(Field.__args__)  # type: ignore[attr-defined]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=15).map(" ".join), st.text(max_size=60)))
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    try:
        condition = read_rule(text)
    except Invalid as refusal:
        assert refusal.field == "DynamicGroupExpression"
        return
    seen = list(comparisons(condition))
    assert 1 <= len(seen) <= 2 * CONDITIONS_MAX
    assert all(each.field in FIELDS and each.values for each in seen)


def comparisons(condition: Condition) -> list[Compare]:
    match condition:
        case Compare():
            return [condition]
        case Not():
            return comparisons(condition.part)
        case Both() | Either():
            return [each for part in condition.parts for each in comparisons(part)]
