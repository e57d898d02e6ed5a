"""Log lines as text or JSON, one event a line, with the id of the request and without secrets.

Masking is the formatters' last step, so that no caller has to think of it: it covers messages, arguments, exceptions
and stacks alike.
"""

import json
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings

from systemcache import masking

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What is written as a backslash and its code.
_CONTROL = (*range(0x20), *range(0x7F, 0xA0))
_SEPARATORS = (0x2028, 0x2029)  # of lines and paragraphs
_DIRECTIONS = (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # they rearrange what is shown
ESCAPED = {code: repr(chr(code))[1:-1] for code in (*_CONTROL, *_SEPARATORS, *_DIRECTIONS)}

# Fields that an event may have besides its message: logger.info(…, extra={"family": …}).
FIELDS = ("family", "state", "address", "method", "path", "status", "milliseconds", "trace_id")
# Where request.META has the id of a request's trace. Names of headers begin with HTTP_ there.
TRACE_ID = "tradingsite.trace_id"


def secrets_of_settings() -> Iterator[str]:
    """The secrets in the settings."""
    yield settings.SECRET_KEY
    yield settings.IIFL_APP_SECRET
    yield str(settings.DATABASES["default"].get("PASSWORD") or "")
    yield unquote(urlsplit(settings.REDIS_URL).password or "")
    yield settings.REDIS_SENTINEL_PASSWORD
    for header in settings.OTEL_EXPORTER_OTLP_HEADERS.split(","):
        value = unquote(header.partition("=")[2]).strip()
        yield value
        yield value.rpartition(" ")[2]  # of `Bearer …`


masking.register(secrets_of_settings)


class HasException(logging.Filter):
    """Passes only records that carry an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


class RefusedHost(logging.Filter):
    """Makes one line of Django's traceback about a Host header, and names the variable rather than Django's setting."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        host = request.META.get("HTTP_HOST", "") if request else ""
        record.msg = "refused a request for host %.100r: DJANGO_ALLOWED_HOSTS does not name it"
        record.args, record.exc_info = (host,), None
        return True


class ExportFailures(logging.Filter):
    """Passes one line a minute of those that OpenTelemetry logs for each try while the collector is away."""

    INTERVAL = 60.0  # seconds

    def __init__(self) -> None:
        super().__init__()
        self._silent_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.created < self._silent_until:
            return False
        self._silent_until = record.created + self.INTERVAL
        record.msg, record.args = "traces are not exported; the oldest are dropped: %s", (record.getMessage(),)
        return True


class TextFormatter(logging.Formatter):
    """`2026-01-05 10:02:11,417 WARNING broker: …`, with the request's id at the end, tracebacks indented below.

    Messages quote text from callers. Without control characters it can neither begin a line that looks like another
    event, nor control the terminal that shows the log.
    """

    def format(self, record: logging.LogRecord) -> str:
        record = _preformatted(record)
        message = masking.mask_secrets(record.getMessage()).translate(ESCAPED)
        suffix = f" [{request_id.get()}]" if request_id.get() else ""
        lines = [f"{self.formatTime(record)} {record.levelname} {record.name}: {message}{suffix}"]
        for below in _below(self, record).values():
            lines += [line.translate(ESCAPED) for line in masking.mask_secrets(below).split("\n")]
        return "\n  ".join(lines)


class JSONFormatter(logging.Formatter):
    """One object a line. Strings are masked before they are encoded, because encoding could hide a secret."""

    def format(self, record: logging.LogRecord) -> str:
        record = _preformatted(record)
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, ZoneInfo(settings.TIME_ZONE)).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get() or None,
            **{name: getattr(record, name, None) for name in FIELDS},
            **_below(self, record),
        }
        return json.dumps({name: _masked(value) for name, value in event.items() if value is not None})


def _below(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    """The texts of an event's exception and stack, if it has them."""
    exception = formatter.formatException(record.exc_info) if record.exc_info else record.exc_text
    stack = formatter.formatStack(record.stack_info) if record.stack_info else None
    return {name: text for name, text in (("exception", exception), ("stack", stack)) if text}


def _masked(value: object) -> object:
    return value if isinstance(value, int | float) else masking.mask_secrets(str(value))


def _preformatted(record: logging.LogRecord) -> logging.LogRecord:
    """A copy with a formatted message, because on a formatting error logging itself would print the raw arguments."""
    try:
        message = record.getMessage()
    except Exception:
        # An argument's __str__ may raise anything, and the event itself must not be lost.
        message = f"{str(record.msg).replace('%%', '%')} (its arguments do not fit)"
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg, copy.args = message, None
    if copy.exc_info:
        copy.exc_text = None  # may be another formatter's
    return copy
