"""No text from outside costs more time than its length is worth: twice the text, about twice the time."""

import importlib
import io
import itertools
import logging
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field

from broker.api.order_serializers import IdempotencyKeyField, PlaceOrderSerializer
from broker.api.serializers import SymbolField
from broker.csv_rows import MalformedRow, cells
from broker.iifl.mapping import order_words
from systemcache import masking
from tradingsite import logs

APPS = ("tradingsite", "dashboard", "alerts", "watchlist", "broker", "systemcache")
# The simulator reads what this site sends, and management commands what their user types.
OUR_OWN = ("broker.simulator", "tradingsite.settings")
SEARCHED = ("tradingsite.error_pages.SECRET_NAME", "systemcache.keys.FIELD", "broker.iifl.mapping.fields.DAY", "mask")
LENGTH = 4_000  # characters
STARTS = ("", "₹", "Rs.", "cookie:", 'password="', "token ", "a://b:", "?code=", "01-", '"', "authorization: ")
PIECES = (
    *(" ", "a", "-", "_", "a-", "a.", "a_", "1", "1,", "11,", ".", '"', "'", 'a"', '""', "e", "A ", "by ", "aB"),
    *("eyJaaaaa-", "eyJaaaaa.", "token ", "token_", "token=", "secret", "://", "a://", "a://b:", "0123abcdef-", "₹ "),
)
FREEZING = "eyJaaaaa-"
ENDS = ("!", '"')


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled pattern that a module keeps."""
    for app in APPS:
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if module.name.startswith(OUR_OWN) or ".management." in module.name or ".migrations" in module.name:
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value
    for number, pattern in enumerate(masking.PATTERNS, 1):
        yield f"mask {number}", pattern


def checked_by(field: Field) -> Callable[[str], object]:  # type: ignore[type-arg]  # any field
    def check(text: str) -> None:
        with suppress(ValidationError):
            field.run_validation(text)

    return check


def split(text: str) -> None:
    with suppress(MalformedRow):
        cells(text)


def encoded(read: Callable[[bytes], object]) -> Callable[[str], object]:
    return lambda text: read(text.encode())


def readers() -> dict[str, Callable[[str], object]]:
    found: dict[str, Callable[[str], object]] = {
        "a row of a CSV file": split,
        "the state of an order": order_words.order_status,
        "the type of an order": order_words.order_type,
        "a symbol": checked_by(SymbolField()),
        "an idempotency key": checked_by(IdempotencyKeyField()),
        "an order's tag": checked_by(PlaceOrderSerializer().fields["tag"]),
    }
    for name, pattern in patterns():
        match = pattern.search if name.startswith(SEARCHED) else pattern.fullmatch
        found[name] = encoded(match) if isinstance(pattern.pattern, bytes) else match
    return found


READERS = readers()


def cpu_seconds(read: Callable[[str], object], text: str) -> float:
    """The least of three: what else runs on the machine can only lengthen it."""
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        read(text)
        seconds.append(time.thread_time() - started)
    return min(seconds)


def growth(read: Callable[[str], object], start: str, piece: str, end: str) -> float:
    """How many times as long twice the text takes; 1 where neither takes a noticeable time."""
    text = start + piece * (LENGTH // len(piece)) + end
    started = time.thread_time()
    read(text)
    if time.thread_time() - started < 0.002:
        return 1.0
    longer = start + piece * (2 * LENGTH // len(piece)) + end
    return cpu_seconds(read, longer) / max(cpu_seconds(read, text), 0.001)


@pytest.mark.parametrize("name", READERS)
def test_twice_the_text_takes_about_twice_the_time(name: str) -> None:
    for start, piece, end in itertools.product(STARTS, PIECES, ENDS):
        # What else runs on the machine may lengthen one of the two times, but not always the longer one.
        tries = (growth(READERS[name], start, piece, end) < 3 for _ in range(5))
        assert any(tries), f"{start!r} + n * {piece!r} + {end!r} takes much more than twice the time"


def test_this_test_recognizes_a_pattern_whose_time_grows_with_the_square() -> None:
    slow = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){1,2}")
    assert growth(slow.search, "", FREEZING, "!") > 3


# --- the review's requests -----------------------------------------------------------------------------------


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the site writes, as text, and as JSON with a line for each request."""
    stream = io.StringIO()
    handlers = []
    for formatter in (logs.TextFormatter(), logs.JSONFormatter()):
        handlers.append(handler := logging.StreamHandler(stream))
        handler.setFormatter(formatter)
    loggers = [logging.getLogger(name) for name in ("django", "tradingsite", "tradingsite.access")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
    for logger in loggers[:2]:
        for handler in handlers:
            logger.addHandler(handler)
    yield stream
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        for handler in handlers:
            logger.removeHandler(handler)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"Host": FREEZING * 50_000}, 400),
        ("/admin/login/", {"Host": "testserver", "Origin": FREEZING * 50_000, "Cookie": "csrftoken=" + 32 * "x"}, 403),
        ("/" + FREEZING * 50_000, {"Host": "testserver"}, 404),
    ],
    ids=["Host", "Origin", "path"],
)
def test_a_request_of_half_a_megabyte_is_answered_at_once_and_leaves_a_short_line(
    log: io.StringIO, path: str, headers: dict[str, str], status: int
) -> None:
    client = Client(enforce_csrf_checks=True)
    started = time.thread_time()
    answer = client.post(path, headers=headers) if status == 403 else client.get(path, headers=headers)
    assert time.thread_time() - started < 5  # it was minutes, and half an hour for the Host
    assert answer.status_code == status
    assert log.getvalue()
    assert max(map(len, log.getvalue().splitlines())) < 3 * masking.MAX_LINE


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    lines = [f"line {number} " + "x " * 500 for number in range(1000)]
    masked = masking.mask_secrets("\n".join(lines))
    assert len(masked) < masking.MAX_TEXT + 100
    assert masked.startswith("line 0 ")
    assert masked.splitlines()[-1].startswith("line 999 ")
    assert "lines left out" in masked


@pytest.mark.parametrize("before", range(masking.MAX_LINE - 80, masking.MAX_LINE + 1, 7))
@pytest.mark.parametrize("filling", ["x", "x "])
def test_no_half_of_a_secret_stays_where_a_line_is_cut(before: int, filling: str) -> None:
    known = "session-" + "0zq" * 12
    masking.remember(known)
    digest = "0123456789abcdef" * 4
    for secret in (known, digest, f"redis://user:{known}-too@host"):
        line = (filling * before)[:before] + " " + secret + " " + "y" * 500
        masked = masking.mask_secrets(line)
        assert known[:12] not in masked
        assert digest[:8] not in masked
