"""The exchanges' calendar: which days and hours each trades, corrected without a release."""

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from broker.calendar import files, hours, trading_hours
from broker.calendar.hours import InvalidHours
from broker.calendar.trading_hours import Calendar
from broker.clock import IST
from broker.csv_rows import MalformedRow
from broker.health import facts
from broker.models import TradingDay
from broker.values import CalendarRow
from systemcache.stats import counters

HEADER = ",".join(files.HEADER)


def at(text: str) -> datetime:
    """A moment in IST, such as 2026-11-27 09:10."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


@pytest.fixture(scope="module")
def shipped() -> Calendar:
    return Calendar(files.shipped())


# --- hours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        ("closed", "2026-01-26", []),
        ("09:00-16:00", "2026-01-27", ["09:00-16:00"]),
        ("09:00-09:45 11:30-15:30", "2026-01-27", ["09:00-09:45", "11:30-15:30"]),
        ("17:00-23:30/23:55", "2026-03-06", ["17:00-23:55"]),  # the Friday before the US change their clocks
        ("17:00-23:30/23:55", "2026-03-09", ["17:00-23:30"]),
        ("09:00-23:30/23:55", "2026-10-30", ["09:00-23:30"]),
        ("09:00-23:30/23:55", "2026-11-02", ["09:00-23:55"]),
        ("unknown", "2026-11-08", ["00:00-00:00"]),
    ],
)
def test_hours_are_sessions(text: str, day: str, expected: list[str]) -> None:
    found = hours.sessions(text, date.fromisoformat(day))
    assert [f"{session.opens:%H:%M}-{session.closes:%H:%M}" for session in found] == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "open", "Closed", "9:00-16:00", "09:00-16:60", "24:00-25:00", "09:00", "09:00-16:00 ", "09:00 - 16:00"),
        *("16:00-09:00", "09:00-09:00", "09:00-12:00 11:00-15:00", "09:00-23:30/08:00", "closed 09:00-16:00"),
    ],
)
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidHours):
        hours.check(text, weekly=False)


def test_a_week_has_hours_of_its_own() -> None:
    hours.check("regular", weekly=False)
    with pytest.raises(InvalidHours):
        hours.check("regular", weekly=True)


@given(st.text(alphabet="0123456789:-/ closedunkwregar", max_size=24), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_hours_are_read_or_refused(text: str, day: date) -> None:
    try:
        hours.check(text, weekly=True)
    except InvalidHours:
        return
    found = hours.sessions(text, day)
    assert all(one.closes <= other.opens for one, other in pairwise(found))
    assert all(timedelta(0) < closes - opens <= timedelta(days=1) for opens, closes in found)


# --- the shipped calendar --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exchange", "moment"),
    [
        ("NSEEQ", "2026-11-27 09:00"),
        ("NSEEQ", "2026-11-27 15:59"),
        ("NSEFO", "2026-02-01 12:00"),  # the Sunday of the Union Budget
        ("MCXCOMM", "2026-02-01 16:59"),
        ("MCXCOMM", "2026-11-27 09:10"),
        ("MCXCOMM", "2026-11-27 23:54"),  # the US have no daylight saving time
        ("MCXCOMM", "2026-10-30 23:29"),
        ("MCXCOMM", "2026-03-03 17:00"),  # Holi: the evening session
        ("MCXCOMM", "2026-01-01 09:00"),
        ("NSECURR", "2026-11-27 09:00"),
        ("NSECURR", "2026-11-27 19:29"),
        ("BSEEQ", "2026-11-08 18:20"),  # Muhurat, at hours that were told later
        ("MCXCOMM", "2026-11-08 18:20"),
        ("NSECURR", "2026-11-08 13:45"),
        ("NSEEQ", "2025-10-21 13:50"),  # Muhurat of 2025
        ("NSEEQ", "2027-01-26 12:00"),  # not known yet
        ("NSEEQ", "2027-01-30 12:00"),  # a Saturday of that year
        ("NSEEQ", "2024-03-02 12:00"),
        ("NCDEXCOMM", "2026-11-28 12:00"),  # its holidays are not shipped
        ("ELSEWHERE", "2026-11-29 03:00"),
    ],
)
def test_an_exchange_may_trade(shipped: Calendar, exchange: str, moment: str) -> None:
    assert shipped.seconds_until_open(at(moment), exchange) == 0


@pytest.mark.parametrize(
    ("exchange", "moment", "opens"),
    [
        ("NSEEQ", "2026-11-27 08:59", "2026-11-27 09:00"),
        ("NSEEQ", "2026-11-27 16:00", "2026-11-30 09:00"),
        ("NSEEQ", "2026-11-28 12:00", "2026-11-30 09:00"),
        ("NSEEQ", "2026-11-23 16:00", "2026-11-25 09:00"),  # Guru Nanak Jayanti lies between
        ("NSEEQ", "2026-01-30 17:00", "2026-02-01 09:00"),
        ("NSECURR", "2026-01-30 20:00", "2026-02-02 09:00"),
        ("NSECURR", "2026-08-26 10:00", "2026-08-27 09:00"),  # Id-E-Milad, of currencies alone
        ("MCXCOMM", "2026-10-30 23:30", "2026-11-02 09:00"),
        ("MCXCOMM", "2026-03-03 10:00", "2026-03-03 17:00"),
        ("MCXCOMM", "2026-01-01 17:00", "2026-01-02 09:00"),
        ("NSEEQ", "2026-11-08 00:00", "2026-11-08 00:00"),
    ],
)
def test_an_exchange_opens_next(shipped: Calendar, exchange: str, moment: str, opens: str) -> None:
    assert at(moment) + timedelta(seconds=shipped.seconds_until_open(at(moment), exchange)) == at(opens)


def test_the_time_in_between_is_the_same_in_any_time_zone(shipped: Calendar) -> None:
    moment = at("2026-11-27 08:00")
    assert shipped.seconds_until_open(moment.astimezone(), "NSEEQ") == 3600


def test_each_shipped_row_has_a_source_and_lies_on_a_day_that_it_changes(shipped: Calendar) -> None:
    for row in files.shipped():
        assert row.source
        assert row.reason
        if not row.weekly and row.hours == hours.CLOSED:
            assert row.day.weekday() < 5, f"{row.day} is a weekend"


# --- corrections -----------------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "calendar.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    return write_file


def imported(path: Path, **options: Any) -> str:
    out = io.StringIO()
    call_command("importcalendar", path, stdout=out, **options)
    return out.getvalue().strip()


@pytest.mark.django_db(transaction=True)
def test_a_correction_counts_at_once(redis: Redis, write: Callable[..., Path]) -> None:
    saturday, holiday = at("2026-12-05 12:00"), at("2026-12-04 12:00")
    assert trading_hours.seconds_until_open(saturday, "NSEEQ") > 0
    assert trading_hours.seconds_until_open(holiday, "NSEEQ") == 0
    path = write(
        "2026-12-05,day,NSEEQ BSEEQ,11:30-12:30,live test,NSE/CMTR/1",
        '2026-12-04,day,NSEEQ,closed,"a day of mourning, all over India",NSE/CMTR/2',
    )
    assert imported(path) == "3 rows added, 0 changed, 0 as before."
    assert trading_hours.seconds_until_open(saturday, "NSEEQ") == 0
    assert trading_hours.seconds_until_open(holiday, "NSEEQ") == 23.5 * 3600
    assert imported(path) == "0 rows added, 0 changed, 3 as before."
    TradingDay.objects.filter(day=saturday.date()).update(hours="closed")
    assert trading_hours.seconds_until_open(saturday, "NSEEQ") > 0
    assert imported(path) == "0 rows added, 2 changed, 1 as before."
    TradingDay.objects.all().delete()
    assert trading_hours.seconds_until_open(holiday, "NSEEQ") == 0


@pytest.mark.django_db(transaction=True)
def test_a_correction_takes_the_place_of_a_shipped_row(redis: Redis, write: Callable[..., Path]) -> None:
    christmas = at("2026-12-25 12:00")
    assert trading_hours.seconds_until_open(christmas, "NSEEQ") > 0
    imported(write("2026-12-25,day,NSEEQ,regular,the holiday was moved,NSE/CMTR/3"))
    assert trading_hours.seconds_until_open(christmas, "NSEEQ") == 0
    assert trading_hours.seconds_until_open(christmas, "BSEEQ") > 0


@pytest.mark.django_db(transaction=True)
def test_regular_hours_change_from_a_day_on(redis: Redis, write: Callable[..., Path]) -> None:
    imported(write("2026-12-07,weekdays from,NSECURR,09:00-17:00,shorter hours,NSE/CD/1"))
    assert trading_hours.seconds_until_open(at("2026-12-04 18:00"), "NSECURR") == 0
    assert trading_hours.seconds_until_open(at("2026-12-07 18:00"), "NSECURR") == 15 * 3600


@pytest.mark.django_db(transaction=True)
def test_a_year_whose_holidays_were_imported_has_no_sessions_on_weekends(
    redis: Redis, write: Callable[..., Path]
) -> None:
    imported(write("2027-01-26,day,NSEEQ,closed,Republic Day,NSE/CMTR/4"))
    assert trading_hours.seconds_until_open(at("2027-01-26 12:00"), "NSEEQ") == 21 * 3600
    assert trading_hours.seconds_until_open(at("2027-01-30 12:00"), "NSEEQ") > 0
    assert trading_hours.seconds_until_open(at("2027-01-30 12:00"), "BSEEQ") == 0


@pytest.mark.django_db(transaction=True)
def test_a_read_that_is_cached_takes_no_query_and_is_no_callers_read(redis: Redis) -> None:
    trading_hours.calendar()
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            trading_hours.seconds_until_open(at("2026-11-27 12:00"))
    assert not queries.captured_queries
    snapshot = counters.snapshot()
    assert (snapshot["hits"], snapshot["misses"]) == (0, 0)
    assert snapshot["families"]["calendar"]["site_reads"] == 21
    assert redis.exists("iifl:SIM0001:db:calendar")


@pytest.mark.django_db(transaction=True)
def test_hours_that_were_written_past_the_form_are_not_taken_for_closed(redis: Redis) -> None:
    TradingDay.objects.create(exchange="NSEEQ", day=date(2026, 12, 5), hours="noon")
    assert trading_hours.seconds_until_open(at("2026-12-05 03:00"), "NSEEQ") == 0


BAD_LINES = [
    "2026-12-05,day,NSEEQ,11:30-12:30,live test",
    "2026-12-05,day,NSEEQ,11:30-12:30,live test,NSE,1",
    '2026-12-05,day,NSEEQ,closed,"a, b,NSE',
    "05-Dec-2026,day,NSEEQ,closed,,",
    "2026-02-30,day,NSEEQ,closed,,",
    "2026-12-05,on,NSEEQ,closed,,",
    "2026-12-05,day,NSE,closed,,",
    "2026-12-05,day,INDICES,closed,,",
    "2026-12-05,day,,closed,,",
    "2026-12-05,day,NSEEQ NSEEQ,closed,,",
    "2026-12-05,day,NSEEQ,shut,,",
    "2026-12-05,weekdays from,NSEEQ,regular,,",
    f"2026-12-05,day,NSEEQ,closed,{'x' * 201},",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("line", BAD_LINES)
def test_a_file_with_a_wrong_line_is_refused_whole_and_the_line_is_named(
    redis: Redis, write: Callable[..., Path], line: str
) -> None:
    path = write("2026-12-04,day,NSEEQ,closed,a holiday,NSE", line)
    with pytest.raises(CommandError, match=r"Nothing was imported from .* line "):
        imported(path)
    assert not TradingDay.objects.exists()


@pytest.mark.parametrize("header", ["day,exchanges,hours", HEADER.replace("applies", "kind"), f"{HEADER},more", ""])
def test_a_file_with_another_header_is_refused(write: Callable[..., Path], header: str) -> None:
    with pytest.raises(CommandError, match="Nothing was imported"):
        imported(write("2026-12-04,day,NSEEQ,closed,a holiday,NSE", header=header))


@pytest.mark.django_db
def test_a_dry_run_changes_nothing(write: Callable[..., Path]) -> None:
    assert imported(write("2026-12-04,day,NSEEQ BSEEQ,closed,a,b"), dry_run=True) == "2 rows can be imported."
    assert not TradingDay.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_calendar_in_force_is_printed_and_can_be_read_again(redis: Redis, write: Callable[..., Path]) -> None:
    imported(write("2026-12-05,day,NSEEQ,11:30-12:30,live test,NSE/CMTR/1"))
    out = io.StringIO()
    call_command("importcalendar", stdout=out)
    read = {(row.exchange, row.day, row.weekly): row for row in files.read(io.StringIO(out.getvalue()))}
    assert read == trading_hours.calendar().rows
    assert read["NSEEQ", date(2026, 12, 5), False].hours == "11:30-12:30"


@pytest.mark.django_db(transaction=True)
def test_the_admin_takes_a_day_and_refuses_hours_that_are_none(redis: Redis, make_user: Callable[..., User]) -> None:
    browser = Client()
    browser.force_login(make_user("clerk", "broker.add_tradingday", "broker.view_tradingday", is_staff=True))
    day = {"exchange": "NSEEQ", "day": "2026-12-05", "hours": "noon", "reason": "", "source": ""}
    response = browser.post("/admin/broker/tradingday/add/", day)
    assert "are no hours" in response.content.decode()
    assert browser.post("/admin/broker/tradingday/add/", day | {"hours": "11:30-12:30"}).status_code == 302
    assert trading_hours.seconds_until_open(at("2026-12-05 12:00"), "NSEEQ") == 0


@pytest.fixture
def calendar_health(set_clock: Callable[[datetime], None]) -> Callable[[str], str]:
    def look(day: str) -> str:
        set_clock(at(f"{day} 12:00"))
        (fact,) = [fact for fact in facts() if fact.name == "trading calendar"]
        return fact.detail

    return look


@pytest.mark.django_db(transaction=True)
def test_health_names_a_year_whose_holidays_are_missing(redis: Redis, calendar_health: Callable[[str], str]) -> None:
    assert calendar_health("2026-11-29") == "holidays of 2026 known"
    assert "The holidays of 2027 are not known of NSEEQ, BSEEQ," in calendar_health("2026-12-20")


def test_of_two_rows_for_a_day_the_later_one_counts() -> None:
    row = CalendarRow(exchange="NSEEQ", day=date(2026, 1, 1), weekly=False, hours="closed", reason="", source="")
    late = CalendarRow(exchange="NSEEQ", day=date(2026, 1, 1), weekly=False, hours="09:00-10:00", reason="", source="")
    assert Calendar([row, late]).seconds_until_open(at("2026-01-01 09:30"), "NSEEQ") == 0


def test_a_file_that_names_a_day_twice_is_refused() -> None:
    lines = [HEADER, "2026-12-04,day,NSEEQ,closed,a,b", "2026-12-04,day,BSEEQ NSEEQ,closed,a,b"]
    with pytest.raises(MalformedRow, match="NSEEQ has this day twice"):
        list(files.read(lines))
