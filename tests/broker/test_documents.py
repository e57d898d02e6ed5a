"""Every body that the broker's documents print, and the recorded one, goes through the client."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker import endpoints
from broker.client import Client
from broker.endpoints import Endpoint
from broker.errors import BrokerRefused
from broker.mapping import envelope, needs
from broker.tokens import TokenStore
from broker.transport import Ready, nothing
from broker.values import (
    IST,
    Contract,
    Depth,
    DepthLevel,
    Interval,
    Leg,
    OpenInterest,
    OrderChange,
    OrderMargin,
    OrderReceipt,
    SpanMargin,
    WantedOrder,
)

Documented = Callable[[str], Any]

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
        ready: Ready = nothing,
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

    def keep(self, token: str) -> None:
        self.kept.append(token)

    def drop(self, refused: str) -> None:
        self.kept.append(f"dropped {refused}")


def answered(answer: Any) -> tuple[Client, Recorded]:
    transport = Recorded(answer)
    return Client(transport, Known()), transport


def test_login(documented: Documented) -> None:
    store = Known()
    transport = Recorded(documented("user_get_user_session_response"))
    Client(transport, store).login("AC1")
    assert len(store.kept) == 1
    ((endpoint, body),) = transport.sent
    assert endpoint is endpoints.LOGIN
    assert body.keys() == documented("user_get_user_session_request").keys()


def test_logout_drops_the_session(documented: Documented) -> None:
    store = Known()
    Client(Recorded(documented("user_logout_response")), store).logout()
    assert store.kept == ["dropped token"]


def test_profile(documented: Documented) -> None:
    client, _ = answered(documented("user_profile_response"))
    found = client.profile()
    assert (found.name, found.account_status) == ("Ishan Arora", "")
    assert found.exchanges


def test_limits(documented: Documented) -> None:
    client, transport = answered(documented("user_limits_response"))
    found = client.margins()
    assert (found.trading_limit, found.intraday_payin) == (Decimal("19990000"), Decimal("20000000"))
    assert found.blocked_for_payout == Decimal("10000")
    assert [endpoint.name for endpoint, _ in transport.sent] == ["limits"]


def test_an_empty_pool_is_looked_for_in_both_its_parts(documented: Documented) -> None:
    answer = documented("user_limits_response")
    answer["result"] = dict.fromkeys(answer["result"], 0.0)
    client, transport = answered(answer)
    assert client.margins().trading_limit == 0
    assert [endpoint.name for endpoint, _ in transport.sent] == ["limits", "limits/equity", "limits/fno"]


def test_holdings(documented: Documented) -> None:
    client, _ = answered(documented("portfolio_holdings_response"))
    (found,) = client.holdings()
    assert (found.isin, found.symbol, found.instrument_id) == ("INE002A01018", "RELIANCE", "2885")
    assert (found.quantity, found.average_price, found.previous_close) == (300, Decimal("280000.00"), None)


def test_positions(documented: Documented) -> None:
    client, _ = answered(documented("portfolio_positions_response"))
    (found,) = client.positions()
    assert (found.trading_symbol, found.exchange, found.net_quantity) == ("NIFTY24OCTFUT", "NSEFO", 26)
    assert (found.day_buy_value, found.previous_close) == (Decimal("627961.54"), Decimal("26308.85"))


def test_order_book(documented: Documented) -> None:
    client, _ = answered(documented("orders_order_book_response"))
    found = client.orders()[0]
    assert (found.symbol, found.instrument_id, found.quantity, found.price) == ("INFY", "1594", 1, Decimal("180000"))


def test_trade_book(documented: Documented) -> None:
    client, _ = answered(documented("orders_trade_book_response"))
    found = client.trades()[0]
    assert (found.quantity, found.price) == (50, Decimal(1560))
    assert found.traded_at == datetime(2024, 8, 7, 16, 14, 17, tzinfo=IST)


def test_candles(documented: Documented) -> None:
    client, transport = answered(documented("market_data_apis_historical_candlestick_chart_data_response"))
    asked = documented("market_data_apis_historical_candlestick_chart_data_request")
    client.candles(INFY, Interval.DAY, date(2024, 11, 11), date(2024, 11, 12))
    ((_, body),) = transport.sent
    assert {name.lower() for name in body} == {name.lower() for name in asked}


def test_quotes(documented: Documented) -> None:
    client, transport = answered(documented("market_data_apis_market_quotes_response"))
    found = client.quotes([INFY])
    assert found["NSEEQ", "1594"].ltp == Decimal("1412.95")
    ((_, body),) = transport.sent
    assert body == [{"exchange": "NSEEQ", "instrumentId": "1594"}]
    assert body[0].items() <= documented("market_data_apis_market_quotes_request")[0].items()


def test_depth(documented: Documented) -> None:
    client, transport = answered(documented("market_data_apis_market_depth_response"))
    assert client.depth(INFY) == Depth(
        exchange="NSEFO",
        symbol="",
        instrument_id="408065",
        bids=[DepthLevel(price=Decimal(110), quantity=10, orders=30)],
        asks=[DepthLevel(price=Decimal(14311), quantity=100, orders=4)],
        total_bid_quantity=404715,
        total_ask_quantity=216809,
    )
    assert transport.sent[0][1] == documented("market_data_apis_market_depth_request")


def test_open_interest(documented: Documented) -> None:
    client, transport = answered(documented("market_data_apis_open_interest_response"))
    assert client.open_interest(INFY) == OpenInterest(
        exchange="NSEFO",
        symbol="",
        instrument_id="408065",
        open_interest=7239000,
        day_high=87863000,
        day_low=69892000,
    )
    assert transport.sent[0][1] == documented("market_data_apis_open_interest_request")


def test_margin_before_an_order(documented: Documented) -> None:
    client, transport = answered(documented("margin_pre_order_margin_response"))
    asked = documented("margin_pre_order_margin_request")
    wanted = WantedOrder(
        side="SELL",
        quantity=25,
        product="NORMAL",
        order_type="MARKET",
        price=Decimal("1501.55"),
        trigger_price=Decimal("1505.2"),
        stop_loss_leg_price=Decimal(1500),
        target_leg_price=Decimal(1600),
    )
    assert client.order_margin(INFY, wanted) == OrderMargin(
        cash_available=Decimal("10006024.00"),
        used_before=Decimal("76624.00"),
        used_after=Decimal("88710.73"),
        required=Decimal("12086.73"),
        allowed=True,
        shortfall=Decimal("0.00"),
    )
    assert transport.sent[0][1] == asked | {"instrumentId": "1594", "exchange": "NSEEQ"}


@pytest.mark.parametrize(
    ("name", "verdict", "allowed"),
    [("rmsValidationCheck", "OK", True), ("rmsValidationCheck", "NOT_OK", False), ("other", "OK", False)],
)
def test_the_verdict_on_an_order_goes_by_two_names(
    documented: Documented, name: str, verdict: str, allowed: bool
) -> None:
    answer = documented("margin_pre_order_margin_response")
    del answer["rmsvalidationMessage"]
    assert needs.order_margin(answer | {name: verdict, "fundShort": ""}).allowed is allowed


def test_span_and_exposure(documented: Documented) -> None:
    client, transport = answered(documented("margin_span_and_exposure_margin_response"))
    asked = documented("margin_span_and_exposure_margin_request")
    legs = [
        Leg(contract=_future(leg["instrumentId"]), side=leg["transactionType"], quantity=leg["quantity"])
        for leg in asked
    ]
    assert client.span_margin(legs) == SpanMargin(
        span=Decimal("11090.00"),
        exposure=Decimal("4122.17"),
        total=Decimal("15212.17"),
        buy_premium=Decimal("0.00"),
    )
    assert transport.sent[0][1] == asked


def _future(instrument_id: str) -> Contract:
    return msgspec.structs.replace(INFY, exchange="NSEFO", instrument_id=instrument_id)


RECEIPT = OrderReceipt(order_id="240919000000041", taken_at=datetime(2024, 9, 19, 18, 48, 46, tzinfo=IST))


def test_placing_an_order(documented: Documented) -> None:
    client, transport = answered(documented("orders_place_order_response"))
    (asked,) = documented("orders_place_order_request")
    wanted = WantedOrder(
        side="BUY",
        quantity=1,
        product="INTRADAY",
        order_type="MARKET",
        price=Decimal("1501.55"),
        trigger_price=Decimal("1505.2"),
        stop_loss_leg_price=Decimal(1500),
        target_leg_price=Decimal(1600),
        disclosed_quantity=500,
        market_protection_percent=Decimal(1400),
        tag="Stangle Leg 1",
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
                quantity=1,
                order_type="MARKET",
                validity="DAY",
                price=Decimal("1501.55"),
                trigger_price=Decimal("1505.2"),
                disclosed_quantity=500,
                market_protection_percent=Decimal(1400),
            ),
        ),
        ("_2", OrderChange(quantity=15)),
        ("_3", OrderChange(order_type="LIMIT", price=Decimal(100))),
        ("_4", OrderChange(order_type="SL", trigger_price=Decimal(99))),
    ],
    ids=["all", "quantity", "limit", "stop"],
)
def test_changing_an_order_sends_what_changes(documented: Documented, number: str, change: OrderChange) -> None:
    client, transport = answered(documented("orders_modify_order_response"))
    asked = documented(f"orders_modify_order_request{number}")
    assert client.change_order(RECEIPT.order_id, change) == RECEIPT
    # The documents print a list once; their use cases, and all clients, send the object.
    assert transport.sent == [(endpoints.CHANGE_ORDER, asked[0] if isinstance(asked, list) else asked)]


def test_cancelling_an_order(documented: Documented) -> None:
    client, transport = answered(documented("orders_cancel_order_response"))
    assert client.cancel_order(RECEIPT.order_id) == RECEIPT
    assert transport.sent == [(endpoints.CANCEL_ORDER, None)]


def test_the_example_of_an_answers_structure_is_read(documented: Documented) -> None:
    assert envelope.result(documented("request_response_structure_response_structure_example")) is not None


def test_the_recorded_refusal_inside_ok_is_an_error(shared_data: Path) -> None:
    recorded = json.loads((shared_data / "iifl_recorded" / "historicaldata_EC804_inside_Ok.json").read_text())
    client, _ = answered(recorded)
    with pytest.raises(BrokerRefused) as refused:
        client.candles(INFY, Interval.DAY, date(2024, 11, 11), date(2024, 11, 12))
    assert refused.value.ec == "EC804"


def test_no_document_is_left_out(shared_data: Path) -> None:
    read_here = set(re.findall(r'documented\("(\w+)"\)', Path(__file__).read_text()))
    read_here |= {f"orders_modify_order_request{number}" for number in ("", "_2", "_3", "_4")}
    assert {file.stem for file in (shared_data / "iifl_doc_examples").glob("*.json")} == read_here | OUT_OF_SCOPE
