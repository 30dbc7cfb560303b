"""How the server's log is written: one line for each event, as text or as a JSON object, and a bounded number of them.

Strangers can make the server say something as fast as they can connect. So of what one address or device makes it say
only so much is written in a span, and of all of them together; how much was left out is written at the span's end. What
is an error of ours, and what owners do, is always written.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from upwell.config import Settings
from upwell.meters.tracing import trace_id
from upwell.service.journal import fields_of, host_of, one_line

SPAN_S = 10.0
LINES_EACH_MAX = 50  # in a span, about one address or device
LINES_ALL_MAX = 500  # in a span, about all of them: 50 a second, some 800 MB a day at worst
LINE_CHARS_MAX = 4000  # of a message


def set_up_logging(settings: Settings, handler: logging.Handler) -> None:
    """From now on the whole program logs to the handler as the settings say."""
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    handler.addFilter(Bounded(handler))
    logging.basicConfig(level=settings.log, handlers=[handler])
    logging.getLogger("asyncpg").setLevel(logging.ERROR)  # it tells each try to connect anew; we tell that ourselves
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # as it does of the collector; that too
    logging.getLogger("urllib3").setLevel(logging.INFO)  # it tells each request to the collector


class TextLines(logging.Formatter):
    """`2026-11-28 17:12:01,123 INFO message`; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # the library's name
        """The line itself: nothing that a message quotes begins another."""
        record.message = one_line(record.message[:LINE_CHARS_MAX]) + (f" trace_id={of}" if (of := trace_id()) else "")
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, the event's own fields, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": str(getattr(record, "event", None) or record.getMessage())[:LINE_CHARS_MAX],
        }
        told |= {name: value for name, value in fields_of(record).items() if name not in told}
        if of := trace_id():
            told["trace_id"] = of
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True)


class Bounded(logging.Filter):
    """Passes at most LINES_EACH_MAX and LINES_ALL_MAX records in a span, and says how many it did not."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._ends_at = float("-inf")
        self._passed: Counter[str] = Counter()
        self._passed_lines = 0
        self._left_out: Counter[str] = Counter()  # of some of them
        self._left_out_lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        whose = _whose(record)
        if whose is None or (record.levelno >= logging.ERROR and record.name.startswith("upwell")):
            return True
        if time.monotonic() >= self._ends_at:
            self._turn()
        if self._passed[whose] < LINES_EACH_MAX and self._passed_lines < LINES_ALL_MAX:
            self._passed[whose] += 1
            self._passed_lines += 1
            return True
        if not self._left_out_lines:
            self._turn_later()
        self._left_out_lines += 1
        if whose in self._left_out or len(self._left_out) < LINES_ALL_MAX:
            self._left_out[whose] += 1
        return False

    def _turn(self) -> None:
        """A new span begins; what the last one left out is told."""
        left_out, self._left_out = self._left_out, Counter()
        count, self._left_out_lines = self._left_out_lines, 0
        self._passed.clear()
        self._passed_lines = 0
        self._ends_at = time.monotonic() + SPAN_S
        if count:
            whose, most = left_out.most_common(1)[0]
            text = f"suppressed {count} lines about peers and devices; the most, {most}, about {whose}"
            self._handler.handle(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, None, None))

    def _turn_later(self) -> None:
        """So that the count is told although nobody says anything more."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(max(0.0, self._ends_at - time.monotonic()), self._turn)


def _whose(record: logging.LogRecord) -> str | None:
    """Whose doing the record is about; a library's own word about strangers names none, and counts by its logger."""
    fields = fields_of(record)
    if "device" in fields:
        return str(fields["device"])
    if "peer" in fields:
        return host_of(str(fields["peer"]))
    return None if record.name.startswith("upwell") else record.name
