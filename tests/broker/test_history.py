"""Candles in chunks: what is asked for, how often, for how long, and what a failure costs."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from redis import Redis

from broker import gateway
from broker.candles.history import LOOKBACK_DAYS
from broker.clock import IST
from broker.errors import BrokerError, BrokerUnreachable
from broker.iifl.client import Client
from broker.simulator import Simulator
from broker.values import Candle, Contract, Interval
from systemcache import clock
from systemcache.fetching import source

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

Clock = Callable[[datetime], None]
WEDNESDAY = datetime(2024, 9, 18, 12, 0, tzinfo=IST)
SATURDAY = date(2024, 9, 14)


@pytest.fixture(autouse=True)
def wednesday(set_clock: Clock) -> None:
    set_clock(WEDNESDAY)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> list[tuple[Interval, date, date]]:
    """The calls for candles that went out, in order, without the days that each of them looks back."""
    calls: list[tuple[Interval, date, date]] = []
    candles = Client.candles

    def noted(self: Client, contract: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        calls.append((interval, first + timedelta(days=LOOKBACK_DAYS), last))
        return candles(self, contract, interval, first, last)

    monkeypatch.setattr(Client, "candles", noted)
    return calls


Asked = list[tuple[Interval, date, date]]


def days_of(interval: Interval, first: date, last: date, symbol: str = "RELIANCE") -> list[date]:
    return [candle.time.date() for candle in gateway.candles(symbol, interval, first, last).value]


def test_a_range_is_cut_out_of_its_chunks(asked: Asked) -> None:
    found = days_of(Interval.DAY, date(2024, 8, 14), date(2024, 9, 3))
    assert (found[0], found[-1]) == (date(2024, 8, 14), date(2024, 9, 3))
    assert asked == [(Interval.DAY, date(2024, 8, 1), date(2024, 9, 18))]


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.DAY, Interval.WEEK, Interval.MONTH])
@pytest.mark.parametrize("first", [date.min, date(1, 2, 1)])
def test_candles_before_which_there_is_no_day_can_be_asked_for(
    simulator: Simulator, interval: Interval, first: date
) -> None:
    last = first + timedelta(days=4)
    assert all(first <= day <= last for day in days_of(interval, first, last))


def test_an_overlapping_range_costs_nothing_and_a_longer_one_what_is_missing(asked: Asked) -> None:
    days_of(Interval.DAY, date(2024, 3, 1), date(2024, 4, 30))
    assert gateway.candles("RELIANCE", Interval.DAY, date(2024, 3, 15), date(2024, 4, 2)).state == "hit"
    assert len(asked) == 1
    assert gateway.candles("RELIANCE", Interval.DAY, date(2024, 2, 10), date(2024, 4, 2)).state == "miss"
    assert asked[1:] == [(Interval.DAY, date(2024, 2, 1), date(2024, 2, 29))]


def test_a_cold_decade_is_one_call(asked: Asked) -> None:
    assert len(days_of(Interval.DAY, date(2014, 9, 19), date(2024, 9, 17))) > 2_400
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
def test_gaps_on_both_sides_of_what_is_there_are_a_call_each(asked: Asked) -> None:
    days_of(Interval.DAY, date(2024, 4, 1), date(2024, 4, 30))
    found = days_of(Interval.DAY, date(2024, 2, 1), date(2024, 6, 30))
    assert (found[0], found[-1]) == (date(2024, 2, 1), date(2024, 6, 28))
    assert found == sorted(set(found))
    assert sorted(asked[1:]) == [
        (Interval.DAY, date(2024, 2, 1), date(2024, 3, 31)),
        (Interval.DAY, date(2024, 5, 1), date(2024, 6, 30)),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_range_longer_than_the_broker_may_take_is_asked_for_in_pieces(asked: Asked) -> None:
    days_of(Interval.MINUTE, date(2024, 5, 1), date(2024, 8, 15))
    assert len(asked) == 3
    assert all((last - first).days < 45 for _, first, last in asked)


@pytest.mark.parametrize(
    ("interval", "first", "last"),
    [
        (Interval.WEEK, date(2023, 7, 3), date(2024, 6, 24)),
        (Interval.MONTH, date(2023, 7, 1), date(2024, 6, 1)),
        (Interval.MINUTES_60, date(2024, 8, 12), date(2024, 9, 6)),
        (Interval.MINUTES_5, date(2024, 9, 9), date(2024, 9, 13)),
    ],
)
def test_chunks_give_what_one_call_for_the_range_gives(
    simulator: Simulator, interval: Interval, first: date, last: date
) -> None:
    from broker.iifl.client import default_client

    contract = gateway.resolve("RELIANCE")
    plain = default_client().candles(contract, interval, first, last)
    assert plain
    for state in ("miss", "hit"):
        found = gateway.candles("RELIANCE", interval, first, last)
        assert (found.state, found.value) == (state, plain)


SUNDAY = date(2026, 11, 8)  # Diwali, with an hour of trading in the evening


@pytest.fixture
def special_session(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> None:
    """The broker has candles of an evening hour on a Sunday, and nothing that says so beforehand."""

    def of_sunday(_: Client, __: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        if not first <= SUNDAY <= last:
            return []
        price = Decimal(100)
        return [
            Candle(time=start, open=price, high=price, low=price, close=price, volume=1)
            for start in (datetime(2026, 11, 8, 18, 15, tzinfo=IST), datetime(2026, 11, 8, 18, 20, tzinfo=IST))
            if interval.is_intraday or start.minute == 15
        ]

    monkeypatch.setattr(Client, "candles", of_sunday)


@pytest.mark.parametrize(
    ("interval", "count"), [(Interval.MINUTES_5, 2), (Interval.MINUTES_60, 2), (Interval.DAY, 1), (Interval.WEEK, 1)]
)
@pytest.mark.parametrize("hours_later", [0, 14])
@pytest.mark.parametrize(("symbol", "exchange"), [("INFY", "NSEEQ"), ("INDIA VIX", "INDICES")])
def test_a_special_session_on_a_sunday_is_asked_for(
    special_session: None,
    set_clock: Clock,
    interval: Interval,
    count: int,
    hours_later: int,
    symbol: str,
    exchange: str,
) -> None:
    set_clock(datetime(2026, 11, 8, 18, 40, tzinfo=IST) + timedelta(hours=hours_later))
    found = gateway.candles(symbol, interval, SUNDAY, SUNDAY, exchange).value
    assert [candle.time.date() for candle in found] == [SUNDAY] * count


def test_a_weekend_or_a_holiday_is_empty_and_asked_for_once(asked: Asked, redis: Redis) -> None:
    for _ in range(2):
        assert days_of(Interval.MINUTES_15, SATURDAY, SATURDAY + timedelta(days=1)) == []
    assert asked == [(Interval.MINUTES_15, SATURDAY, SATURDAY + timedelta(days=1))]


def test_an_index_without_daily_candles_has_its_intraday_ones(asked: Asked) -> None:
    found = gateway.candles("INDIA VIX", Interval.MINUTES_15, date(2024, 9, 12), date(2024, 9, 12), "INDICES")
    assert found.value
    assert (Interval.MINUTES_15, date(2024, 9, 12), date(2024, 9, 12)) in asked


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.MINUTES_5, Interval.DAY])
def test_today_is_asked_for_from_its_first_minute_because_segments_open_at_different_times(
    asked: Asked, set_clock: Clock, interval: Interval
) -> None:
    monday = date(2024, 7, 1)
    set_clock(datetime(2024, 7, 1, 9, 0, tzinfo=IST))
    days_of(interval, monday, monday)
    assert asked == [(interval, monday, monday)]


def test_what_lies_in_the_future_is_neither_asked_for_nor_kept(asked: Asked, redis: Redis) -> None:
    assert days_of(Interval.MINUTE, date(2024, 9, 19), date(2024, 9, 30)) == []
    assert asked == []
    assert not [*redis.scan_iter("*candles*")]


def test_a_last_day_that_comes_again_with_other_values_is_replaced(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    noted = Client.candles
    bumped = [0]

    def growing(self: Client, contract: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        bumped[0] += 1
        found = noted(self, contract, interval, first, last)
        *before, today = found
        return [
            *before,
            Candle(**{name: getattr(today, name) for name in today.__struct_fields__} | {"volume": bumped[0]}),
        ]

    monkeypatch.setattr(Client, "candles", growing)
    first = gateway.candles("RELIANCE", Interval.DAY, date(2024, 9, 2), WEDNESDAY.date()).value
    for name in redis.scan_iter("*candles*"):
        redis.delete(name)
    second = gateway.candles("RELIANCE", Interval.DAY, date(2024, 9, 2), WEDNESDAY.date()).value
    assert (first[-1].volume, second[-1].volume) == (1, 2)
    assert first[:-1] == second[:-1]


@pytest.mark.django_db(transaction=True)
def test_what_arrived_is_cached_when_the_rest_fails(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    days_of(Interval.DAY, date(2024, 4, 1), date(2024, 4, 30))
    noted = Client.candles

    def failing(self: Client, contract: Contract, interval: Interval, first: date, last: date) -> list[Candle]:
        if last.month == 5:
            raise BrokerUnreachable("for the test")
        return noted(self, contract, interval, first, last)

    monkeypatch.setattr(Client, "candles", failing)
    with pytest.raises(BrokerUnreachable):
        days_of(Interval.DAY, date(2024, 3, 1), date(2024, 5, 31))
    monkeypatch.setattr(Client, "candles", noted)
    source.failures.clear()
    before = len(asked)
    assert gateway.candles("RELIANCE", Interval.DAY, date(2024, 3, 1), date(2024, 3, 31)).state == "hit"
    days_of(Interval.DAY, date(2024, 3, 1), date(2024, 5, 31))
    assert asked[before:] == [(Interval.DAY, date(2024, 5, 1), date(2024, 5, 31))]


def test_old_chunks_take_the_place_of_those_that_cannot_be_had(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = date(2024, 8, 1), date(2024, 9, 17)
    before = gateway.candles("RELIANCE", Interval.DAY, first, last)
    simulator.fail("historicaldata", "503")
    later = clock.timestamp() + timedelta(days=2).total_seconds()
    monkeypatch.setattr(clock, "timestamp", lambda: later)
    old = gateway.candles("RELIANCE", Interval.DAY, first, last)
    assert (old.state, old.value) == ("stale", before.value)


def test_without_an_old_chunk_the_brokers_error_is_shown(simulator: Simulator) -> None:
    simulator.fail("historicaldata", "503")
    with pytest.raises(BrokerError):
        days_of(Interval.DAY, date(2024, 8, 1), date(2024, 9, 17))
