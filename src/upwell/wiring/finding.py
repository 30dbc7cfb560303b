"""What `upwell doctor` tells of one thing."""

from dataclasses import dataclass
from typing import Literal

Grade = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one thing, and what to do where that is not well."""

    about: str
    grade: Grade
    fact: str
    do: str = ""
