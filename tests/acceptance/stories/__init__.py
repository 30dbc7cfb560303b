"""What users do with the management API, told by Action and wire names, for any of the SDKs in `callers`.

Each story calls the operations in its OPERATIONS and no others; tools/matrix.py reads those tables.
"""

from typing import Protocol

from acceptance.callers import Call
from acceptance.client import Server
from acceptance.stories import fleet, groups, jobs, packages, standing, targets


class Story(Protocol):
    """One of the modules here."""

    OPERATIONS: tuple[str, ...]

    def story(self, call: Call, server: Server) -> None: ...


STORIES: dict[str, Story] = {
    "fleet": fleet,
    "groups": groups,
    "packages": packages,
    "jobs": jobs,
    "standing": standing,
    "targets": targets,
}
