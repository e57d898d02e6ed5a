"""The log: text or JSON, with the request's id, and never with a secret, whichever way one comes."""

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker.iifl.session import TokenStore
from broker.simulator import Simulator
from systemcache import masking, process_state
from tradingsite import logs

SESSION = "q7Rk-session-of-today-9"
AUTH_CODE = "HJQWEU72"
APP_SECRET = "app secret/with ünusual & signs"
DATABASE_PASSWORD = "d4tabase-password"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJ1c2VyIjoiMSJ9.c2lnbmF0dXJl"
API_TOKEN = "Jx7_kQ2bR9-short"


@pytest.fixture
def known(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IIFL_APP_SECRET = APP_SECRET
    settings.REDIS_URL = "redis://:r3dis-password@127.0.0.1:1/0"
    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", DATABASE_PASSWORD)
    masking.remember(SESSION)


@pytest.fixture(params=[logs.TextFormatter, logs.JSONFormatter], ids=["text", "json"])
def log(request: pytest.FixtureRequest) -> tuple[logging.Logger, io.StringIO]:
    logger, stream = logging.Logger("tested"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param())
    logger.addHandler(handler)
    return logger, stream


SECRETS = {
    "the session's token": f"the broker ended {SESSION} early",
    "the app's secret": f"checksum of {APP_SECRET}",
    "the secret in an address": "POST /x?app=app%20secret%2Fwith%20%C3%BCnusual%20%26%20signs",
    "the secret in a form": "app=app+secret%2Fwith+%C3%BCnusual+%26+signs",
    "Django's key": f"signed with {django_settings.SECRET_KEY}",
    "a database's password": f"cannot connect with {DATABASE_PASSWORD}",
    "an address's password": "redis://user:hidden-one@127.0.0.1:6379/0",
    "a header": f"Authorization: Token {API_TOKEN}",
    "headers as a dict": repr({"Authorization": f"Bearer {API_TOKEN}", "Accept": "*/*"}),
    "headers of WSGI": repr({"HTTP_AUTHORIZATION": f"Token {API_TOKEN}"}),
    "headers as pairs": repr([("Authorization", f"Token {API_TOKEN}")]),
    "headers as bytes": repr({b"Authorization": f"Token {API_TOKEN}".encode()}),
    "a cookie": f"Cookie: sessionid={API_TOKEN}; csrftoken=hidden-one",
    "a bearer": f"sent bearer {API_TOKEN}",
    "an auth code": f"callback?authcode={AUTH_CODE}&clientid=SIM0001",
    "an auth code as JSON": json.dumps({"authCode": AUTH_CODE}),
    "a user session": json.dumps({"userSession": API_TOKEN}),
    "a checksum": f"checksum={'0123456789abcdef' * 4}",
    "a checksum alone": f"sent {'0123456789abcdef' * 4} to the broker",
    "a password": f"password='{API_TOKEN}'",
    "a JWT": f"got {JWT} back",
}
HIDDEN = (
    *(SESSION, AUTH_CODE, APP_SECRET, DATABASE_PASSWORD, JWT, API_TOKEN, "hidden-one", "0123456789abcdef"),
    *("app%20secret", "app+secret", "r3dis-password", str(django_settings.SECRET_KEY)),
)


def assert_hidden(written: str) -> None:
    assert masking.MASK in written
    assert [secret for secret in HIDDEN if secret in written or json.dumps(secret)[1:-1] in written] == []


class Leaky(Exception):
    """Its text quotes what was sent."""


def as_message(logger: logging.Logger, text: str) -> None:
    logger.warning(text)


def as_argument(logger: logging.Logger, text: str) -> None:
    logger.warning("it said %s", text)


def as_arguments_by_name(logger: logging.Logger, text: str) -> None:
    logger.warning("it said %(what)s", {"what": text})


def as_object(logger: logging.Logger, text: str) -> None:
    logger.warning("it said %s", Leaky(text))


def as_exception(logger: logging.Logger, text: str) -> None:
    try:
        raise Leaky(text)
    except Leaky:
        logger.exception("failed")


def as_cause(logger: logging.Logger, text: str) -> None:
    try:
        try:
            raise Leaky(text)
        except Leaky as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        logger.exception("failed")


def as_notes(logger: logging.Logger, text: str) -> None:
    error = RuntimeError("outer")
    error.add_note(text)
    logger.warning("failed", exc_info=error)


def as_text_of_an_exception(logger: logging.Logger, text: str) -> None:
    record = logger.makeRecord(logger.name, logging.WARNING, __file__, 1, "failed", (), None)
    record.exc_text = text
    logger.handle(record)


def as_stack(logger: logging.Logger, text: str) -> None:
    record = logger.makeRecord(logger.name, logging.WARNING, __file__, 1, "failed", (), None, sinfo=text)
    logger.handle(record)


def as_arguments_that_do_not_fit(logger: logging.Logger, text: str) -> None:
    logger.warning(f"{text} %d", "no number")


def as_field(logger: logging.Logger, text: str) -> None:
    logger.warning("failed", extra={"path": text, "state": text, "family": text})


PATHS = (
    *(as_message, as_argument, as_arguments_by_name, as_object, as_exception, as_cause, as_notes),
    *(as_text_of_an_exception, as_stack, as_arguments_that_do_not_fit, as_field),
)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_no_secret_is_written_whichever_way_it_comes(
    log: tuple[logging.Logger, io.StringIO],
    path: Callable[[logging.Logger, str], None],
    secret: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger, stream = log
    path(logger, SECRETS[secret].replace("%", "%%") if path is as_arguments_that_do_not_fit else SECRETS[secret])
    written = stream.getvalue()
    assert written.count("\n") >= 1
    if path is not as_field or written.startswith("{"):  # text lines have no fields
        assert_hidden(written)
    assert capsys.readouterr().err == ""  # logging's own complaint would quote it


@pytest.mark.parametrize(
    "text",
    [
        "broker: holdings failed and is asked once more: The broker did not answer within 15 seconds.",
        "cache: serving api:candles:RELIANCE:1d:2021-12-01:2021-12-31 stale, its source failed: status 500",
        "cache: Asha cleared 12 keys of tag candles:RELIANCE in 0.012 s",
        "The broker has ended the session",
        "error code: 500 at redis://127.0.0.1:6379/0",
        "broker_busy: The broker is busy. Try again in 3 s.",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert masking.mask_secrets(text) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", ["a.", "a_", "a-", "token ", "'", "e", "://", "secret"])
def test_a_long_line_takes_no_longer_than_it_should(part: str) -> None:
    assert masking.mask_secrets(part * 100_000)


def test_the_days_session_is_known_once_it_is_used(db: None) -> None:
    TokenStore().save("session-of-another-day")
    assert masking.mask_secrets("session-of-another-day") == masking.MASK


def test_what_is_given_as_a_logins_code_is_masked_during_that_login_and_not_ever_after() -> None:
    """Or anybody who follows the broker's redirect could blank out words of the log."""
    with masking.also("tradingsite.access"):
        assert masking.mask_secrets("INFO tradingsite.access: GET") == f"INFO {masking.MASK}: GET"
    assert masking.mask_secrets("INFO tradingsite.access: GET") == "INFO tradingsite.access: GET"


def test_a_forked_child_masks_what_its_parent_remembered() -> None:
    masking.remember("remembered-before-the-fork")
    process_state.reset()  # as after a fork
    assert masking.mask_secrets("remembered-before-the-fork") == masking.MASK


def test_what_is_remembered_is_bounded() -> None:
    names = [f"remembered-{number:04}" for number in range(3 * masking.MAX_REMEMBERED)]
    for name in names:
        masking.remember(name)
    masked = [masking.mask_secrets(name) == masking.MASK for name in names]
    assert masked == [False] * (2 * masking.MAX_REMEMBERED) + [True] * masking.MAX_REMEMBERED


# --- form ----------------------------------------------------------------------------------------------------


def of_json(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = logging.makeLogRecord({"name": "systemcache", "levelname": "INFO", "created": 1767585731.417, **record})
    for name, value in more.items():
        setattr(made, name, value)
    line = logs.JSONFormatter().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_event_is_one_line_of_json_with_what_is_known_of_it() -> None:
    token = logs.request_id.set("abc-1")
    try:
        event = of_json({"msg": "two\nlines %d", "args": (3,)}, family="holdings", state="stale", status=200)
    finally:
        logs.request_id.reset(token)
    assert event == {
        "time": "2026-01-05T09:32:11.417000+05:30",
        "level": "INFO",
        "logger": "systemcache",
        "message": "two\nlines 3",
        "request_id": "abc-1",
        "family": "holdings",
        "state": "stale",
        "status": 200,
    }


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise Leaky("why")
    except Leaky as error:
        info = (type(error), error, error.__traceback__)
        event = of_json({"msg": "failed", "exc_info": info})
        assert event["exception"] == traceback.format_exc().rstrip("\n")


def test_a_line_of_text_ends_with_the_requests_id() -> None:
    record = logging.makeLogRecord({"name": "broker", "levelname": "INFO", "msg": "hello"})
    assert logs.TextFormatter().format(record).endswith(" INFO broker: hello")
    token = logs.request_id.set("abc-1")
    try:
        assert logs.TextFormatter().format(record).endswith(" INFO broker: hello [abc-1]")
    finally:
        logs.request_id.reset(token)


def test_what_callers_send_makes_no_line_of_its_own_and_commands_no_terminal() -> None:
    forged = "zz\n2026-01-05 10:00:00,000 WARNING broker: order 4711 refused \x1b[2J\x9b2J\r\u2028\u202e"
    try:
        raise Leaky(forged)
    except Leaky as error:
        info = (type(error), error, error.__traceback__)
    record = logging.makeLogRecord({"name": "systemcache", "msg": "cleared %s", "args": (forged,), "exc_info": info})
    first, *traceback_lines = logs.TextFormatter().format(record).split("\n")
    assert first.endswith(r"refused \x1b[2J\x9b2J\r\u2028\u202e")
    assert r"cleared zz\n2026" in first
    assert all(line.startswith("  ") for line in traceback_lines)
    assert traceback_lines[0] == "  Traceback (most recent call last):"
    assert all(character.isprintable() for line in (first, *traceback_lines) for character in line)


# --- requests ------------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What the site writes as JSON."""
    found: list[dict[str, Any]] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(self.format(record)))

    handler = Collecting()
    handler.setFormatter(logs.JSONFormatter())
    loggers = [logging.getLogger(name) for name in ("tradingsite", "tradingsite.access", "systemcache")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    for logger in (loggers[0], loggers[2]):
        logger.addHandler(handler)
    yield found
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.django_db
def test_every_line_of_a_request_carries_its_id_and_the_answer_tells_it(
    trader: APIClient, simulator: Simulator, redis_store: object, lines: list[dict[str, Any]]
) -> None:
    answer = trader.get("/api/broker/holdings", HTTP_X_REQUEST_ID="from-a-proxy.1")
    assert answer.headers["X-Request-ID"] == "from-a-proxy.1"
    assert {line["request_id"] for line in lines} == {"from-a-proxy.1"}
    (load,) = (line for line in lines if line.get("family") == "holdings")
    assert load["state"] == "load"
    told = lines[-1]
    assert (told["method"], told["path"], told["status"], told["state"]) == (
        "GET",
        "/api/broker/holdings/",
        200,
        "miss",
    )
    assert told["milliseconds"] > 0


@pytest.mark.django_db
def test_no_line_of_a_request_shows_its_query(
    trader: APIClient, simulator: Simulator, redis_store: object, lines: list[dict[str, Any]]
) -> None:
    trader.get("/api/broker/holdings?authcode=x")
    assert lines[-1]["path"] == "/api/broker/holdings/"
    assert "authcode" not in json.dumps(lines)


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "a\nb", "<script>"])
def test_a_strange_id_is_replaced_and_each_request_has_its_own(anonymous: APIClient, given: str) -> None:
    found = {anonymous.get("/api/system/health", HTTP_X_REQUEST_ID=given).headers["X-Request-ID"] for _ in range(2)}
    assert len(found) == 2
    assert all(len(name) == 16 for name in found)
    assert logs.request_id.get() == ""


@pytest.mark.django_db(transaction=True)
def test_a_stale_answer_is_an_event(
    trader: APIClient, simulator: Simulator, redis_store: object, lines: list[dict[str, Any]], settings: Settings
) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "profile": 1}
    trader.get("/api/broker/profile")
    simulator.fail("profile", "500")
    while trader.get("/api/broker/profile").headers["X-Cache"] != "stale":
        pass
    events = [line for line in lines if (line.get("family"), line.get("state")) == ("profile", "stale")]
    assert [event["level"] for event in events] == ["WARNING"]
