"""What the gateway keeps in Redis, under which keys, for how long; and what it never keeps."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from broker import gateway, portfolio
from broker.clock import IST
from broker.errors import BrokerRefused, BrokerUnreachable, UnknownExchange, UnknownSymbol
from broker.simulator import Simulator
from broker.values import Interval
from systemcache import process_state
from systemcache.cached_value import CachedValue

pytestmark = pytest.mark.django_db

Kept = Callable[[], dict[str, int]]
WEDNESDAY = datetime(2024, 9, 18, 12, 0, tzinfo=IST)
DAYS = (date(2024, 9, 2), date(2024, 9, 13))


def history(symbol: str = "RELIANCE", interval: Interval = Interval.DAY, **more: Any) -> CachedValue[Any]:
    return gateway.candles(symbol, interval, *DAYS, **more)


READS: dict[str, tuple[Callable[[], Any], str, str, int]] = {
    # family: (read, the broker's route, key, TTL)
    "holdings": (gateway.holdings, "holdings", "api:holdings", 30),
    "positions": (gateway.positions, "positions", "api:positions", 30),
    "margins": (gateway.margins, "limits", "api:margins", 300),
    "orders": (gateway.orders, "orders", "api:orders", 300),
    "trades": (gateway.trades, "trades", "api:trades", 300),
    "profile": (gateway.profile, "profile", "api:profile", 300),
    "contracts": (lambda: gateway.contracts("NSEEQ"), "contractfiles", "api:contracts:NSEEQ", 3600),
    "quotes": (lambda: gateway.quotes(["RELIANCE"])[0], "marketquotes", "api:quotes:NSEEQ:RELIANCE", 2),
    "candles": (history, "historicaldata", "api:candles:RELIANCE:1d:2024-09-01:2024-09-30", 86_400),
}
any_read = pytest.mark.parametrize(("read", "route", "key", "ttl"), READS.values(), ids=READS.keys())


def times_called(simulator: Simulator, route: str) -> int:
    return [call.route for call in simulator.calls].count(route)


@any_read
def test_a_value_is_kept_under_the_documented_key_for_its_time(
    simulator: Simulator, kept: Kept, read: Callable[[], Any], route: str, key: str, ttl: int
) -> None:
    assert read().state == "miss"
    assert ttl - 1 <= kept()[key] <= ttl
    again = read()
    assert again.state == "hit"
    assert times_called(simulator, route) == 1


@any_read
def test_what_redis_gives_back_equals_what_the_broker_gave(
    simulator: Simulator, redis: Redis, read: Callable[[], Any], route: str, key: str, ttl: int
) -> None:
    loaded = read()
    assert read().value == loaded.value


def test_the_computed_values_have_their_keys_and_times(simulator: Simulator, kept: Kept) -> None:
    portfolio.summary()
    portfolio.risk()
    found = kept()
    for key, ttl in {"computed:portfolio:summary": 60, "computed:risk": 30}.items():
        assert ttl - 1 <= found[key] <= ttl


def test_every_key_of_the_broker_has_an_end(simulator: Simulator, kept: Kept) -> None:
    for read, *_ in READS.values():
        read()
    portfolio.summary()
    assert min(kept().values()) > 0


@pytest.mark.parametrize(
    ("interval", "last", "ttl"),
    [
        (Interval.DAY, date(2024, 9, 18), 60),
        (Interval.DAY, date(2024, 9, 19), 60),
        (Interval.DAY, date(2024, 9, 17), 60),  # kept with the month's other days
        (Interval.DAY, date(2024, 8, 31), 86_400),
        (Interval.MINUTES_5, date(2024, 9, 18), 60),
        (Interval.MINUTES_5, date(2024, 9, 17), 86_400),
        (Interval.WEEK, date(2024, 1, 1), 60),  # with the year's other weeks, of which one still grows
        (Interval.WEEK, date(2023, 12, 31), 86_400),
        (Interval.MONTH, date(2024, 1, 1), 60),
        (Interval.MONTH, date(2023, 12, 31), 86_400),
    ],
)
def test_candles_are_kept_for_a_minute_until_the_last_of_them_is_final(
    simulator: Simulator,
    kept: Kept,
    set_clock: Callable[[datetime], None],
    interval: Interval,
    last: date,
    ttl: int,
) -> None:
    set_clock(WEDNESDAY)
    gateway.candles("RELIANCE", interval, last, last)
    (found,) = [left for key, left in kept().items() if key.startswith(f"api:candles:RELIANCE:{interval}:")]
    assert ttl - 1 <= found <= ttl


@pytest.mark.parametrize(
    ("moment", "ttl"),
    [
        (datetime(2024, 9, 18, 23, 59, 59, tzinfo=IST), 60),
        (datetime(2024, 9, 19, 0, 0, 0, tzinfo=IST), 86_400),
    ],
)
def test_a_day_is_final_from_indian_midnight_on(
    simulator: Simulator, kept: Kept, set_clock: Callable[[datetime], None], moment: datetime, ttl: int
) -> None:
    set_clock(moment)
    day = WEDNESDAY.date()
    gateway.candles("RELIANCE", Interval.MINUTES_5, day, day)
    assert ttl - 1 <= kept()[f"api:candles:RELIANCE:5m:{day}:{day}"] <= ttl


@any_read
def test_a_code_inside_ok_is_not_cached_and_the_next_read_asks_again(
    simulator: Simulator, kept: Kept, read: Callable[[], Any], route: str, key: str, ttl: int
) -> None:
    simulator.fail(route, "EC003", times=1)
    with pytest.raises(BrokerRefused, match="EC003"):
        read()
    assert key not in kept()
    process_state.reset()  # a moment later
    assert read().value
    assert key in kept()
    assert times_called(simulator, route) == 2


@any_read
def test_while_the_broker_fails_cached_values_are_served(
    simulator: Simulator,
    redis: Redis,
    settings: Settings,
    read: Callable[[], Any],
    route: str,
    key: str,
    ttl: int,
) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": 60}
    loaded = read()
    simulator.fail("all", "500")
    again = read()
    assert (again.state, again.value) == ("hit", loaded.value)


def test_what_is_kept_stays_within_reach_when_the_contract_file_is_gone(simulator: Simulator, redis: Redis) -> None:
    history()
    redis.delete("iifl:SIM0001:api:contracts:NSEEQ")
    gateway.clear_symbol_cache()
    simulator.fail("all", "500")
    assert history().state == "hit"


@any_read
def test_without_redis_everything_is_served_from_the_broker(
    simulator: Simulator, read: Callable[[], Any], route: str, key: str, ttl: int
) -> None:
    assert [read().state, read().state] == ["bypass", "bypass"]
    # The contract file is in the database by then.
    assert times_called(simulator, route) == (1 if route == "contractfiles" else 2)


@any_read
def test_without_redis_the_broker_is_not_overrun(
    simulator: Simulator, settings: Settings, read: Callable[[], Any], route: str, key: str, ttl: int
) -> None:
    settings.CACHE_DEGRADED_HOLD = 60
    for _ in range(5):
        assert read().state == "bypass"
    assert times_called(simulator, route) == 1


@pytest.mark.parametrize("spelling", ["RELIANCE", "reliance", " Reliance ", "RELIANCE-EQ"])
def test_all_spellings_of_a_symbol_share_one_key(simulator: Simulator, kept: Kept, spelling: str) -> None:
    history(spelling)
    gateway.quotes([spelling])
    assert set(kept()) == {
        "api:contracts:NSEEQ",
        "api:candles:RELIANCE:1d:2024-09-01:2024-09-30",
        "api:quotes:NSEEQ:RELIANCE",
    }


def test_another_exchange_stands_in_the_key(simulator: Simulator, kept: Kept) -> None:
    history("RELIANCE", exchange="BSEEQ")
    gateway.quotes(["RELIANCE"], "BSEEQ")
    assert {"api:candles:RELIANCE@BSEEQ:1d:2024-09-01:2024-09-30", "api:quotes:BSEEQ:RELIANCE"} <= set(kept())
    assert history("RELIANCE").state == "miss"


def test_a_share_of_another_series_stands_in_the_key_with_it(simulator: Simulator, kept: Kept) -> None:
    history("RELINFRA")
    assert "api:candles:RELINFRA-BE:1d:2024-09-01:2024-09-30" in kept()


def shares(count: int) -> list[str]:
    listed = gateway.contract_page("NSEEQ", "", 0, 1_000)[1].contracts
    equities = [item.symbol for item in listed if item.series == "EQ"]
    assert len(equities) >= count
    return equities[:count]


@pytest.mark.parametrize(("missing", "calls"), [(1, 1), (25, 1), (26, 2)])
def test_missing_quotes_are_asked_for_by_twenty_five(
    simulator: Simulator, redis: Redis, missing: int, calls: int
) -> None:
    found = gateway.quotes(shares(missing))
    assert times_called(simulator, "marketquotes") == calls
    assert [quote.value.symbol for quote in found if quote] == shares(missing)


def test_only_missing_quotes_are_asked_for(simulator: Simulator, redis: Redis, settings: Settings) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": 60}
    names = shares(26)
    gateway.quotes(names[5:6])
    found = gateway.quotes(names)
    assert times_called(simulator, "marketquotes") == 2
    assert [quote.state for quote in found if quote] == ["miss"] * 5 + ["hit"] + ["miss"] * 20


def test_a_symbol_asked_for_twice_is_answered_twice_and_called_once(simulator: Simulator, redis: Redis) -> None:
    first, second = gateway.quotes(["INFY", "INFY"])
    assert first is not None
    assert second is not None
    assert first.value == second.value
    assert times_called(simulator, "marketquotes") == 1


def test_a_quote_that_the_broker_does_not_have_is_none_and_is_not_cached(simulator: Simulator, kept: Kept) -> None:
    simulator.fail("marketquotes", "empty")
    assert gateway.quotes(["RELIANCE"]) == [None]
    assert "api:quotes:NSEEQ:RELIANCE" not in kept()


def test_an_empty_book_is_a_value_and_is_cached(simulator: Simulator, kept: Kept) -> None:
    simulator.fail("positions", "empty")
    assert gateway.positions().value == []
    assert gateway.positions().state == "hit"
    assert times_called(simulator, "positions") == 1


@pytest.mark.parametrize("exchange", ["XX", "NCDEXCOMM", "nseeq", "", "*"])
def test_an_exchange_without_a_contract_file_is_unknown_and_nothing_is_called(
    simulator: Simulator, exchange: str
) -> None:
    with pytest.raises(UnknownExchange, match="exchange"):
        gateway.contracts(exchange)
    with pytest.raises(UnknownExchange):
        gateway.resolve("RELIANCE", exchange)
    assert simulator.calls == ()


def test_one_unknown_symbol_among_known_ones_is_named_and_no_price_is_asked_for(
    simulator: Simulator, redis: Redis
) -> None:
    with pytest.raises(UnknownSymbol, match="RELIANC"):
        gateway.quotes(["INFY", "RELIANC"])
    assert times_called(simulator, "marketquotes") == 0


def test_the_probe_says_that_the_broker_is_down_and_remembers_it_for_a_moment(
    simulator: Simulator, redis: Redis
) -> None:
    simulator.fail("all", "500")
    down = gateway.status()
    assert not down.up
    assert "500" in down.detail
    simulator.clear_faults()
    assert gateway.status() == down
    redis.delete("iifl:SIM0001:api:status")
    assert gateway.status().up


def test_an_error_of_one_batch_is_an_error_of_the_whole_and_leaves_nothing_half_kept(
    simulator: Simulator, kept: Kept
) -> None:
    names = shares(26)
    gateway.resolve("RELIANCE")
    simulator.fail("marketquotes", "500")
    with pytest.raises(BrokerUnreachable):
        gateway.quotes(names)
    assert set(kept()) == {"api:contracts:NSEEQ"}
