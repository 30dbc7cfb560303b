"""A log in a file that others may move away: `reopen` goes on in a new one under the same name."""

import logging
from pathlib import Path

from upwell.domain.errors import UpwellError

log = logging.getLogger(__name__)


class LogFile(logging.FileHandler):
    """Appends to the file."""

    def __init__(self, path: Path) -> None:
        """Raises UpwellError for a file that can't be written."""
        self._path = path
        try:
            super().__init__(path, encoding="utf-8")
        except OSError as exc:
            raise UpwellError(f"setting log_file = {str(path)!r}: can't be written: {exc.strerror}") from exc

    def reopen(self) -> None:
        """From the next line on, write to the file that has the name now. When that can't be had, the old one is kept
        and told why."""
        try:
            fresh = self._open()
        except OSError as exc:
            log.error("the log can't be reopened, it goes on where it was: %s: %s", self._path, exc.strerror)
            return
        former = self.setStream(fresh)
        if former is not None:
            former.close()
