"""Lists of devices as CSV and NDJSON: what is read of them, and what is wrong with them, by row and parameter."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.upwell import flows
from upwell.dialects.upwell.lists_of_devices import ROW_BYTES_MAX, Lists
from upwell.dialects.upwell.shapes import Shape, text
from upwell.domain.commands import ListHead, NewDevice, RowProblem
from upwell.domain.errors import Invalid, Missing

LISTS = Lists()


def read(data: bytes, form: str = "csv", most: int = 500) -> list[NewDevice | RowProblem]:
    """All rows, in chunks of `most`."""
    head = LISTS.head(form, data, whole=True)
    assert head is not None
    place, number, found = head.size, head.rows + 1, list[NewDevice | RowProblem]()
    while place < len(data):
        rows = LISTS.rows(form, head.columns, "P", data[place:], number, most, whole=True)
        assert 0 < rows.rows <= most and rows.size > 0
        place, number, found = place + rows.size, number + rows.rows, [*found, *rows.items]
    return found


def names(found: list[NewDevice | RowProblem]) -> list[Any]:
    return [each.device.name if isinstance(each, NewDevice) else (each.row, each.parameter) for each in found]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("most", [1, 500])
def test_a_csv_is_read_whatever_its_line_ends_and_mark(end: bytes, mark: bytes, most: int) -> None:
    lines = [b"name,id,nickname,tags", b'a,x1,"a ""b"", c",room=hall;floor=1', b'"b",,"two\r\nlines",', b"", b"c,,,"]
    for tail in (end, b""):
        found = read(mark + end.join(lines) + tail, most=most)
        assert names(found) == ["a", (3, "nickname"), "c"]
        first = found[0]
        assert isinstance(first, NewDevice)
        assert (first.row, first.device.public_id, first.device.nickname) == (2, "x1", 'a "b", c')
        assert first.tags == {"room": "hall", "floor": "1"} and first.device.product_key == "P"
        assert found[-1].row == 5


def test_an_ndjson_is_read_as_strictly_as_a_body() -> None:
    lines = [
        b'{"name": "a", "tags": {"room": "hall"}}', b"", b'{"nmae": "b"}', b'{"name": null}', b'{"name": 5}', b"[]",
        b'{"name": "f"} x', b'{"id": "g"}', b'{"name": "h"}',
    ]  # fmt: skip
    assert names(read(b"\n".join(lines), "ndjson")) == [
        "a", (3, "nmae"), (4, "name"), (5, "name"), (6, "body"), (7, "body"), (8, "name"), "h",
    ]  # fmt: skip


def test_what_is_wrong_with_a_row_costs_no_other() -> None:
    wrong = {
        b'open,"quote': "row", b"bad\xff,": "row", b"nul\x00,": "row", b"x" * ROW_BYTES_MAX + b",": "row",
        b"one": "row", b"a,b,c": "row", b'"a"b,': "row", b"a\rb,": "row", b"with space,": "name", b",nameless": "name",
        b"a," + b"n" * 65: "nickname",
    }  # fmt: skip
    for row, parameter in wrong.items():
        found = read(b"name,nickname\n" + row + b"\nnext,\n" + b"more,\n" * 3000)
        assert names(found)[:2] == [(2, parameter), "next"] and len(found) == 3002, row[:20]
        problem = found[0]
        assert isinstance(problem, RowProblem) and problem.problem and problem.advice
        assert len(problem.problem) < 1000


@pytest.mark.parametrize(
    ("head", "parameter", "said"),
    [
        (b"nmae,id\n", "nmae", "name"),
        (b"name,id,id\n", "id", "two"),
        (b"id\na\n", "name", "mandatory"),
        (b"name;id\n", "body", "commas"),
        (b"\n", "body", "empty"),
        (b"", "body", "empty"),
        (b'"name\n', "body", "quotes"),
        (b"name,\n", "", "unknown"),
        ("name\n".encode("utf-16"), "body", "UTF-16"),
        (b"name\rid\r", "body", "carriage return"),
        (b"name\xff\n", "row", "UTF-8"),
    ],
)
def test_a_head_that_is_wrong_refuses_the_list(head: bytes, parameter: str, said: str) -> None:
    with pytest.raises((Invalid, Missing)) as refused:
        LISTS.head("csv", head, whole=True)
    assert refused.value.field == parameter and said in str(refused.value)


def test_more_is_asked_for_until_the_head_is_whole() -> None:
    assert LISTS.head("csv", b"name,i", whole=False) is None
    assert LISTS.head("csv", b"name,id", whole=True) == ListHead(columns=("name", "id"), size=7, rows=1)
    assert LISTS.head("ndjson", b" ", whole=False) is None
    assert LISTS.head("ndjson", b"\xef\xbb\xbf{", whole=False) == ListHead(size=3)
    for wrong in (b"", b"name\n", b'[{"name": "a"}]'):
        with pytest.raises(Invalid):
            LISTS.head("ndjson", wrong, whole=True)
    cut = LISTS.rows("csv", ("name",), "P", b"a\nb\nc", 2, 500, whole=False)
    assert (cut.size, cut.rows) == (4, 2)
    assert LISTS.rows("csv", ("name",), "P", b"aaa", 2, 500, whole=False).size == 0


@given(data=st.binary(max_size=300), most=st.integers(1, 5), form=st.sampled_from(["csv", "ndjson"]))
def test_whatever_is_sent_every_byte_belongs_to_one_row(data: bytes, most: int, form: str) -> None:
    """As much is read in chunks as at once, and nothing breaks it."""
    whole = b"name,id,nickname,tags\n" + data if form == "csv" else b"{" + data
    assert read(whole, form, most) == read(whole, form)


_SHAPE = Shape("Thing", "", (text("id", lambda r: r["id"]), text("nickname", lambda r: r["nickname"])))
_TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@given(st.lists(st.fixed_dictionaries({"id": _TEXT, "nickname": _TEXT}), max_size=5))
def test_what_is_told_is_read_back_and_no_cell_is_a_formula(items: list[dict[str, str]]) -> None:
    told = flows.told(_SHAPE, "csv", items, first=True).decode()
    head, *rows = csv.reader(io.StringIO(told, newline=""))
    assert head == ["id", "nickname"]
    assert [[row[0], flows.unguarded(row[1])] for row in rows] == [[each["id"], each["nickname"]] for each in items]
    assert not [row for row in rows if row[1].startswith(("=", "+", "-", "@", "\t", "\r"))]
    lines = flows.told(_SHAPE, "ndjson", items, first=False).splitlines()
    assert [json.loads(line) for line in lines] == items
