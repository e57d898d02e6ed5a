"""Every answer and every cached value is the instrument's that was asked for, and a shown symbol means its contract."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis
from rest_framework.test import APIClient

from broker import gateway, portfolio
from broker.clock import IST
from broker.errors import BrokerAnswerUnclear, BrokerUnreachable
from broker.iifl import endpoints
from broker.iifl.client import default_client
from broker.iifl.endpoints import Endpoint
from broker.iifl.mapping.fields import calendar_day
from broker.values import Interval
from systemcache import clock
from tests.broker.contract_files import put, share
from tests.broker.wire import answer_calls, ok
from tests.support.people import client_of
from watchlist import generation

pytestmark = pytest.mark.django_db

Clock = Callable[[datetime], None]
MONDAY = datetime(2026, 11, 2, 12, 0, tzinfo=IST)


class Broker:
    """Answers each endpoint with what `answers` holds, and candles by instrument at `prices`."""

    def __init__(self) -> None:
        self.answers: dict[Endpoint, Any] = {}
        self.prices: dict[str, int] = {}
        self.calls: list[tuple[Endpoint, Any]] = []

    def call(self, endpoint: Endpoint, body: Any) -> Any:
        self.calls.append((endpoint, body))
        answer = self._candles(body) if endpoint is endpoints.CANDLES else self.answers[endpoint]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _candles(self, body: dict[str, str]) -> Any:
        first, last = (calendar_day(body[name]) for name in ("fromDate", "toDate"))
        assert first
        assert last
        price = self.prices[body["instrumentId"]]
        days = [first + number * timedelta(days=1) for number in range((last - first).days + 1)]
        rows = [[f"{day}T09:15:00", price, price + 1, price - 1, price, 10] for day in days if day.weekday() < 5]
        return ok([{"candles": rows}])

    def quotes(self, **prices: float) -> None:
        self.answers[endpoints.QUOTES] = ok(
            [{"exchange": "NSEEQ", "instrumentId": int(name[1:]), "ltp": ltp} for name, ltp in prices.items()]
        )


@pytest.fixture
def broker(db: None, monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    answer_calls(monkeypatch, lambda endpoint, body: broker.call(endpoint, body))
    return broker


def reassign(*rows: dict[str, Any], file: str = "NSEEQ") -> None:
    """A refreshed contract file, a minute later."""
    put(file, rows)
    gateway.clear_symbol_cache()


# --- answers ---------------------------------------------------------------------------------------------------

DEPTH = {"bids": [{"price": 1500.0, "quantity": 4, "orders": 1}], "asks": []}


@pytest.mark.parametrize(
    ("of", "known"),
    [
        ({"exchange": "NSEEQ", "instrumentId": 1594}, True),
        ({"exchange": "NSEEQ", "InstrumentId": "1594"}, True),
        ({"instrumentId": 1594}, True),
        ({"exchange": "NSEEQ", "instrumentId": 2885}, False),
        ({"exchange": "BSEEQ", "instrumentId": 1594}, False),
        ({"exchange": "NSEEQ"}, False),
    ],
)
def test_depth_and_open_interest_are_the_instruments_or_a_502(
    broker: Broker, trader: APIClient, of: dict[str, Any], known: bool
) -> None:
    put("NSEEQ", [share("INFY-EQ", 1594)])
    broker.answers[endpoints.DEPTH] = ok({**of, "marketDepth": DEPTH})
    broker.answers[endpoints.OPEN_INTEREST] = {**of, "openInterest": 5}
    for route in ("depth", "openinterest"):
        answer = trader.get(f"/api/broker/{route}", {"symbol": "INFY", "exchange": "NSEEQ"}, follow=True)
        if known:
            assert answer.json()["data"]["instrument_id"] == "1594"
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "broker_answer_unclear")


def test_a_quote_of_another_instrument_is_a_502_and_none_at_all_is_unquoted(broker: Broker) -> None:
    put("NSEEQ", [share("INFY-EQ", 1594), share("SBIN-EQ", 3045)])
    broker.quotes(i2885=1400)
    with pytest.raises(BrokerAnswerUnclear, match="NSEEQ 1594"):
        gateway.quotes(["INFY"])
    broker.answers[endpoints.QUOTES] = ok([{"exchange": "Z", "instrumentId": 0, "ltp": 0}])
    assert gateway.quotes(["SBIN"]) == [None]


@pytest.mark.parametrize(("number", "status"), [("240919000000041", 200), ("", 200), ("240919000000042", 502)])
def test_a_history_is_the_orders_or_a_502(broker: Broker, trader: APIClient, number: str, status: int) -> None:
    row = {"brokerOrderId": number, "instrumentId": "1594", "orderStatus": "complete"}
    broker.answers[endpoints.ORDER_HISTORY] = ok([row])
    assert trader.get("/api/broker/orders/240919000000041").status_code == status


# --- cached values ---------------------------------------------------------------------------------------------


def prices(symbol: str, first: str = "2026-10-01", last: str = "2026-10-31", **options: Any) -> set[Decimal]:
    interval = options.get("interval", Interval.DAY)
    candles = gateway.candles(symbol, interval, date.fromisoformat(first), date.fromisoformat(last))
    return {candle.close for candle in candles.value}


def test_candles_of_a_reassigned_symbol_are_the_new_instruments(broker: Broker, redis: Redis, set_clock: Clock) -> None:
    set_clock(MONDAY)
    broker.prices = {"3045": 850, "9999": 20}
    put("NSEEQ", [share("SBIN-EQ", 3045)])
    assert prices("SBIN") == {Decimal(850)}
    reassign(share("SBIN-EQ", 9999))
    assert prices("SBIN") == {Decimal(20)}
    october = gateway.candles("SBIN", Interval.DAY, date(2026, 10, 1), date(2026, 10, 31))
    assert (october.state, october.value[0].close) == ("hit", Decimal(20))
    assert redis.exists("iifl:SIM0001:api:candles:SBIN:1d:2026-10-01:2026-10-31")


def test_candles_of_a_reassigned_symbol_are_an_error_rather_than_the_old_instruments(
    broker: Broker, redis: Redis, set_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(MONDAY)
    broker.prices = {"3045": 850}
    put("NSEEQ", [share("SBIN-EQ", 3045)])
    prices("SBIN")
    reassign(share("SBIN-EQ", 9999))

    def unreachable(endpoint: Endpoint, body: Any) -> Any:
        raise BrokerUnreachable("for the test")

    monkeypatch.setattr(broker, "call", unreachable)
    for _ in range(2):
        with pytest.raises(BrokerUnreachable):
            prices("SBIN")


def test_a_process_that_has_not_heard_of_the_new_instrument_does_not_pass_its_candles_on(
    broker: Broker, redis: Redis, set_clock: Clock
) -> None:
    set_clock(MONDAY)
    broker.prices = {"3045": 850, "9999": 20}
    for number in (3045, 9999, 3045, 9999, 3045):  # as if two processes took turns
        reassign(share("SBIN-EQ", number))
        assert prices("SBIN") == {Decimal(broker.prices[str(number)])}


def test_quotes_depth_and_open_interest_of_a_reassigned_symbol_are_the_new_instruments(
    broker: Broker, redis: Redis
) -> None:
    for number in (3045, 9999):
        reassign(share("SBIN-EQ", number))
        of = {"exchange": "NSEEQ", "instrumentId": number}
        broker.quotes(**{f"i{number}": number})
        broker.answers[endpoints.DEPTH] = ok({**of, "marketDepth": DEPTH})
        broker.answers[endpoints.OPEN_INTEREST] = {**of, "openInterest": number}
        (quote,) = gateway.quotes(["SBIN"])
        assert quote
        assert (quote.value.instrument_id, quote.value.ltp) == (str(number), Decimal(number))
        assert gateway.depth("SBIN").value.instrument_id == str(number)
        assert gateway.open_interest("SBIN", "NSEEQ").value.open_interest == number


def test_two_contracts_of_one_name_have_a_quote_each(broker: Broker, redis: Redis) -> None:
    put("NSEEQ", [share("SBIN-EQ", 3045)])
    contract = gateway.resolve("SBIN")
    other = type(contract)(
        **{name: getattr(contract, name) for name in contract.__struct_fields__ if name != "instrument_id"},
        instrument_id="77",
    )
    broker.quotes(i3045=850, i77=5)
    for _ in range(2):
        found = gateway.quotes_of([contract, other])
        assert [quote and quote.value.ltp for quote in found] == [850, 5]


# --- symbols that are shown ------------------------------------------------------------------------------------

SERIES = [
    share("AARTISURF-P1", 700),
    share("AARTISURF-EQ", 701),
    share("RELINFRA-BE", 702),
    share("BAJAJ-AUTO-EQ", 703),
]


@pytest.mark.parametrize(
    ("trading_symbol", "number", "symbol"),
    [
        ("AARTISURF-P1", "700", "AARTISURF-P1"),
        ("AARTISURF-EQ", "701", "AARTISURF"),
        ("RELINFRA-BE", "702", "RELINFRA-BE"),
        ("BAJAJ-AUTO-EQ", "703", "BAJAJ-AUTO"),
    ],
)
def test_a_symbol_given_back_names_the_same_contract(
    broker: Broker, trading_symbol: str, number: str, symbol: str
) -> None:
    put("NSEEQ", SERIES)
    row: dict[str, Any] = {
        "exchange": "NSEEQ",
        "tradingSymbol": trading_symbol,
        "instrumentId": number,
        "brokerOrderId": "1",
    }
    row |= {"netQuantity": 1, "quantity": 1, "filledQuantity": 1, "totalQuantity": 1, "tradedPrice": 5}
    row |= {"nseTradingSymbol": trading_symbol, "nseInstrumentId": number}
    for endpoint in (endpoints.POSITIONS, endpoints.ORDERS, endpoints.TRADES, endpoints.HOLDINGS):
        broker.answers[endpoint] = ok([row])
    client = default_client()
    for rows in (client.positions(), client.orders(), client.trades(), client.holdings()):
        assert rows[0].symbol == symbol
        assert gateway.resolve(rows[0].symbol, rows[0].exchange).instrument_id == number


def test_the_largest_holdings_do_not_add_series_up(broker: Broker) -> None:
    put("NSEEQ", SERIES)
    rows = [
        {"nseTradingSymbol": name, "nseInstrumentId": number, "totalQuantity": 10, "averageTradedPrice": 90}
        for name, number in (("AARTISURF-P1", "700"), ("AARTISURF-EQ", "701"))
    ]
    broker.answers |= {endpoints.HOLDINGS: ok(rows), endpoints.POSITIONS: ok([])}
    broker.answers[endpoints.LIMITS] = ok({"tradingLimit": 1000, "utilizedMargin": 0})
    broker.quotes(i700=100, i701=500)
    largest = portfolio.risk().value.largest
    assert [f"{weight.symbol} {weight.value}" for weight in largest] == ["AARTISURF 5000.00", "AARTISURF-P1 1000.00"]


# --- splits and bonuses ----------------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the cache's clock, which decides what is fresh."""
    started, moved = clock.timestamp(), [0.0]
    monkeypatch.setattr(clock, "timestamp", lambda: started + moved[0])

    def by(seconds: float) -> None:
        moved[0] += seconds

    return by


@pytest.mark.parametrize(
    ("interval", "first"),
    [
        (Interval.DAY, "2026-08-01"),
        (Interval.WEEK, "2024-08-01"),
        (Interval.MONTH, "2024-08-01"),
        (Interval.MINUTES_60, "2026-08-01"),
        (Interval.MINUTE, "2026-10-28"),
    ],
)
def test_old_and_new_prices_are_never_side_by_side(
    broker: Broker, redis: Redis, set_clock: Clock, later: Callable[[float], None], interval: Interval, first: str
) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])
    broker.prices = {"1594": 1000}
    assert prices("INFY", first, "2026-11-02", interval=interval) == {Decimal(1000)}
    broker.prices = {"1594": 500}
    later(61)  # today's chunk has ended, the older ones have not
    assert prices("INFY", first, "2026-11-02", interval=interval) == {Decimal(500)}
    calls = len(broker.calls)
    assert prices("INFY", first, "2026-11-02", interval=interval) == {Decimal(500)}
    assert len(broker.calls) == calls


def test_a_chunk_loaded_before_an_older_one_is_not_beside_it(broker: Broker, redis: Redis, set_clock: Clock) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])
    broker.prices = {"1594": 1000}
    prices("INFY", "2026-10-01", "2026-10-31")
    broker.prices = {"1594": 500}
    assert prices("INFY", "2026-08-01", "2026-10-31") == {Decimal(500)}


def test_a_small_correction_of_a_close_costs_no_second_load(
    broker: Broker, redis: Redis, set_clock: Clock, later: Callable[[float], None]
) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])
    broker.prices = {"1594": 10_000}
    prices("INFY", "2026-08-01", "2026-11-02")
    broker.prices = {"1594": 10_001}
    later(61)
    calls = len(broker.calls)
    assert prices("INFY", "2026-08-01", "2026-11-02") == {Decimal(10_000), Decimal(10_001)}
    assert len(broker.calls) == calls + 1


def test_without_an_answer_of_the_new_adjustment_there_is_an_error(
    broker: Broker, redis: Redis, set_clock: Clock, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])
    broker.prices = {"1594": 1000}
    prices("INFY", "2026-08-01", "2026-11-02")
    broker.prices = {"1594": 500}
    later(61)
    prices("INFY", "2026-11-02", "2026-11-02")
    monkeypatch.setattr(broker, "call", lambda *_: (_ for _ in ()).throw(BrokerUnreachable("for the test")))
    with pytest.raises(BrokerUnreachable):
        prices("INFY", "2026-08-01", "2026-11-02")


def test_after_a_split_a_strategy_sees_new_prices_alone(
    broker: Broker,
    redis: Redis,
    set_clock: Clock,
    later: Callable[[float], None],
    make_user: Callable[..., Any],
) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])
    owner = client_of(make_user("owner", "watchlist.add_signal", "broker.view_account"))
    asked = {"symbol": "INFY", "strategy": "breakout", "interval": "1d"}
    query = {"symbol": "INFY", "interval": "1d", "from": "2026-08-01", "to": "2026-11-02"}
    broker.prices = {"1594": 1000}
    assert _closes(owner, query) == {Decimal(1000)}
    broker.prices = {"1594": 500}
    later(61)
    assert _closes(owner, query) == {Decimal(500)}
    outcome = owner.post("/api/signals/generate", asked).json()["data"]
    assert (outcome["proposal"], outcome["signal"]) == (None, None)


def test_what_a_strategy_made_of_old_prices_ends_with_them(
    broker: Broker, redis: Redis, set_clock: Clock, later: Callable[[float], None]
) -> None:
    set_clock(MONDAY)
    put("NSEEQ", [share("INFY-EQ", 1594)])

    def generated() -> str:
        return generation.generate(gateway.resolve("INFY"), "breakout", "1d").state

    broker.prices = {"1594": 1000}
    assert [generated(), generated()] == ["miss", "hit"]
    broker.prices = {"1594": 500}
    later(61)
    prices("INFY", "2026-08-01", "2026-11-02")
    assert generated() == "miss"


def _closes(api: APIClient, query: dict[str, str]) -> set[Decimal]:
    return {Decimal(candle["close"]) for candle in api.get("/api/broker/candles", query).json()["data"]}
