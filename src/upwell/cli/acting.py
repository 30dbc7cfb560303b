"""What whoever runs a command on the server's machine changes, with its entry in the audit: it is the user of the
system that asks, from here."""

import os
import pwd
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from upwell.service.context import Context
from upwell.service.manage.audit import LOCAL, NO_ACCOUNT, Asker, acted

T = TypeVar("T")
TONGUE = "cli"


def acting(
    operation: str, what: Mapping[str, object], use: Callable[[Context], Awaitable[T]],
    *, account_id: int = NO_ACCOUNT, held: bool = True,
) -> Callable[[Context], Awaitable[T]]:  # fmt: skip
    """The same use, written down, about these things; without `account_id` its result says whose. What is not `held` by
    a transaction is written down before it is done."""
    asker = Asker(
        who=f"{LOCAL} {_user()}",
        tongue=TONGUE,
        address=LOCAL,
        operation=operation,
        request_id="",
        account_id=account_id,
    )
    return lambda ctx: acted(ctx, asker, what, use, held=held)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need have no name
        return str(os.getuid())
