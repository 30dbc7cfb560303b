"""What the state of a package's verification forbids, and what its owner does about it (alibaba 7.1, tuya 2.3).

A verify job without devices is never over by itself: until another verify job succeeds on a device, or it is cancelled,
the package stays `verifying`. Whoever is refused for that is told so, for nothing else shows it.
"""

from upwell.domain.errors import Conflict

OFFERED = ("verified", "exempt")

_END_IT = "a verify job without devices ends when another one succeeds on a device, or when it is cancelled"
_DO_FIRST = {
    "unverified": "verify it with a device first",
    "failed": "verify it again with a device first",
    "verifying": f"wait for its verify job, verify it with a device, or cancel that job; {_END_IT}",
}


def require_verified(status: str) -> None:
    """A package may be offered to devices. Raises Conflict package_not_verified."""
    if status not in OFFERED:
        raise Conflict("package_not_verified", f"The package is {status}; {_DO_FIRST[status]}.")


def require_unverified(status: str, *, on_devices: bool = True) -> None:
    """A verification may begin; `on_devices` says whether one that runs has devices to try. Raises Conflict
    package_is_verified, package_is_verifying."""
    if status in OFFERED:
        raise Conflict("package_is_verified", f"The package is {status} and needs no verification.")
    if status == "verifying" and on_devices:
        problem = "The package is verifying with other devices; wait for that verify job, or cancel its tasks."
        raise Conflict("package_is_verifying", problem)
