"""What a process sees of itself, handed in by wiring once it serves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from upwell.domain.commands.server import ServerState

Look = Callable[[], Awaitable[ServerState]]


@dataclass(slots=True)
class Sight:
    """None before it serves, and where a command is run beside a server."""

    look: Look | None = None
