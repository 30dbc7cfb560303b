"""Our own tongue without a wire: its table, ids, cursors, what is read strictly, and what is said of each refusal."""

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from openapi_spec_validator import validate

from upwell.dialects.upwell import bearer, codes, management, names, openapi, pages, params, reading, reference
from upwell.dialects.upwell.rows import Row
from upwell.domain import commands as c
from upwell.domain import errors as e
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.talk import TaskRef

SRC = Path(__file__).parents[2] / "src" / "upwell"
DOCUMENT = openapi.document("1.2.3")
REF = TaskRef(device_id=UUID(int=7), job_id=(1 << 63) - 1, nth=3)


def test_a_path_without_ids_is_no_id() -> None:
    assert management.route("GET", "/v1/devices/export").name == "export_devices"
    with pytest.raises(codes.WrongMethod) as refused:
        management.route("DELETE", "/v1/devices/export")
    assert refused.value.allowed == ("GET", "HEAD")
    assert management.route("DELETE", "/v1/devices/%65xport").ids == {"device_id": "export"}


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_document_is_valid_and_has_every_operation() -> None:
    validate(DOCUMENT)
    told = {(m.upper(), path): row for path, rows in DOCUMENT["paths"].items() for m, row in rows.items()}
    assert {(row.method, row.path) for row in management.OPERATIONS.values()} == set(told)
    assert [row["operationId"] for row in told.values()] == sorted(
        management.OPERATIONS, key=[row["operationId"] for row in told.values()].index
    )
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_no_schema_has_nulls_and_what_is_asked_is_closed() -> None:
    """Generators stumble over the one; the other would let misspelt members pass."""
    assert '"null"' not in json.dumps(DOCUMENT["paths"]) + json.dumps(DOCUMENT["components"]["schemas"])
    for row in (row for rows in DOCUMENT["paths"].values() for row in rows.values() if "requestBody" in row):
        content = row["requestBody"]["content"]
        if "application/json" not in content:  # bytes as they come
            assert all(each["schema"]["format"] == "binary" for each in content.values())
            continue
        for schema in objects(content["application/json"]["schema"]):
            assert "additionalProperties" in schema, row["operationId"]


def objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    own = [schema] if schema.get("type") == "object" else []
    return own + [each for part in inner for each in objects(part)]


OF_ONESELF = {
    "create_session",
    "end_session",
    "end_sessions",
    "change_password",
    "create_own_key",
    "revoke_own_key",
    "close_own_session",
}  # which whoever may only look may do


def test_each_row_says_what_it_is() -> None:
    for name, row in management.OPERATIONS.items():
        assert row.summary.endswith("."), name
        assert row.role != "viewer" or row.method == "GET" or name in OF_ONESELF, name
        assert re.findall(r"{(\w+)}", row.path) == [param.name for param in row.ids], name
        made = 202 if row.takes or row.gives == "plan_id" else 201  # a list or a plan is worked on from then on
        assert row.status == (204 if row.shape is None else made if row.gives or "create" in name else row.status)


def test_where_a_request_line_leads() -> None:
    found = management.route("GET", "/v1/devices/a%2Fb/tasks")
    assert (found.name, found.ids) == ("list_device_tasks", {"device_id": "a/b"})
    with pytest.raises(codes.WrongMethod) as caught:
        management.route("PUT", "/v1/devices/x")
    assert caught.value.allowed == ("DELETE", "GET", "HEAD", "PATCH")
    with pytest.raises(e.NotFound):
        management.route("GET", "/v1/devices/x/y/z")


def test_no_list_counts_what_it_does_not_tell() -> None:
    ids = {"package_id": names.package_id(1), "group_id": names.group_id(1), "rollout_id": names.rollout_id(1)}
    ids |= {"import_id": names.import_id(1), "hook_id": names.hook_id(1)}
    for name, row in management.OPERATIONS.items():
        if row.paged:
            given = {param.name: ids.get(param.name, "x") for param in row.ids}
            asked = reading.command(row, given, [(param.name, "x") for param in row.query if param.required], b"")
            assert not getattr(asked, "counted", False), name


# --- ids and cursors ------------------------------------------------------------------------------------------------


def test_ids_are_read_back_and_sort_as_their_numbers() -> None:
    for make, read in (
        (names.package_id, names.read_package_id),
        (names.rollout_id, names.read_rollout_id),
        (names.group_id, names.read_group_id),
        (names.registration_id, names.read_registration_id),
        (names.event_id, names.read_event_id),
        (names.hook_id, names.read_hook_id),
    ):
        made = [make(number) for number in (0, 9, 10, 255, 1 << 40, (1 << 63) - 1)]
        assert [read(text) for text in made] == [0, 9, 10, 255, 1 << 40, (1 << 63) - 1] and made == sorted(made)
    assert names.read_task_id(names.task_id(REF)) == REF


@pytest.mark.parametrize(
    "text",
    ["", "ro_", "ro_1", "ro_000000000000000g", "RO_0000000000000001", "ro_0000000000000001 ", "grp_0000000000000001",
     "ro_8000000000000000", "ro_000000000000000A", "1", "ro_00000000000000001", "x" * 500],
)  # fmt: skip
def test_what_is_no_id_of_a_rollout_is_not_found_and_named_as_given(text: str) -> None:
    with pytest.raises(names.Unread) as caught:
        names.read_rollout_id(text)
    told = codes.refusal(caught.value, "r")
    assert told.code == "not-found" and text[:60] in told.members["detail"]


@pytest.mark.parametrize("text", ["", "tsk_", names.task_id(REF)[:-1], names.task_id(REF)[:-4] + "ffff",
                                  "tsk_" + "0" * 32 + "f" * 16 + "0000"])  # fmt: skip
def test_what_is_no_id_of_a_task_is_not_found(text: str) -> None:
    with pytest.raises(names.Unread):
        names.read_task_id(text)


def page(count: int, take: int, last: int | None = None) -> Page[Any]:
    return Page(items=(None,) * count, asked=Slice(take=take), last=last)


def test_a_cursor_holds_the_record_and_is_for_its_own_list() -> None:
    here = pages.scope_of("list_devices", {"product_id": "a", "limit": "5", "cursor": "x"})
    assert here == pages.scope_of("list_devices", {"limit": "9", "product_id": "a"})
    cursor = pages.next_cursor(page(5, 5, last=2**90), here)
    assert cursor and re.fullmatch("[A-Za-z0-9_-]{1,200}", cursor)
    assert pages.asked({"limit": 7, "cursor": pages.opened(cursor, here)}) == Slice(take=7, below=2**90)
    assert pages.next_cursor(page(4, 5, last=1), here) is None
    others = ({"product_id": "b"}, {}, {"product_id": "a", "status": "online"})
    theirs = [pages.scope_of("list_devices", other) for other in others]
    for scope in (pages.scope_of("list_groups", {"product_id": "a"}), *theirs):
        with pytest.raises(e.Invalid):
            pages.opened(cursor, scope)
    for text in ("", "a", "é", "!!", cursor[:-3]):
        with pytest.raises(e.Invalid):
            pages.asked({"limit": 7, "cursor": pages.opened(text, here)})


# --- what is read ---------------------------------------------------------------------------------------------------

ROW = management.OPERATIONS["create_rollout"]
GIVEN = {"kind": "static", "package_id": "pkg_0000000000000007", "product_id": "p", "targets": {"all": True}}


def read(row: Row, body: object, query: tuple[tuple[str, str], ...] = ()) -> Any:
    return reading.command(row, {}, query, json.dumps(body).encode())


def test_a_rollout_is_a_job_of_the_core() -> None:
    more = {"maximum_per_min": 5.0, "retry": {"count": 2, "interval_min": 10}, "tags": {"a": "b"},
            "scheduled_at": "2026-06-29T11:30:00.5+02:00", "finish_at": "2026-06-30T00:00:00Z"}  # fmt: skip
    assert read(ROW, {**GIVEN, **more}) == c.CreateJob(
        kind="static", package_ids=(7,), product_key="p", selection="ALL", lead_s=(0, 30 * c.DAY_S), tags=(("a", "b"),),
        downgrade=False,
        manner=c.Manner(
            maximum_per_min=5, retry_count=2, retry_interval_min=10,
            scheduled_at=datetime(2026, 6, 29, 9, 30, 0, 500_000, UTC), finish_at=datetime(2026, 6, 30, tzinfo=UTC),
        ),
    )  # fmt: skip
    third = read(ROW, GIVEN | {"targets": {"percent": 33.333}})
    assert (third.selection, third.gray_percent) == ("GRAY", "33.333")
    some = read(ROW, GIVEN | {"kind": "dynamic", "existing": False, "targets": {"group_id": "grp_0000000000000009"}})
    assert (some.kind, some.selection, some.group_ids, some.dynamic_mode) == ("dynamic", "ALL", (9,), 2)


@pytest.mark.parametrize(
    ("change", "field", "meant"),
    [
        ({"targets": {"al": True}}, "targets.al", "all"),
        ({"tagets": {"all": True}}, "tagets", "targets"),
        ({"retry": {"counts": 1}}, "retry.counts", "count"),
        ({"Kind": "static"}, "Kind", "kind"),
        ({"zzzzzz": 1}, "zzzzzz", None),
    ],
)
def test_an_unknown_name_is_told_with_the_one_that_was_meant(
    change: dict[str, object], field: str, meant: str | None
) -> None:
    with pytest.raises(reading.Unknown) as caught:
        read(ROW, GIVEN | change)
    assert (caught.value.field, caught.value.meant) == (field, meant)
    [error] = codes.refusal(caught.value, "r").members["errors"]
    assert error["parameter"] == field and error["try"] == (f"Write {meant}." if meant else "Leave it out.")


@pytest.mark.parametrize("value", [None, "5", True, 5.5, 2**70, [5], {}])
def test_an_integer_is_one(value: object) -> None:
    with pytest.raises(e.Invalid):
        read(ROW, GIVEN | {"maximum_per_min": value})


@pytest.mark.parametrize("body", [b"\0", b"\xef\xbb\xbf{}", b"{}\0", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff"])
def test_a_body_is_a_json_object_and_nothing_around_it(body: bytes) -> None:
    with pytest.raises(e.Invalid):
        reading.command(management.OPERATIONS["create_upload"], {}, (), body)


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b" {\t}\n"])
def test_no_body_is_an_empty_one(body: bytes) -> None:
    assert reading.command(management.OPERATIONS["create_upload"], {}, (), body) == c.CreateUploadTicket()


def test_times_and_shares() -> None:
    good = ("2026-06-29T09:30:15Z", "2026-06-29t09:30:15.123456789z", "2026-06-29T09:30:15-23:59")
    assert all(params.moment(text) for text in good)
    bad = ("2026-06-29", "2026-06-29T09:30:15", "2026-06-29 09:30:15Z", "2026-02-30T00:00:00Z", "20260629T093015Z",
           "0001-01-01T00:00:00+23:00", "2026-06-29T24:00:00Z", "2026-06-29T09:30:15+0200")  # fmt: skip
    assert not [text for text in bad if params.moment(text)]
    assert [params.percent(value) for value in (100, 0.001, 33.3, 50.0)] == ["100", "0.001", "33.3", "50"]
    check = params.Percent()
    assert not check.problem(100) and not check.problem(0.001)
    assert all(check.problem(value) for value in (0, -1, 100.001, 0.0001, 1e-9))


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer upw_ab_cd", "upw_ab"), ("bearer  upw_ab_cd", "upw_ab"), ("Bearer upw_ab", ""), ("upw_ab_cd", ""),
     ("Bearer upw_ab_cd,Bearer upw_x_y", ""), ("Bearer upw_ab_cd_ef", ""), ("Bearer upw_é_cd", ""), ("", "")],
)  # fmt: skip
def test_which_key_a_request_names(header: str, key: str) -> None:
    assert bearer.key_of({"authorization": header}) == key
    assert bool(bearer.token_of({"authorization": header})) == bool(key)


def test_an_entry_of_the_audit_spells_numbers_as_our_ids() -> None:
    task = {"device_id": str(REF.device_id), "job_id": REF.job_id, "nth": REF.nth}
    ids = {"job_id": 255, "package_ids": [1, "and 3 more"], "apply_id": 1, "hook_id": 1 << 60, "tasks": [task],
           "device": {"product_key": "p", "name": "d"}, "left_out": ["names"]}  # fmt: skip
    entry = c.AuditEntry(
        entry_id=10, account="a", at=datetime(2026, 1, 31, tzinfo=UTC), who="server", tongue="cli", address="local",
        operation="key create", result="done", request_id="", times=1, ids=ids, changes={"count": 3},
    )  # fmt: skip
    told = management.OPERATIONS["list_audit"].members(Page(items=(entry,), asked=Slice(take=5)))
    assert told is not None
    [shown] = told["items"]
    assert (shown["id"], shown["at"], shown["changes"]) == (
        "ent_000000000000000a", "2026-01-31T00:00:00.000Z", {"count": 3}
    )  # fmt: skip
    assert "request_id" not in shown and "account" not in shown
    assert shown["ids"] == {
        "job_id": "ro_00000000000000ff", "package_ids": ["pkg_0000000000000001", "and 3 more"],
        "apply_id": "reg_0000000000000001", "hook_id": str(1 << 60), "tasks": [names.task_id(REF)],
        "device": {"product_key": "p", "name": "d"}, "left_out": ["names"],
    }  # fmt: skip


# --- what is told of refusals ---------------------------------------------------------------------------------------


def reasons() -> set[str]:
    """Every reason of a conflict that the core has."""
    found = set()
    for file in (SRC / "service").rglob("*.py"), (SRC / "domain").rglob("*.py"):
        for tree in (ast.parse(path.read_text("utf-8")) for path in file):
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "Conflict":
                    found.add(ast.literal_eval(call.args[0]))
    return found


# Of what `/v1` has no operation for: groups that must be empty, jobs that ask, files of targets; erasures, which are
# commands of the server's machine.
FOREIGN = {
    "account_erased", "account_has_running_job", "ambiguous", "device_erased", "device_lives",
    "group_not_empty", "job_not_of_this_part", "job_selection_mismatch", "job_state", "package_of_other_part",
    "package_of_other_space", "target_file_name_taken", "ticket_used",
}  # fmt: skip


def test_every_conflict_of_the_core_has_its_problem() -> None:
    lacking = {reason for reason in reasons() if reason.replace("_", "-") not in codes.TABLE}
    assert lacking == FOREIGN
    told = codes.refusal(e.Conflict("brand_new", "It is new."), "r")
    assert (told.status, told.code, told.members["detail"]) == (409, "conflict", "It is new.")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (e.UnknownKey(), 401, "not-authenticated"),
        (e.Denied("no"), 403, "not-allowed"),
        (e.NotFound("action", "GET /x"), 404, "no-such-operation"),
        (e.NotFound("job", "255"), 404, "not-found"),
        (e.TooMany("requests", 5), 429, "too-many-requests"),
        (e.TooMany("tags", 100), 409, "limit-reached"),
        (e.Busy(), 503, "busy"),
        (e.Unavailable("PostgreSQL at 10.0.0.1 does not answer"), 503, "unavailable"),
        (e.Replayed(), 409, "conflict"),
        (RuntimeError("a secret"), 500, "internal"),
    ],
)
def test_each_refusal_is_a_problem(error: Exception, status: int, code: str) -> None:
    told = codes.refusal(error, "abc")
    members = told.members
    assert (told.status, told.code, members["status"]) == (status, code, status)
    assert members["type"] == f"/v1/docs/problems#{code}" and members["request_id"] == "abc"
    assert members["title"] and members["detail"] and members["try"]
    assert "secret" not in json.dumps(members) and "10.0.0.1" not in json.dumps(members)
    assert f'id="{code}"' in reference.problems()


def test_a_refusal_names_things_as_we_do() -> None:
    assert "rollout ro_00000000000000ff" in codes.refusal(e.NotFound("job", "255"), "r").members["detail"]
    told = codes.refusal(e.Invalid("product_key", "a key", "it is not"), "r").members
    assert told["errors"][0]["parameter"] == "product_id" and told["detail"].startswith("product_id: ")
    assert told["errors"][0]["problem"] == "it is not"
    assert codes.refusal(e.UnknownKey(), "r").headers == {"WWW-Authenticate": 'Bearer realm="upwell"'}
    assert codes.refusal(e.TooMany("requests", 1), "r").headers == {"Retry-After": "1"}


def test_a_refusal_repeats_little_of_what_was_sent() -> None:
    with pytest.raises(e.Invalid) as caught:
        read(ROW, GIVEN | {"x" * 100_000: 1})
    assert len(json.dumps(codes.refusal(caught.value, "r").members)) < 4000
