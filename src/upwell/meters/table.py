"""Every metric that `/metrics` tells, a row each; docs/metrics.md is written from these rows, and nothing else is told.

Holds: no label is a device, an account or a text that strangers choose; a rollout is one of the newest that run.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

ROLLOUTS_MAX = 50  # the newest that run have metrics of their own


class Kind(StrEnum):
    """As Prometheus calls it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Of(Enum):
    """How the numbers of several processes become one."""

    EACH = "the sum of all processes"
    MOST = "the largest of all processes"
    LEAST = "the smallest of all processes"
    ALL = "what all processes share, asked by one of them"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it is, and by which labels it is told."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    of: Of = Of.EACH
    bounds: tuple[float, ...] = ()


SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ITEMS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def _counter(name: str, help_: str, *labels: str, of: Of = Of.EACH) -> Metric:
    return Metric(f"upwell_{name}_total", Kind.COUNTER, help_, labels, of)


def _gauge(name: str, help_: str, *labels: str, of: Of = Of.EACH) -> Metric:
    return Metric(f"upwell_{name}", Kind.GAUGE, help_, labels, of)


def _spans(name: str, help_: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> Metric:
    return Metric(f"upwell_{name}", Kind.HISTOGRAM, help_, labels, Of.EACH, bounds)


METRICS = {row.name: row for row in (
    # Owners.
    _counter("requests", "Requests of owners: done, refused or failed", "tongue", "operation", "outcome"),
    _spans("request_seconds", "How long requests of owners took, refused ones too", "tongue", "operation"),
    _counter("request_refusals", "Refused requests of owners by the code that was answered", "tongue", "code"),
    # Devices.
    _gauge("connections", "Connections that are open", "door"),
    _gauge("devices_connected", "Devices that are logged in over MQTT"),
    _counter("connections_refused", "MQTT connections that there was no room for", "reason"),
    _counter(
        "proxied_refusals", "Connections that proxies handed on amiss, or strangers in their place", "door", "reason"
    ),
    _counter("connections_ended", "MQTT connections that ended, by why", "reason"),
    _counter("logins", "Logins of devices: accepted or refused; who polls logs in each time", "face", "outcome"),
    _counter("login_refusals", "Refused logins of devices", "face", "reason"),
    _counter("heard", "What devices said: report, ask or block", "face", "kind"),
    _counter("not_understood", "Messages and requests of devices that were not understood"),
    _counter("offers", "Offers that were told to devices", "face"),
    _counter("acknowledgements", "Offers of which a device acknowledged the delivery", "face"),
    # Downloads.
    _counter("downloads", "Answered downloads: done, a part, or cut", "outcome"),
    _counter("download_bytes", "Bytes of files that were sent to devices by HTTP"),
    _counter("download_resumes", "Downloads that began behind the file's first byte"),
    _counter("download_refusals", "Refused downloads by HTTP status", "status"),
    _counter("object_cache_lookups", "Downloads of S3 objects: hit, joined while it was fetched, or miss", "outcome"),
    _counter("object_cache_fills", "Objects fetched for the cache: done, or why not", "outcome"),
    _gauge("object_cache_bytes", "Bytes of objects that the cache holds", of=Of.MOST),
    # The engine.
    _counter("turns", "Turns of the engine's loops", "loop", "outcome"),
    _counter("turn_seconds", "Seconds that the turns of the engine's loops took", "loop"),
    _gauge("turn_age_seconds", "Seconds since a loop's last turn ended", "loop", of=Of.MOST),
    _gauge("engine_late_seconds", "For how long a part of the engine is overdue; 0 is on time", "part", of=Of.MOST),
    _gauge("lane_depth", "What devices said and what waits to be written", "lane"),
    _gauge("lane_waited_seconds", "For how long something waits and no batch is settled", "lane", of=Of.MOST),
    _spans("batch_items", "How many items one batch had", "lane", bounds=ITEMS),
    _spans("batch_seconds", "How long one batch took until it was settled", "lane"),
    _spans("event_loop_delay_seconds", "By how much the event loop was late to do what was due"),
    # The database.
    _gauge("database_connections", "Connections to PostgreSQL: busy and idle", "pool", "state"),
    _gauge("database_connections_max", "Connections that a pool may have", "pool"),
    _spans("database_wait_seconds", "How long a connection of a pool was waited for", "pool"),
    _spans("database_statement_seconds", "How long statements took", "pool"),
    _counter("statements", "Statements by their names", "statement"),
    _counter("statement_seconds", "Seconds that these statements took", "statement"),
    _gauge("replication_lag_seconds", "How far a standby is behind, as the primary sees it", "standby", of=Of.ALL),
    # The archive.
    _gauge(
        "archive_behind_seconds",
        "How much is lost with the machine now: since when what is committed is not archived", of=Of.ALL,
    ),
    _gauge("archive_base_age_seconds", "Seconds since the archive's newest base was whole", of=Of.ALL),
    _gauge("archive_held_bytes", "Bytes of PostgreSQL's log that the archive did not take yet", of=Of.ALL),
    _counter("archive_files", "Files of PostgreSQL's log that were archived", of=Of.ALL),
    _counter("archive_bases", "Bases that were archived", of=Of.ALL),
    _counter("archive_failures", "Tries to archive that failed", of=Of.ALL),
    _counter("archive_given_up", "Files of the log that were given up, for the archive did not take them", of=Of.ALL),
    # Traces.
    _counter("spans", "Spans of traces: sent to the collector, or dropped for it did not take them in time", "outcome"),
    # Standing.
    _gauge("ready", "1 where the check of /readyz holds, 0 where it does not", "check", of=Of.LEAST),
    _gauge("lease_age_seconds", "Seconds since the lease was kept", of=Of.MOST),
    _counter("lease_lapses", "How often a lease had ended before it was kept"),
    _gauge("disk_free_bytes", "Free bytes of the disk of what this server keeps", "of", of=Of.LEAST),
    _gauge("disk_size_bytes", "Bytes of that disk", "of", of=Of.LEAST),
    _gauge("certificate_expires_timestamp_seconds", "When the certificates expire that are shown", "of", of=Of.LEAST),
    # Rollouts.
    _gauge("rollouts_running", "Rollouts that run", of=Of.ALL),
    _gauge("rollout_tasks", f"Tasks of the {ROLLOUTS_MAX} newest rollouts that run", "rollout", "state", of=Of.ALL),
    _gauge(
        "rollout_standing",
        "1 for how it stands: offering, paused, halted, awaiting_approval, stalled (of its waves) or outside_hours",
        "rollout", "how", of=Of.ALL,
    ),
    _gauge(
        "rollout_held_by_rate",
        "1 while tasks wait and all offers of a minute, its own or those of a limit over it, are given", "rollout",
        of=Of.ALL,
    ),
    # The program.
    _gauge("build_info", "1; which program this is", "version", "python", "schema", of=Of.ALL),
    _gauge("start_timestamp_seconds", "When the process that was asked was started", of=Of.LEAST),
    _gauge("worker_answered", "1 where a process answered in time; else its last counters count", "worker", of=Of.ALL),
    _counter("cpu_seconds", "Seconds of processors that the processes used"),
    _gauge("resident_memory_bytes", "Memory of the processes"),
    _gauge("open_files", "Open files and sockets of the processes"),
)}  # fmt: skip
