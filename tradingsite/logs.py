"""Log lines: for people or as JSON, one event a line, with the request that they belong to, and without secrets.

Masking is the formatters' last step, so that no caller has to think of it: messages, arguments, exceptions and stacks
pass it alike.
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

# What an event may say beside its message: logger.info(…, extra={"family": …}).
FIELDS = ("family", "state", "method", "path", "status", "milliseconds")


def secrets_of_settings() -> Iterator[str]:
    """What the settings know and no line may show."""
    yield settings.SECRET_KEY
    yield settings.IIFL_APP_SECRET
    yield str(settings.DATABASES["default"].get("PASSWORD") or "")
    yield unquote(urlsplit(settings.REDIS_URL).password or "")


masking.register(secrets_of_settings)


class Failures(logging.Filter):
    """Lets lines pass that carry an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


class TextFormatter(logging.Formatter):
    """`2026-01-05 10:02:11,417 WARNING broker: …`, with the request's id at the end."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        line, newline, rest = super().format(_sound(record)).partition("\n")
        asked = f" [{request_id.get()}]" if request_id.get() else ""
        return masking.masked(line + asked + newline + rest)


class JSONFormatter(logging.Formatter):
    """An object a line. Strings are masked before they are encoded, so that a secret is found as it is."""

    def format(self, record: logging.LogRecord) -> str:
        record = _sound(record)
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, ZoneInfo(settings.TIME_ZONE)).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get() or None,
            **{name: getattr(record, name, None) for name in FIELDS},
            "exception": self.formatException(record.exc_info) if record.exc_info else record.exc_text,
            "stack": self.formatStack(record.stack_info) if record.stack_info else None,
        }
        return json.dumps({name: _masked(value) for name, value in event.items() if value is not None})


def _masked(value: object) -> object:
    return value if isinstance(value, int | float) else masking.masked(str(value))


def _sound(record: logging.LogRecord) -> logging.LogRecord:
    """A copy whose message is made already: logging itself would print arguments that do not fit, secrets and all."""
    try:
        message = record.getMessage()
    except Exception:
        # Whatever an argument raises when it is to be shown: the event itself is not to be lost for it.
        message = f"{str(record.msg).replace('%%', '%')} (its arguments do not fit)"
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg, copy.args = message, None
    if copy.exc_info:
        copy.exc_text = None  # another formatter's, if any
    return copy
