"""How Huawei words the life of an upgrade (huawei 3.6, 3.7, 5.5): the core's standings, progress and tallies out, the
result codes of devices in. The life itself is `domain.standings`'s and `domain.task`'s.
"""

from typing import Literal

from upwell.domain.standings import Progress, Standing, Tally

Outcome = Literal["fine", "already", "failed"]

# huawei 3.6: `Waitting` has two t
TASK_STATUS = {
    Progress.RESOLVING: "Initializing",
    Progress.WAITING: "Waitting",
    Progress.RUNNING: "Processing",
    Progress.SUCCEEDED: "Success",
    Progress.FAILED: "Fail",
    Progress.PARTLY: "PartialSuccess",
    Progress.STOPPED: "Stopped",
    Progress.STOPPING: "Stopping",
}
SUBTASK_STATUS = {
    Standing.WAITING: "Waitting",
    Standing.RUNNING: "Processing",
    Standing.SUCCEEDED: "Success",
    Standing.FAILED: "Fail",
    Standing.WAIT_RETRY: "FailWaitRetry",
    Standing.STOPPED: "Stopped",
    Standing.REMOVED: "Removed",
}
PROGRESS_OF = {text: progress for progress, text in TASK_STATUS.items()}
STANDING_OF = {text: standing for standing, text in SUBTASK_STATUS.items()}

# huawei 5.5: result_code -> what came of it, and the word that failures are grouped by
RESULT_CODES: dict[int, tuple[Outcome, str]] = {
    0: ("fine", ""),
    1: ("failed", "in_use"),
    2: ("failed", "download_failed"),
    3: ("already", "not_needed"),
    4: ("failed", "low_battery"),
    5: ("failed", "no_space"),
    6: ("failed", "download_failed"),
    7: ("failed", "verification_failed"),
    8: ("failed", "package_type_unknown"),
    9: ("failed", "no_memory"),
    10: ("failed", "upgrade_failed"),
    255: ("failed", "device_internal"),
}
_OTHER_CODE: tuple[Outcome, str] = ("failed", "upgrade_failed")  # huawei 5.5: a failure, whatever the number


def outcome(result_code: int) -> tuple[Outcome, str]:
    """What a device's result code says, and the reason it stands for."""
    return RESULT_CODES.get(result_code, _OTHER_CODE)


def task_progress(tally: Tally) -> dict[str, int]:
    """The counters of a task (huawei 3.7): the names are lower case, `waitting` has two t here too."""
    return {
        "total": tally.total,
        "processing": tally.running,
        "success": tally.succeeded,
        "fail": tally.failed,
        "waitting": tally.waiting,
        "fail_wait_retry": tally.wait_retry,
        "stopped": tally.stopped,
        "removed": tally.removed,
    }
