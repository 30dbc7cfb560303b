"""Quotas of an account: how much it may have, as the machine's operator says."""

from typing import Literal, get_args

from upwell.domain.errors import TooMany

Resource = Literal["devices", "packages", "bytes", "running_jobs"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
Quota = Literal[Resource, "requests_per_s"]
QUOTAS: tuple[Quota, ...] = (*RESOURCES, "requests_per_s")
_FREED = {
    "devices": "delete devices",
    "packages": "delete packages",
    "bytes": "delete packages",
    "running_jobs": "end a rollout or wait for its end",
}


class OverQuota(TooMany):
    """The account's quota of something is used up. `needed` is how many there would have been."""

    def __init__(self, what: Resource, limit: int, needed: int) -> None:
        super().__init__(what.replace("_", " "), limit)
        self.needed = needed
        self.problem = (
            f"The account's quota is {limit} {self.what}, and this would make it {needed}: {_FREED[what]}, or ask "
            "the server's operator for more (`upwell quota set`)."
        )
        self.args = (self.problem,)


class OverRequests(TooMany):
    """The account has asked as often in this second as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__("requests", limit)
        self.problem = (
            f"The account's quota is {limit} requests a second: ask again a second later, or ask the server's operator "
            "for more (`upwell quota set`)."
        )
        self.args = (self.problem,)


def is_over(limit: int | None, used: int) -> bool:
    """Whether so many are more than there may be."""
    return limit is not None and used > limit
