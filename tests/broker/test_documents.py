"""Every request and answer of the broker goes through the client, in the shape that the broker's documents print."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django.fixtures import Settings

from broker.clock import IST
from broker.errors import BrokerRefused
from broker.iifl import endpoints
from broker.iifl.client import Client
from broker.iifl.endpoints import Endpoint
from broker.iifl.mapping import envelope, margins
from broker.iifl.session import TokenStore
from broker.iifl.transport import BeforeSend, noop
from broker.values import (
    Contract,
    Depth,
    DepthLevel,
    Interval,
    Leg,
    OpenInterest,
    OrderChange,
    OrderMargin,
    OrderParams,
    OrderReceipt,
    SpanMargin,
)
from tests.broker.wire import SAMPLES, kind, sample

INFY = Contract(
    exchange="NSEEQ",
    symbol="INFY",
    series="EQ",
    trading_symbol="INFY-EQ",
    instrument_id="1594",
    name="INFOSYS LIMITED",
    instrument_type="EQUITY",
    option_type="XX",
    strike_price=None,
    expiry=None,
    lot_size=1,
    tick_size=Decimal("0.05"),
)
# Not spoken by this site: streams over MQTT, another service's calculator, and an example of no route.
OUT_OF_SCOPE = {
    "brokerage_and_charges_request",
    "brokerage_and_charges_response",
    "order_and_trade_updates_connecting_and_subscribing_python_sdk_example_",
    "order_and_trade_updates_order_updates_packet",
    "order_and_trade_updates_trade_updates_packet",
    "request_response_structure_request_structure",
}


class Recorded:
    """In the transport's place: gives the documented answer, and keeps what was sent."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.sent: list[tuple[Endpoint, Any]] = []

    def call(
        self,
        endpoint: Endpoint,
        *,
        token: str | None = None,
        body: object = None,
        before_send: BeforeSend = noop,
        **parts: str,
    ) -> Any:
        self.sent.append((endpoint, body))
        return self._answer

    def download(self, endpoint: Endpoint, **parts: str) -> Iterator[bytes]:
        raise AssertionError("no document is a file")


class Known(TokenStore):
    """A session that is there."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def current(self) -> str | None:
        return "token"

    def save(self, token: str) -> None:
        self.kept.append(token)

    def invalidate(self, refused: str) -> None:
        self.kept.append(f"dropped {refused}")


def answered(answer: Any) -> tuple[Client, Recorded]:
    transport = Recorded(answer)
    return Client(transport, Known()), transport


class RecordedLogin(Recorded):
    """A login is followed by a look at whose session it is."""

    def call(self, endpoint: Endpoint, **sent: Any) -> Any:
        login = super().call(endpoint, **sent)
        return sample("user_profile_response") if endpoint is endpoints.PROFILE else login


def test_login(settings: Settings) -> None:
    settings.IIFL_CLIENT_ID = "70000001"
    store = Known()
    transport = RecordedLogin(sample("user_get_user_session_response"))
    Client(transport, store).login("AC1")
    assert len(store.kept) == 1
    (endpoint, body), (then, _) = transport.sent
    assert (endpoint, then) == (endpoints.LOGIN, endpoints.PROFILE)
    assert body.keys() == sample("user_get_user_session_request").keys()


def test_logout_drops_the_session() -> None:
    store = Known()
    Client(Recorded(sample("user_logout_response")), store).logout()
    assert store.kept == ["dropped token"]


def test_profile() -> None:
    client, _ = answered(sample("user_profile_response"))
    found = client.profile()
    assert (found.name, found.account_status) == ("Asha Rao", "")
    assert found.exchanges


def test_limits() -> None:
    client, transport = answered(sample("user_limits_response"))
    found = client.margins()
    assert (found.trading_limit, found.intraday_payin) == (Decimal("1475000"), Decimal("1500000"))
    assert found.blocked_for_payout == Decimal("25000")
    assert [endpoint.name for endpoint, _ in transport.sent] == ["limits"]


def test_an_empty_pool_is_looked_for_in_both_its_parts() -> None:
    answer = sample("user_limits_response")
    answer["result"] = dict.fromkeys(answer["result"], 0.0)
    client, transport = answered(answer)
    assert client.margins().trading_limit == 0
    assert [endpoint.name for endpoint, _ in transport.sent] == ["limits", "limits/equity", "limits/fno"]


def test_holdings() -> None:
    client, _ = answered(sample("portfolio_holdings_response"))
    (found,) = client.holdings()
    assert (found.isin, found.symbol, found.instrument_id) == ("INE002A01018", "RELIANCE", "2885")
    assert (found.quantity, found.average_price, found.previous_close) == (120, Decimal("2410.50"), None)


def test_positions() -> None:
    client, _ = answered(sample("portfolio_positions_response"))
    (found,) = client.positions()
    assert (found.trading_symbol, found.exchange, found.net_quantity) == ("NIFTY26JANFUT", "NSEFO", 130)
    assert (found.day_buy_value, found.previous_close) == (Decimal("1712766.25"), Decimal("26308.85"))


def test_order_book() -> None:
    client, _ = answered(sample("orders_order_book_response"))
    found = client.orders()[0]
    assert (found.symbol, found.instrument_id, found.quantity, found.price) == ("INFY", "1594", 5, Decimal("1480"))


def test_trade_book() -> None:
    client, _ = answered(sample("orders_trade_book_response"))
    found = client.trades()[0]
    assert (found.quantity, found.price) == (400, Decimal(11))
    assert found.traded_at == datetime(2026, 1, 5, 14, 2, 33, tzinfo=IST)


def test_candles() -> None:
    client, transport = answered(sample("market_data_apis_historical_candlestick_chart_data_response"))
    asked = sample("market_data_apis_historical_candlestick_chart_data_request")
    client.candles(INFY, Interval.DAY, date(2026, 1, 5), date(2026, 1, 6))
    ((_, body),) = transport.sent
    assert {name.lower() for name in body} == {name.lower() for name in asked}


def test_quotes() -> None:
    client, transport = answered(sample("market_data_apis_market_quotes_response"))
    found = client.quotes([INFY])
    assert found["NSEEQ", "1594"].ltp == Decimal("1482.35")
    ((_, body),) = transport.sent
    assert body == [{"exchange": "NSEEQ", "instrumentId": "1594"}]
    assert body[0].items() <= sample("market_data_apis_market_quotes_request")[0].items()


def test_depth() -> None:
    client, transport = answered(sample("market_data_apis_market_depth_response"))
    assert client.depth(INFY) == Depth(
        exchange="NSEFO",
        symbol="",
        instrument_id="51714",
        bids=[DepthLevel(price=Decimal(26350), quantity=130, orders=2)],
        asks=[DepthLevel(price=Decimal(26351), quantity=195, orders=3)],
        total_bid_quantity=301215,
        total_ask_quantity=187009,
    )
    assert transport.sent[0][1] == sample("market_data_apis_market_depth_request")


def test_open_interest() -> None:
    client, transport = answered(sample("market_data_apis_open_interest_response"))
    assert client.open_interest(INFY) == OpenInterest(
        exchange="NSEFO",
        symbol="",
        instrument_id="51714",
        open_interest=12415000,
        day_high=12480000,
        day_low=11902000,
    )
    assert transport.sent[0][1] == sample("market_data_apis_open_interest_request")


def test_margin_before_an_order() -> None:
    client, transport = answered(sample("margin_pre_order_margin_response"))
    asked = sample("margin_pre_order_margin_request")
    wanted = OrderParams(
        side="SELL",
        quantity=65,
        product="NORMAL",
        order_type="MARKET",
        price=Decimal("1480.55"),
        trigger_price=Decimal("1485.2"),
        stop_loss_leg_price=Decimal(1470),
        target_leg_price=Decimal(1530),
    )
    assert client.order_margin(INFY, wanted) == OrderMargin(
        cash_available=Decimal("1475000.00"),
        used_before=Decimal("54200.00"),
        used_after=Decimal("69305.40"),
        required=Decimal("15105.40"),
        allowed=True,
        shortfall=Decimal("0.00"),
    )
    assert transport.sent[0][1] == asked | {"instrumentId": "1594", "exchange": "NSEEQ"}


@pytest.mark.parametrize(
    ("name", "verdict", "allowed"),
    [("rmsValidationCheck", "OK", True), ("rmsValidationCheck", "NOT_OK", False), ("other", "OK", None)],
)
def test_the_verdict_on_an_order_goes_by_two_names(name: str, verdict: str, allowed: bool | None) -> None:
    answer = sample("margin_pre_order_margin_response")
    del answer["rmsvalidationMessage"]
    assert margins.order_margin(answer | {name: verdict, "fundShort": ""}).allowed is allowed


def test_span_and_exposure() -> None:
    client, transport = answered(sample("margin_span_and_exposure_margin_response"))
    asked = sample("margin_span_and_exposure_margin_request")
    legs = [
        Leg(contract=_future(leg["instrumentId"]), side=leg["transactionType"], quantity=leg["quantity"])
        for leg in asked
    ]
    assert client.span_margin(legs) == SpanMargin(
        span=Decimal("21090.00"),
        exposure=Decimal("8122.50"),
        total=Decimal("29212.50"),
        buy_premium=Decimal("0.00"),
    )
    assert transport.sent[0][1] == asked


def _future(instrument_id: str) -> Contract:
    return msgspec.structs.replace(INFY, exchange="NSEFO", instrument_id=instrument_id)


RECEIPT = OrderReceipt(order_id="260105000000017", taken_at=datetime(2026, 1, 5, 10, 21, 8, tzinfo=IST))


def test_placing_an_order() -> None:
    client, transport = answered(sample("orders_place_order_response"))
    (asked,) = sample("orders_place_order_request")
    wanted = OrderParams(
        side="BUY",
        quantity=5,
        product="INTRADAY",
        order_type="MARKET",
        price=Decimal("1480.55"),
        trigger_price=Decimal("1485.2"),
        stop_loss_leg_price=Decimal(1470),
        target_leg_price=Decimal(1530),
        disclosed_quantity=2,
        market_protection_percent=Decimal(3),
        tag="first leg",
    )
    assert client.place_order(INFY, wanted) == RECEIPT
    # Partners name themselves there; an algorithm's number is given to those that are registered.
    not_sent = {"apiOrderSource", "algoId"}
    assert transport.sent == [
        (endpoints.PLACE_ORDER, [{name: value for name, value in asked.items() if name not in not_sent}])
    ]


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (
            "",
            OrderChange(
                quantity=4,
                order_type="MARKET",
                validity="DAY",
                price=Decimal("1480.55"),
                trigger_price=Decimal("1485.2"),
                disclosed_quantity=2,
                market_protection_percent=Decimal(3),
            ),
        ),
        ("_2", OrderChange(quantity=25)),
        ("_3", OrderChange(order_type="LIMIT", price=Decimal(1475))),
        ("_4", OrderChange(order_type="SL", trigger_price=Decimal(1460))),
    ],
    ids=["all", "quantity", "limit", "stop"],
)
def test_changing_an_order_sends_what_changes(number: str, change: OrderChange) -> None:
    client, transport = answered(sample("orders_modify_order_response"))
    asked = sample(f"orders_modify_order_request{number}")
    assert client.change_order(RECEIPT.order_id, change) == RECEIPT
    # The documents print a list once; their use cases, and all clients, send the object.
    assert transport.sent == [(endpoints.CHANGE_ORDER, asked[0] if isinstance(asked, list) else asked)]


def test_cancelling_an_order() -> None:
    client, transport = answered(sample("orders_cancel_order_response"))
    assert client.cancel_order(RECEIPT.order_id) == RECEIPT
    assert transport.sent == [(endpoints.CANCEL_ORDER, None)]


def test_the_example_of_an_answers_structure_is_read() -> None:
    assert envelope.result(sample("request_response_structure_response_structure_example")) is not None


def test_a_refusal_inside_ok_is_an_error() -> None:
    client, _ = answered(sample("historicaldata_EC804_inside_Ok"))
    with pytest.raises(BrokerRefused) as refused:
        client.candles(INFY, Interval.DAY, date(2026, 1, 5), date(2026, 1, 6))
    assert refused.value.ec == "EC804"


# --- the documents themselves ----------------------------------------------------------------------------------

READS: dict[str, Callable[[Client], object]] = {
    "user_profile_response": Client.profile,
    "user_limits_response": Client.margins,
    "portfolio_holdings_response": Client.holdings,
    "portfolio_positions_response": Client.positions,
    "orders_order_book_response": Client.orders,
    "orders_trade_book_response": Client.trades,
    "market_data_apis_historical_candlestick_chart_data_response": lambda client: client.candles(
        INFY, Interval.DAY, date(2024, 11, 11), date(2024, 11, 12)
    ),
    "market_data_apis_market_quotes_response": lambda client: client.quotes([INFY]),
    "market_data_apis_market_depth_response": lambda client: client.depth(INFY),
    "market_data_apis_open_interest_response": lambda client: client.open_interest(INFY),
    "orders_cancel_order_response": lambda client: client.cancel_order("240919000000041"),
}


@pytest.fixture
def printed(shared_data: Path) -> dict[str, Any]:
    """The bodies that the documents print, and the recorded one, by the names of their files."""
    files = [*shared_data.glob("iifl_doc_examples/*.json"), *shared_data.glob("iifl_recorded/*.json")]
    return {file.stem: json.loads(file.read_text()) for file in files}


def test_the_samples_are_all_the_bodies_of_the_documents_in_their_shape(printed: dict[str, Any]) -> None:
    samples = {file.stem: kind(sample(file.stem)) for file in SAMPLES.glob("*.json")}
    assert samples == {name: kind(body) for name, body in printed.items() if name not in OUT_OF_SCOPE}


@pytest.mark.parametrize("name", READS)
def test_an_answer_is_read_as_it_is_printed(printed: dict[str, Any], name: str) -> None:
    client, _ = answered(printed[name])
    assert READS[name](client)
