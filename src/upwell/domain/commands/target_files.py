"""Uploaded lists of a job's targets: what may be asked of them, and what is told."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFile:
    """An uploaded list; kept for an hour."""

    file_id: str
    name: str
    uploaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTargetFiles:
    """→ tuple[TargetFile, ...], newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTargetFile:
    """→ Done."""

    file_id: str
