"""Money has one form in every answer, however the broker writes its numbers."""

import random
import re
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from redis import Redis
from rest_framework.test import APIClient

from broker import values
from broker.iifl import endpoints
from broker.iifl.endpoints import Endpoint
from broker.iifl.mapping import books
from tests.broker.contract_files import put, share
from tests.broker.wire import answer_calls, ok

FORM = re.compile(r"-?\d+\.\d{2,4}")
NOT_MONEY = {"multiplier", "market_protection_percent"}  # and quantities, which may be fractions
HISTORY = "interval=1d&from=2026-10-01&to=2026-10-05"
GET = [
    *(f"/api/broker/{name}" for name in ("holdings", "positions", "orders", "trades", "margins", "contracts/NSEEQ")),
    "/api/broker/quotes?symbols=INFY,SBIN",
    "/api/broker/depth?symbol=INFY",
    f"/api/broker/candles?symbol=INFY&{HISTORY}",
    "/api/broker/quotes?symbols=USDINR26DECFUT&exchange=NSECURR",
    f"/api/broker/candles?symbol=USDINR26DECFUT&exchange=NSECURR&{HISTORY}",
    "/api/portfolio/summary",
    "/api/portfolio/risk",
]
ORDER = {
    "symbol": "INFY",
    "side": "BUY",
    "quantity": 1,
    "product": "INTRADAY",
    "order_type": "LIMIT",
    "price": "100.00",
}
LEG = {"symbol": "USDINR26DECFUT", "exchange": "NSECURR", "side": "BUY", "quantity": 1}
POST: dict[str, dict[str, Any]] = {"margin": ORDER, "span": {"legs": [LEG]}}
WRITTEN: list[Callable[[Decimal], Any]] = [
    *(str, float, "{:E}".format, "{:f}000".format, "₹{:f}".format, "{:,f}".format, lambda number: float(number) + 1e-9),
    lambda number: int(number),
    lambda number: float(number) / 3,
]
UNTOLD = [None, "", "-", "NA", 0, "0", "0.00", "-0.001", -0.0]


def names_of_money() -> set[str]:
    """The fields of all values that are decimals and no quantities."""
    structs = [each for each in vars(values).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    return {name for struct in structs for name, kind in typing.get_type_hints(struct).items() if _is_money(name, kind)}


def _is_money(name: str, kind: Any) -> bool:
    members = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return Decimal in members and not name.endswith("quantity") and name not in NOT_MONEY


MONEY = names_of_money()


class Account:
    """A broker whose numbers are written in all ways that were ever seen, and sometimes left out."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def read(self, endpoint: Endpoint, body: Any = None) -> Any:
        return {
            endpoints.HOLDINGS: self.holdings,
            endpoints.POSITIONS: self.positions,
            endpoints.ORDERS: self.order_book,
            endpoints.TRADES: self.trades,
            endpoints.LIMITS: self.limits,
            endpoints.LIMITS_EQUITY: self.limits,
            endpoints.LIMITS_FNO: self.limits,
            endpoints.QUOTES: self.quotes,
            endpoints.DEPTH: self.depth,
            endpoints.CANDLES: self.candles,
            endpoints.ORDER_MARGIN: self.order_margin,
            endpoints.SPAN_MARGIN: self.span_margin,
        }[endpoint](body)

    def number(self, *, told: bool = False) -> Any:
        if not told and self._draw.random() < 0.3:
            return self._draw.choice(UNTOLD)
        return self._draw.choice(WRITTEN)(Decimal(self._draw.randint(100, 10**8)).scaleb(-self._draw.randint(0, 4)))

    def numbers(self, *names: str) -> dict[str, Any]:
        return {name: self.number() for name in names}

    def holdings(self, _: Any) -> Any:
        row = {"isin": "INE", "nseTradingSymbol": "INFY-EQ", "nseInstrumentId": "1594", "totalQuantity": 7}
        bse = {"isin": "INF", "bseTradingSymbol": "FUND", "bseInstrumentId": "9", "totalQuantity": "12.345"}
        return ok([each | self.numbers("averageTradedPrice", "previousDayClose") for each in (row, bse)])

    def positions(self, _: Any) -> Any:
        prices = ("netAveragePrice", "overnightPrice", "buyPrice", "sellPrice", "previousDayClose", "realizedPnl")
        rows = []
        for exchange, number, net in (("NSEEQ", "1594", 5), ("NSECURR", "77", -3), ("MCXCOMM", "5", 0)):
            counts = {"overnightQuantity": 2, "dayBuyQuantity": max(0, net - 2), "daySellQuantity": max(0, 2 - net)}
            row = {"exchange": exchange, "instrumentId": number, "tradingSymbol": f"T{number}", "netQuantity": net}
            rows.append(row | counts | {"multiplier": "10"} | self.numbers(*prices, "dayBuyValue", "daySellValue"))
        return ok(rows)

    def order_book(self, _: Any) -> Any:
        row = {"exchange": "NSEEQ", "instrumentId": "1594", "tradingSymbol": "INFY-EQ", "brokerOrderId": "1"}
        return ok([row | {"orderStatus": "complete"} | self.numbers("price", "averageTradedPrice", "slTriggerPrice")])

    def trades(self, _: Any) -> Any:
        row = {"exchange": "NSECURR", "instrumentId": "77", "tradingSymbol": "USDINR26DECFUT", "filledQuantity": 1}
        return ok([row | {"tradedPrice": self.number(told=True)}])

    def limits(self, _: Any) -> Any:
        return ok(self.numbers(*books.MARGIN_FIELDS.values()))

    def quotes(self, body: Any) -> Any:
        names = ("open", "high", "low", "close", "averageTradedPrice", "bestBidPrice", "bestAskPrice")
        return ok([each | self.numbers(*names) | {"ltp": self.number(told=True)} for each in body])

    def depth(self, body: Any) -> Any:
        levels = [{"price": self.number(), "quantity": 1, "orders": 1} for _ in range(5)]
        return ok(body | {"marketDepth": {"bids": levels, "asks": levels}})

    def candles(self, _: Any) -> Any:
        days = range(1, 6)
        return ok(
            [
                {
                    "candles": [
                        [f"2026-10-0{day}T09:15:00", *(self.number(told=True) for _ in range(4)), 1] for day in days
                    ]
                }
            ]
        )

    def order_margin(self, _: Any) -> Any:
        names = ("totalCashAvailable", "preOrderMargin", "postOrderMargin", "fundShort")
        return ok(self.numbers(*names) | {"currentOrderMargin": self.number(told=True), "rmsvalidationMessage": "OK"})

    def span_margin(self, _: Any) -> Any:
        return ok(self.numbers("span", "exposureMargin", "buyPremium") | {"totalMargin": self.number(told=True)})


def walk(data: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk(value, key)
    elif isinstance(data, list):
        for item in data:
            yield from walk(item, name)
    else:
        yield name, data


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 80))])
def test_money_has_one_form_in_every_answer(
    seed: int, redis: Redis, trader: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(seed)
    answer_calls(monkeypatch, account.read)
    put(
        "NSEEQ",
        [share("INFY-EQ", 1594, strikePrice=account.number(), tickSize=account.number()), share("SBIN-EQ", 3045)],
    )
    put("NSECURR", [share("USDINR26DECFUT", 77, "NSECURR")])
    put("INDICES", [])
    responses = [trader.get(route) for route in GET]
    responses += [trader.post(f"/api/broker/{route}", body, format="json") for route, body in POST.items()]
    for response in responses:
        assert response.status_code == 200, (response.request, response.content)
        for name, value in walk(response.json()):
            assert not isinstance(value, float), f"{name} is {value!r}"
            if name in MONEY and value is not None:
                assert FORM.fullmatch(value), f"{name} is {value!r}"
                assert not (Decimal(value) == 0 and value.startswith("-")), f"{name} is {value!r}"


def test_the_names_of_money_are_those_that_answers_show() -> None:
    assert {"ltp", "average_price", "invested", "day_pnl", "pnl_percent", "trading_limit", "strike_price"} <= MONEY
    assert not MONEY & {"quantity", "volume", "instrument_id", "net_quantity"}
