"""Whom a refused login concerns, told where they look.

A login that can have meant one device alone is in its timeline, and every one that concerns a single account is listed
for that account. Nobody else's account learns from where somebody tried: one that may have meant devices of several
accounts, or that says neither a device nor a product that there is, is in the log alone.
"""

from upwell.domain.connected import Turned
from upwell.domain.timeline import Kind, Line
from upwell.doors.devices.desk import Desk
from upwell.doors.devices.faces import Names
from upwell.doors.devices.logins import Refused


def tell_refused(desk: Desk, refused: Refused, address: str) -> None:
    """It came from that address."""
    accounts = {facts.account_id for facts in refused.found}
    products = {facts.product_key for facts in refused.found} | (
        {refused.product_key} if refused.product_key else set()
    )
    if len(accounts) <= 1:
        desk.turned_away(
            Turned(
                account_id=next(iter(accounts), None), product_key=products.pop() if len(products) == 1 else "",
                name=refused.name, address=address, vendor=refused.vendor, reason=refused.reason,
            )
        )  # fmt: skip
    if len(refused.found) == 1:
        [facts] = refused.found
        device_id = Names(facts.product_key, facts.name).device_id
        told = Line(device_id=device_id, kind=Kind.REFUSED, what="login", reason=refused.reason, detail=refused.vendor)
        desk.note(told._replace(address=address))
