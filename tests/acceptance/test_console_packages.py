"""The console's pages of packages over plain HTTP: what they show, what a file that comes in parts is sent by, and who
may."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from acceptance.client import Server, unique, until
from acceptance.console import Browser, Page, browser
from acceptance.device import Device
from acceptance.upwell_client import Api, api

ACCOUNT = "console-packages"
IMAGE = b"firmware" * 20_000
NOTES = """# What is new
- **faster** <b>not bold</b> <script>alert(1)</script>
- see [the page](https://example.com/notes) and [nothing](javascript:alert(1)) ![no picture](https://example.com/i.png)
"""


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="module")
def boss(v1: Api) -> Browser:
    return browser(v1, "packer", "admin", ACCOUNT)


@pytest.fixture(scope="module")
def viewer(v1: Api) -> Browser:
    return browser(v1, "looker", "viewer", ACCOUNT)


@pytest.fixture(scope="module")
def running(server: Server, v1: Api) -> Iterator[dict[str, Any]]:
    """A product of which two devices run 1.0, with packages of it, a delta from it, and one that nobody verified."""
    product = v1.do("create_product", name=unique("Pumps"))["id"]
    made = [v1.do("create_device", product_id=product, name=f"p-{n}") for n in range(3)]
    devices = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made[:2]]
    for device in devices:
        device.inform("1.0")
    first = package(v1, product, "1.0", verify=False)
    second = package(v1, product, "2.0", description=NOTES, note="to the device <i>")
    delta = package(v1, product, "2.0", delta_from="1.0", verify=False)
    yield {"product": product, "first": first, "second": second, "delta": delta, "devices": devices}
    for device in devices:
        device.close()


def package(v1: Api, product: str, version: str, **more: Any) -> str:
    made = v1.do("create_package", name=unique("fw"), version=version, product_id=product, upload_url=v1.upload(IMAGE),
                 **more)  # fmt: skip
    return str(made["id"])


def scripted(who: Browser, method: str, path: str, content: bytes | None = None, **more: Any) -> httpx.Response:
    """What a script of a page asks."""
    headers = {"origin": f"http://{who.address}", "sec-fetch-site": "same-origin", "x-upwell-csrf": who.csrf()}
    return who.ask(method, f"/v1{path}", headers=headers | more.pop("headers", {}), content=content, **more)


# --- pages ------------------------------------------------------------------------------------------------------------


def test_versions_of_a_product_with_who_runs_them_and_their_deltas(
    v1: Api, boss: Browser, running: dict[str, Any]
) -> None:
    product = running["product"]
    until(
        lambda: boss.get(f"/packages?product_id={product}").text,
        lambda text: "2 devices" in text and "Delta from 1.0" in text,
    )
    page = boss.get(f"/packages?product_id={product}")
    links = page.links()
    assert {f"/console/packages/{running[name]}" for name in ("first", "second", "delta")} <= set(links)
    assert f"/console/devices?product_id={product}&module=default&version=1.0" in links
    assert "Unverified" in page.text and "0 devices" in page.text
    everything = boss.get("/packages?view=all&sort=-size")
    assert running["second"] in everything.text and everything.status == 200
    assert boss.get(f"/packages?product_id={product}&module=nobody").status == 404
    assert boss.get("/packages?product_id=nobody").status == 404
    assert "sort: " in boss.get("/packages?view=all&sort=heard").text


def test_a_package_says_what_it_is_and_its_notes_are_markdown_without_html(
    boss: Browser, running: dict[str, Any]
) -> None:
    page = boss.get(f"/packages/{running['second']}")
    assert hashlib.sha256(IMAGE).hexdigest() in page.text and "160,000 B" in page.text
    assert "<strong>faster</strong>" in page.html and "<h4>What is new</h4>" in page.html
    assert "<b>not bold</b>" in page.text and "<script>alert(1)</script>" in page.text and "<i>" in page.text
    outside = [given for tag, given in page.elements if tag == "a" and "noopener" in given.get("rel", "")]
    assert [given["href"] for given in outside] == ["https://example.com/notes", "https://example.com/i.png"]
    assert not {tag for tag, _ in page.elements} & {"img", "b", "i"}
    delta = boss.get(f"/packages/{running['delta']}")
    assert "it is installed over 1.0 alone" in delta.text and f"/console/packages/{running['second']}" in delta.links()


def test_it_is_verified_on_test_devices_from_its_page(v1: Api, boss: Browser, running: dict[str, Any]) -> None:
    second, product, device = running["second"], running["product"], running["devices"][0]
    fields = dict(boss.get(f"/packages/{second}").forms["/console/do/rollouts"])
    scripted_form = {"hx-request": "true"}
    refused = boss.send("/do/rollouts", fields | {"targets.device_names": "p-0\r\nnobody"}, **scripted_form)
    assert refused.status_code in (400, 404) and "nobody" in Page(refused).text
    fields["once"] = next(given["value"] for tag, given in Page(refused).elements if given.get("id") == "once")
    begun = boss.send("/do/rollouts", fields | {"targets.device_names": "p-0\r\n"}, **scripted_form)
    again = boss.send("/do/rollouts", fields | {"targets.device_names": "p-0\r\n"}, **scripted_form)
    assert begun.status_code == 200 and begun.headers["hx-redirect"].startswith("/console/rollouts/ro_")
    assert again.headers["hx-redirect"] == begun.headers["hx-redirect"], "it is begun once"
    device.offered()
    page = boss.get(f"/packages/{second}")
    assert "Being verified" in page.text and f"/console/devices/{product}_p-0" in page.links()
    device.inform("2.0")
    until(lambda: v1.do("show_package", package_id=second)["status"], lambda status: status == "verified")
    assert "It was tried, and may be rolled out." in boss.get(f"/packages/{second}").text
    device.inform("1.0")


def test_what_is_said_of_it_is_changed_and_taken_away(v1: Api, boss: Browser, running: dict[str, Any]) -> None:
    made = package(v1, running["product"], "3.0", description="before", note="before")
    fields = {"csrf": boss.csrf(), "do": "PATCH", "name": unique("renamed"), "description": "a\r\n\r\nb", "note": ""}
    assert boss.send(f"/do/packages/{made}", fields).status_code == 303
    shown = v1.do("show_package", package_id=made)
    assert (shown["name"], shown["description"], shown.get("note", "")) == (fields["name"], "a\n\nb", "")
    taken = v1.do("show_package", package_id=running["first"])["name"]
    again = boss.send(f"/do/packages/{made}", fields | {"name": taken}, **{"hx-request": "true"})
    assert again.status_code == 409 and v1.do("show_package", package_id=made)["name"] == fields["name"]


def test_one_is_deleted_with_what_that_touches_told_before(v1: Api, boss: Browser, running: dict[str, Any]) -> None:
    made = package(v1, running["product"], "1.0", verify=False)
    rollout = v1.do("create_rollout", kind="static", package_id=made, product_id=running["product"],
                    targets={"device_names": ["p-2"]})["id"]  # fmt: skip
    told = "2 devices run this version. Nothing changes on them."
    until(lambda: boss.get(f"/packages/{made}").text, lambda text: told in text)
    page = boss.get(f"/packages/{made}")
    assert "A rollout brings it out." in page.text
    fields = {"csrf": boss.csrf(), "do": "DELETE"}
    assert boss.send(f"/do/packages/{made}", fields).status_code == 409
    v1.do("cancel_rollout", rollout_id=rollout)
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["status"], lambda status: status == "canceled")
    done = boss.send(f"/do/packages/{made}", fields, **{"hx-request": "true"})
    assert (done.status_code, done.headers["hx-redirect"]) == (200, "/console/packages?view=all")
    assert boss.get(f"/packages/{made}").status == 404
    entries = v1.do("list_audit", who="user packer", operation="delete_package")["items"]
    assert {each["tongue"] for each in entries} == {"console"}


# --- a file in parts --------------------------------------------------------------------------------------------------


def test_a_file_comes_in_parts_by_the_session_and_is_made_a_package(v1: Api, boss: Browser) -> None:
    image, size = b"0123456789abcdef" * 10_000, 64 * 1024
    upload = scripted(boss, "POST", "/uploads", json.dumps({"size": len(image), "part_size": size}).encode()).json()
    for number in (3, 1):
        part = image[(number - 1) * size : number * size]
        sent = scripted(boss, "PUT", f"/uploads/{upload['id']}/parts/{number}", part)
        assert sent.json()["sha256"] == hashlib.sha256(part).hexdigest()
    lacking = scripted(boss, "POST", f"/uploads/{upload['id']}/complete", b"{}")
    assert lacking.status_code == 409 and "lacks the parts 2" in lacking.json()["detail"]
    shown = scripted(boss, "GET", f"/uploads/{upload['id']}").json()
    assert [part["number"] for part in shown["received"]] == [1, 3]
    scripted(boss, "PUT", f"/uploads/{upload['id']}/parts/2", image[size : 2 * size])
    digest = hashlib.sha256(image).hexdigest()
    scripted(boss, "POST", f"/uploads/{upload['id']}/complete", json.dumps({"sha256": digest}).encode())
    until(lambda: scripted(boss, "GET", f"/uploads/{upload['id']}").json()["status"], lambda got: got == "complete")
    said = {"name": unique("fw"), "version": "9.0", "upload_id": upload["id"], "sha256": digest, "verify": False}
    wrong = scripted(boss, "POST", "/packages", json.dumps(said | {"version": "no version"}).encode())
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["parameter"] == "version"
    made = scripted(boss, "POST", "/packages", json.dumps(said).encode())
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    assert v1.do("show_package", package_id=made.json()["id"])["sha256"] == digest
    entries = v1.do("list_audit", who="user packer", operation="create_package")["items"]
    assert {each["tongue"] for each in entries} == {"console"}


def test_nothing_is_taken_of_another_site_or_of_who_may_not(v1: Api, boss: Browser, viewer: Browser) -> None:
    body = json.dumps({"size": 100}).encode()
    upload = scripted(boss, "POST", "/uploads", body).json()["id"]
    part = f"/uploads/{upload}/parts/1"
    for headers in (
        {"x-upwell-csrf": ""}, {"x-upwell-csrf": "x" * 43}, {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"}, {"x-upwell-csrf": viewer.csrf()},
    ):  # fmt: skip
        for method, path, content in (
            ("POST", "/uploads", body),
            ("PUT", part, b"x" * 100),
            ("DELETE", f"/uploads/{upload}", b""),
        ):
            refused = scripted(boss, method, path, content, headers=headers)
            assert refused.status_code == 403, (headers, path)
            assert refused.headers["content-type"] == "application/problem+json"
    assert scripted(viewer, "POST", "/uploads", body).status_code == 403
    assert scripted(viewer, "PUT", part, b"x" * 100).status_code == 403
    assert scripted(viewer, "GET", f"/uploads/{upload}").json()["received"] == []
    stranger = httpx.put(f"http://{v1.address}/console/v1{part}", content=b"x" * 100)
    assert stranger.status_code == 401 and "hx-redirect" not in stranger.headers
    for method, path in (
        ("DELETE", "/products/x"),
        ("POST", "/users"),
        ("GET", "/audit"),
        ("GET", "/nothing"),
        ("PUT", "/uploads"),
    ):
        assert scripted(boss, method, path, b"{}").status_code in (404, 405), path


def test_a_viewer_sees_packages_and_no_button(v1: Api, viewer: Browser, running: dict[str, Any]) -> None:
    for path in (f"/packages?product_id={running['product']}", f"/packages/{running['second']}"):
        page = viewer.get(path)
        assert page.status == 200 and not [action for action in page.forms if "/do/" in action]
        assert not [link for link in page.links() if "/packages/new" in link]
    assert viewer.get("/packages/new").status == 403
    for fields in ({"do": "DELETE"}, {"do": "PATCH", "name": "mine"}):
        assert viewer.do(f"/packages/{running['second']}", **fields).status_code == 403
    assert v1.do("show_package", package_id=running["second"])["name"] != "mine"


def test_what_is_of_another_account_is_not_there(server: Server, boss: Browser) -> None:
    other = api(server, "console-others")
    product = other.do("create_product", name="theirs")["id"]
    theirs = package(other, product, "1.0")
    assert boss.get(f"/packages/{theirs}").status == 404
    assert boss.do(f"/packages/{theirs}", do="DELETE").status_code == 404
    assert boss.get(f"/packages?product_id={product}").status == 404
    upload = other.do("create_upload", size=10)["id"]
    assert scripted(boss, "PUT", f"/uploads/{upload}/parts/1", b"x" * 10).status_code == 404


def test_a_package_whose_answer_was_lost_is_made_once(v1: Api, boss: Browser) -> None:
    said = {"name": unique("once"), "version": "1.0", "upload_url": v1.upload(IMAGE)}
    key = {"idempotency-key": unique("key-of-a-page")}
    first, again = (scripted(boss, "POST", "/packages", json.dumps(said).encode(), headers=key) for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    other = scripted(boss, "POST", "/packages", json.dumps(said | {"version": "2.0"}).encode(), headers=key)
    assert other.status_code in (409, 422)
