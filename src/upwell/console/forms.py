"""Forms that were sent: what each asks for, whose page it is of, and what that page shows when it comes again.

Holds: a form with a key is done once, however often it is sent; where no script is, the page of a form that is refused
comes again as it was filled, with what is wrong at its field.
"""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256

from upwell.console import acts, making
from upwell.console.acts import Act
from upwell.console.asking import V1, Members
from upwell.console.fields import Fields
from upwell.console.headers import ROOT
from upwell.console.pages import PAGES
from upwell.dialects.rest import RestRequest, Route
from upwell.dialects.upwell import management
from upwell.dialects.upwell.rows import Row
from upwell.domain.errors import Invalid, Reused
from upwell.doors.management.tongue import Promise
from upwell.service.manage.access import Caller
from upwell.service.manage.kept_answers import is_final

MEANWHILE_MAX = 3
_KEY = re.compile(r"[0-9A-Za-z-]{16,64}")


@dataclass(slots=True)
class Sent:
    """One form. `shown` is what its page reads, of one that has a page and was sent without a script; `meanwhile` what
    was decided of its rollout since it was drawn."""

    found: Route[Row]
    fields: Fields
    is_scripted: bool
    shown: Members | None = None
    asked: list[str] = field(default_factory=list)
    caller: Caller | None = None
    meanwhile: list[Members] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def operation(self) -> Row:
        return self.found.operation

    @property
    def act(self) -> Act:
        return acts.ACTS[self.found.name]

    def who(self) -> Caller:
        """Who sent it, where its page was read."""
        assert self.caller is not None  # noqa: S101  # `read_page` knows both
        return self.caller

    def leads_to(self, told: Members) -> str:
        """The page of what it made, or that is left where its own is gone; none where the one that asked stays."""
        return f"{ROOT}{self.act.goes_to.format_map(told)}" if self.act.goes_to else ""

    def retarget(self) -> dict[str, str]:
        """Where what was done is told: beside the page, whatever dialog asked and closes."""
        return {"hx-retarget": "#told"} if self.act.told == "told.html" else {}

    def wrong(self, problem: Members, error: Exception) -> Members:
        """The field that it is about, none where it is about the whole; and the key under which it is sent again: what
        was refused for good is another request when it is sent again."""
        parameter = next((each["parameter"] for each in problem.get("errors", ())), "")
        key = self.fields.get(making.ONCE, "")
        if isinstance(error, Reused) or (self.act.once and is_final(error)):
            key = making.fresh_key()
        return {"wrong_at": making.field_at(parameter, self.fields) if parameter else "", "once": key}


def sent(request: RestRequest, found: Route[Row], fields: Fields) -> Sent:
    """The form of a request."""
    return Sent(found, fields, is_scripted(request))


def is_scripted(request: RestRequest) -> bool:
    """Whether a script of the page asks, which shows what is told in it."""
    return "hx-request" in request.headers


async def read_page(form: Sent, v1: V1) -> None:
    """What its page shows, so that it can come again; and what somebody else decided meanwhile, so that it is told.
    Raises UpwellError."""
    seen = form.fields.get(acts.SEEN_FIELD, "")
    if seen.isascii() and seen.isdecimal() and "rollout_id" in form.found.ids:
        told = await v1.maybe("/rollouts/{}/decisions", form.found.ids["rollout_id"], limit=MEANWHILE_MAX)
        form.meanwhile = [each for each in (told or {}).get("items", ()) if each["number"] > int(seen[:9])]
    if not form.act.page or form.is_scripted:
        return
    form.shown = await PAGES[form.act.page].read(v1, {}, form.fields)
    form.asked, form.caller = v1.asked, v1.caller


def editions(form: Sent) -> frozenset[str] | None:
    """Those of the thing to one of which it is done; None for any."""
    shown = form.fields.get(acts.EDITION_FIELD, "")
    return frozenset((shown,)) if shown and management.is_conditional(form.operation) else None


def promise(form: Sent, token: str) -> Promise | None:
    """That a form with a key is done once. Raises Invalid."""
    if not form.act.once:
        return None
    key = form.fields.get(making.ONCE, "")
    if not _KEY.fullmatch(key):
        raise Invalid(making.ONCE, "the key of the form", "open the page again, and send it from there")
    said = json.dumps([acts.body_of(form.found, form.fields), form.is_scripted], sort_keys=True)
    return Promise(key=key, name=f"console\0{form.name}", asked=sha256(said.encode()).digest(), token=token)
