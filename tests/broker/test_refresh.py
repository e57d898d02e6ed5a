"""A refresh replaces a file's contracts at one stroke, or leaves them as they are."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from redis import Redis

from broker import gateway, models
from broker.clock import IST
from broker.contracts import refresh, replace, table
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerError,
    BrokerRefused,
    BrokerTimeout,
    BrokerUnreachable,
    RefreshUnderWay,
    UnknownSymbol,
)
from broker.iifl.client import default_client
from broker.values import ContractFileInfo
from systemcache import process_state
from tests.broker.contract_files import FileServer, Sent, as_csv, made_up, put, shares

pytestmark = pytest.mark.django_db

EC500 = b'{"status": "Ok", "result": [{"status": "EC500", "message": "no"}]}'
WEDNESDAY = datetime(2026, 9, 16, 12, 0, tzinfo=IST)


def rows_in_table() -> int:
    """Of all generations: nothing may be left over."""
    return models.Contract.objects.count()


def listed(file: str = "NSEEQ") -> list[str]:
    page = table.page(file, "", 0, 1_000)
    return [contract.trading_symbol for contract in page.contracts] if page else []


def refreshed(file: str = "NSEEQ", *, accept_short: bool = False) -> refresh.RefreshResult:
    return gateway.refresh_contracts(file, retry_delays=(), accept_short=accept_short)


def test_a_refresh_takes_over_the_file_and_says_what_it_did(files: FileServer) -> None:
    done = refreshed()
    assert done.info == table.info("NSEEQ")
    assert (done.info.exchange, done.info.rows, rows_in_table()) == ("NSEEQ", 10, 10)
    state = models.ContractFile.objects.get()
    assert (state.size, state.claim, state.source) == (len(made_up("NSEEQ", 10)), "", files.base_url)


def test_the_next_one_replaces_all_rows(files: FileServer) -> None:
    put("NSEEQ", shares("OLD-EQ", "OLDER-EQ"))
    refreshed()
    assert "OLD-EQ" not in listed()
    assert rows_in_table() == 10


def test_a_file_has_its_own_rows(files: FileServer) -> None:
    for file in ("NSEEQ", "BSEEQ", "INDICES"):
        refreshed(file)
    put("BSEEQ", shares("ABC", exchange="BSEEQ"))
    assert (len(listed("NSEEQ")), len(listed("BSEEQ")), len(listed("INDICES"))) == (10, 1, 10)


TEN = made_up("NSEEQ", 10)
FAILURES = {
    "502": (Sent(502, b""), BrokerUnreachable),
    "503": (Sent(503, b""), BrokerUnreachable),
    "429": (Sent(429, b""), BrokerBusy),
    "404": (Sent(404, b""), BrokerAnswerUnclear),
    "a redirect": (Sent(302, b""), BrokerAnswerUnclear),
    "nothing": (Sent(200, b""), BrokerUnreachable),
    "a body shorter than it promised": (Sent(200, TEN[:-100], length=len(TEN)), BrokerUnreachable),
    "a body cut within a row": (Sent(200, TEN[:-20]), BrokerUnreachable),
    "a page for people": (Sent(200, b"<html>later</html>"), BrokerAnswerUnclear),
    "no header": (Sent(200, TEN.split(b"\n", 1)[1]), BrokerAnswerUnclear),
    "a refusal": (Sent(200, EC500), BrokerRefused),
    "rows that are no contracts": (Sent(200, TEN.split(b"\n", 1)[0] + b"\n,,,,,,,,,,"), BrokerAnswerUnclear),
    "a header alone": (Sent(200, as_csv([])), BrokerAnswerUnclear),
    "less than half": (Sent(200, made_up("NSEEQ", 4)), BrokerAnswerUnclear),
}


@pytest.mark.parametrize(("answer", "error"), FAILURES.values(), ids=FAILURES)
def test_a_file_that_fails_leaves_the_old_rows_and_nothing_of_its_own(
    files: FileServer, monkeypatch: pytest.MonkeyPatch, answer: Sent, error: type[BrokerError]
) -> None:
    monkeypatch.setattr(replace, "BATCH_SIZE", 2)  # what came before the failure has been written
    before = refreshed().info
    files.answers["NSEEQ"] = [answer]
    with pytest.raises(error):
        refreshed()
    assert table.info("NSEEQ") == before
    assert (len(listed()), rows_in_table()) == (10, 10)
    files.answers["NSEEQ"] = [Sent(200, TEN)]
    assert refreshed().info.rows == 10  # and is in nobody's way


def test_half_of_the_rows_are_enough_and_a_shorter_file_can_be_accepted(files: FileServer) -> None:
    refreshed()
    files.answers["NSEEQ"] = [Sent(200, made_up("NSEEQ", 5)), Sent(200, made_up("NSEEQ", 1))]
    assert refreshed().info.rows == 5
    assert refreshed(accept_short=True).info.rows == 1


MALFORMED_ROWS = [
    'NSEEQ,BBB,22,EQUITY,XX,0,"BBB LTD,BBB-EQ,,1,0.05',
    "NSEEQ,BBB,22,EQUITY,XX,0,BBB MOTORS, DVR,BBB-EQ,,1,0.05",
    "NSEEQ,FFF,66,EQUITY,XX,0,F, S1-EQ,FFF-EQ,,1,0.05",
    "NSEEQ,BBB,22,EQUITY",
    'NSEEQ,EEE,55,EQUITY,XX,0,E"E LTD,EEE-EQ,,1,0.05',
    "NSEEQ,BBB,,EQUITY,XX,0,BBB LTD,BBB-EQ,,1,0.05",
    "BSEEQ,BBB,22,EQUITY,XX,0,BBB LTD,BBB-EQ,,1,0.05",
]


def with_malformed(row: str, good: int) -> bytes:
    header, first, rest = made_up("NSEEQ", good).split(b"\r\n", 2)
    return b"\r\n".join([header, first, row.encode(), rest])


@pytest.mark.parametrize("row", MALFORMED_ROWS)
def test_a_malformed_row_among_many_is_left_out_and_counted(
    files: FileServer, logs: pytest.LogCaptureFixture, row: str
) -> None:
    files.answers["NSEEQ"] = [Sent(200, with_malformed(row, 100))]
    done = refreshed()
    assert (done.info.rows, done.malformed) == (100, 1)
    assert done.examples.startswith("line 3 has ")
    assert f"1 malformed rows of NSEEQ: {done.examples}" in logs.text
    assert gateway.resolve("S1").instrument_id == "1"
    for symbol in ("BBB", "EEE", "FFF", "DVR"):
        with pytest.raises(UnknownSymbol):
            gateway.resolve(symbol)


@pytest.mark.parametrize("row", MALFORMED_ROWS)
def test_a_file_with_too_large_a_share_of_malformed_rows_is_refused_and_the_old_rows_stay(
    files: FileServer, row: str
) -> None:
    before = refreshed().info
    files.answers["NSEEQ"] = [Sent(200, with_malformed(row, 12))]
    with pytest.raises(BrokerAnswerUnclear, match="1 malformed rows of 13: line 3 has "):
        refreshed(accept_short=True)
    assert table.info("NSEEQ") == before


def test_a_segment_that_never_had_a_contract_may_be_empty(files: FileServer) -> None:
    files.answers["BSECURR"] = [Sent(200, as_csv([]))]
    assert refreshed("BSECURR").info.rows == 0


def test_a_silent_broker_is_given_up_and_a_slow_one_in_the_end(
    files: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "DOWNLOAD_TIMEOUT", -1.0)
    with pytest.raises(BrokerTimeout):
        refreshed()


class Failing:
    """A download that fails so many times."""

    def __init__(self, times: int, error: BrokerError) -> None:
        self.left = times
        self.error = error
        self.asked = 0

    def __call__(self, file: str) -> Iterator[bytes]:
        self.asked += 1
        if self.asked <= self.left:
            raise self.error
        yield TEN


def test_a_broker_that_fails_for_a_moment_is_asked_four_times_with_longer_and_longer_pauses() -> None:
    slept: list[float] = []
    download = Failing(3, BrokerUnreachable("502"))
    assert refresh.refresh("NSEEQ", download, sleep=slept.append).info.rows == 10
    assert (download.asked, slept) == (4, [2.0, 4.0, 8.0])
    download = Failing(4, BrokerUnreachable("502"))
    with pytest.raises(BrokerUnreachable):
        refresh.refresh("NSEEQ", download, sleep=slept.append)
    assert download.asked == 4


def test_what_another_try_would_not_help_is_asked_once() -> None:
    download = Failing(1, BrokerAnswerUnclear("no header"))
    with pytest.raises(BrokerAnswerUnclear):
        refresh.refresh("NSEEQ", download, sleep=lambda _: pytest.fail("waited"))
    assert download.asked == 1


# --- two at once, and readers meanwhile ------------------------------------------------------------------------


def test_a_second_refresh_says_that_one_is_under_way_and_harms_nothing(files: FileServer) -> None:
    def meanwhile(file: str) -> Iterator[bytes]:
        with pytest.raises(RefreshUnderWay, match="is being refreshed"):
            refreshed()
        refreshed("BSEEQ")  # another file is another matter
        yield from default_client().contract_file(file)

    assert refresh.refresh("NSEEQ", meanwhile, retry_delays=()).info.rows == 10
    assert (len(listed()), rows_in_table()) == (10, 20)


def test_a_refresher_that_died_is_in_the_way_until_its_claim_ends(
    files: FileServer, set_clock: Callable[[datetime], None]
) -> None:
    set_clock(WEDNESDAY)
    refreshed()
    with replace.claim_file("NSEEQ", lambda: WEDNESDAY) as dead:
        generation = dead.begin_generation()
        dead.write(generation, [gateway.resolve("S1")])
        set_clock(WEDNESDAY + replace.CLAIM_TTL)
        with pytest.raises(RefreshUnderWay):
            refreshed()
        set_clock(WEDNESDAY + replace.CLAIM_TTL + timedelta(seconds=1))
        refreshed()
        assert rows_in_table() == 10
        for late in (
            lambda: dead.write(generation, [gateway.resolve("S1")]),
            lambda: dead.activate(generation, source="", rows=1, size=1, seconds=1),
            dead.begin_generation,
        ):
            with pytest.raises(RefreshUnderWay):  # it was only slow, and has lost the file
                late()
    assert (len(listed()), rows_in_table()) == (10, 10)


def test_a_reader_sees_the_old_rows_until_the_last_is_there(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replace, "BATCH_SIZE", 2)
    put("NSEEQ", shares("OLD-EQ"))
    seen: list[list[str]] = []
    write = replace.Claim.write

    def watched(self: replace.Claim, *args: object) -> None:
        write(self, *args)  # type: ignore[arg-type]
        seen.append(listed())

    monkeypatch.setattr(replace.Claim, "write", watched)
    refreshed()
    assert seen == [["OLD-EQ"]] * 5
    assert len(listed()) == 10


def test_a_page_read_while_the_rows_are_replaced_is_read_again(files: FileServer) -> None:
    put("NSEEQ", shares("OLD-EQ", "OLD-BE"))
    replaced: list[refresh.RefreshResult] = []

    def replace_before_the_rows_are_read(execute: Any, statement: str, *more: Any) -> Any:
        if not replaced and re.match(r'SELECT .*"trading_symbol".* FROM "broker_contract" ', statement):
            replaced.append(refreshed())
        return execute(statement, *more)

    with connection.execute_wrapper(replace_before_the_rows_are_read):
        page = table.page("NSEEQ", "", 0, 100)
    assert len(replaced) == 1
    assert page is not None
    assert (page.total, len(page.contracts), page.info.rows) == (10, 10, 10)


@pytest.mark.django_db(transaction=True)
def test_readers_beside_refreshes_always_see_one_whole_file() -> None:
    """Files of 300 rows, each with one name in all its rows: never two names, never fewer rows."""

    def body(number: int) -> bytes:
        return as_csv(
            {**row, "underlyingInstrumentName": f"FILE {number}"}
            for row in shares(*map("S{}".format, names), exchange="BSEEQ")
        )

    names = range(300)
    refresh.refresh("BSEEQ", lambda _: [body(0)], retry_delays=())
    ended = threading.Event()
    failures: list[BaseException] = []

    def replace() -> None:
        try:
            for sent in map(body, range(1, 7)):
                refresh.refresh("BSEEQ", lambda _, sent=sent: [sent], retry_delays=())  # type: ignore[misc]
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()
            ended.set()

    writer = threading.Thread(target=replace)
    writer.start()
    met = set()
    while not ended.is_set():
        page = table.page("BSEEQ", "file", 0, 1_000)
        assert page is not None
        assert page.total == len(page.contracts) == 300
        (name,) = {contract.name for contract in page.contracts}
        met.add(name)
        assert len(table.by_symbol("BSEEQ", "S7")) == 1
    writer.join()
    assert failures == []
    assert len(met) > 1


# --- the day's refresh -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refreshed_at", "now", "due"),
    [
        ("2026-09-16 08:00", "2026-09-16 23:59", False),
        ("2026-09-16 07:59", "2026-09-16 08:00", True),
        ("2026-09-15 08:00", "2026-09-16 07:59", False),
        ("2026-09-15 07:59", "2026-09-16 07:59", True),
        ("2026-09-01 12:00", "2026-09-16 09:00", True),
    ],
)
def test_a_file_is_due_once_the_next_mornings_is_out(refreshed_at: str, now: str, due: bool) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=IST)

    known = ContractFileInfo(exchange="NSEEQ", rows=1, refreshed_at=moment(refreshed_at))
    assert refresh.is_due(known, moment(now)) is due


def test_an_empty_file_is_looked_at_every_hour() -> None:
    known = ContractFileInfo(exchange="NSEEQ", rows=0, refreshed_at=WEDNESDAY)
    assert not refresh.is_due(known, WEDNESDAY + timedelta(minutes=59))
    assert refresh.is_due(known, WEDNESDAY + timedelta(minutes=61))


@pytest.fixture
def next_morning(
    transactional_db: None, files: FileServer, redis: Redis, set_clock: Callable[[datetime], None]
) -> FileServer:
    """Yesterday's file is in the table and in Redis, today's is out, and no request has been."""
    set_clock(WEDNESDAY)
    gateway.contracts("NSEEQ")
    set_clock(WEDNESDAY + timedelta(days=1))
    gateway.clear_symbol_cache()
    files.asked.clear()
    return files


def test_the_first_request_of_the_morning_fetches_the_new_file(next_morning: FileServer) -> None:
    next_morning.answers["NSEEQ"] = [Sent(200, made_up("NSEEQ", 11))]
    assert gateway.contracts("NSEEQ").value.rows == 11
    assert gateway.resolve("S11").instrument_id == "11"
    assert next_morning.asked == ["NSEEQ"]


def test_when_the_new_file_cannot_be_had_the_old_one_serves_on_and_the_log_says_so(
    next_morning: FileServer, monkeypatch: pytest.MonkeyPatch, logs: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(refresh, "REQUEST_RETRY_DELAYS", ())
    next_morning.answers["NSEEQ"] = [Sent(503, b"")]
    assert gateway.contracts("NSEEQ").value.refreshed_at == WEDNESDAY
    assert "refresh of NSEEQ failed, keeping the contracts of 2026-09-16" in logs.text
    for _ in range(3):
        assert gateway.resolve("S1").instrument_id == "1"
        state, page = gateway.contract_page("NSEEQ", "", 0, 5)
        assert (state.stale, state.created, len(page.contracts)) == (True, WEDNESDAY, 5)
    assert next_morning.asked == ["NSEEQ"]


def test_nothing_is_downloaded_within_somebodys_transaction_while_there_are_rows(next_morning: FileServer) -> None:
    with transaction.atomic():
        assert gateway.resolve("S1").instrument_id == "1"
    assert next_morning.asked == []


def test_what_cannot_be_had_and_never_was_is_the_brokers_error(
    files: FileServer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "REQUEST_RETRY_DELAYS", (0.0,))
    files.answers["NSEEQ"] = [Sent(503, b"")]
    with pytest.raises(BrokerUnreachable):
        gateway.resolve("S1")
    assert len(files.asked) == 2
    files.answers["NSEEQ"] = [Sent(200, TEN)]
    process_state.reset()  # a moment later
    assert gateway.resolve("S1").instrument_id == "1"


def test_rows_that_redis_knows_of_and_the_table_does_not_are_fetched_again(files: FileServer, redis: Redis) -> None:
    gateway.contracts("NSEEQ")
    models.Contract.objects.all().delete()
    models.ContractFile.objects.all().delete()
    gateway.clear_symbol_cache()
    assert gateway.resolve("S1").instrument_id == "1"
    assert gateway.contract_page("NSEEQ", "", 0, 5)[1].total == 10
