"""The short set, in every `make test`: one signs in, and sees a page that is right for scripts and policy change."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from acceptance.upwell_client import Api
from console.conftest import Visit, listening


def test_one_signs_in_and_sees_a_rollout_change_while_looking(v1: Api, fleet: dict[str, Any], visit: Visit) -> None:
    page = visit("/")
    with listening(page) as said:
        page.goto(page.url)
        expect(page.locator("h1")).to_have_text("Home")
        page.goto(f"{page.url}rollouts/{fleet['rollout']}")
        expect(page.locator(".acts")).to_contain_text("Pause")
        v1.do("pause_rollout", rollout_id=fleet["rollout"], reason="while one looks")
        expect(page.locator(".note")).to_contain_text("while one looks")
        v1.do("resume_rollout", rollout_id=fleet["rollout"])
        expect(page.locator(".note")).to_have_count(0)
        expect(page.locator("#offline")).to_be_hidden()
    assert said == []


def test_times_are_local_with_their_zone(fleet: dict[str, Any], visit: Visit) -> None:
    page = visit(f"/devices/{fleet['device']}")
    first = page.locator(".timeline time").first
    expect(first).to_have_attribute("title", re.compile("GMT\\+8|China Standard Time|CST"))
    expect(first).to_have_text(re.compile("ago|now"))


@pytest.mark.parametrize("dark", [False, True])
def test_home_has_no_serious_fault_for_who_can_not_see_it_all(
    axe: str, fleet: dict[str, Any], visit: Visit, dark: bool
) -> None:
    from console.accessibility import faults

    assert faults(visit("/", dark=dark), axe) == []
