"""P&L by row, against a computation that follows the trades one by one, over many books."""

import random
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from broker import gateway, pnl, portfolio
from broker.iifl.mapping import books
from broker.values import Holding, Position, Quote
from systemcache import codec
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry

D = Decimal
BLANKS = [None, "", "-", "NA", "NaN", "0", 0]


def quote(ltp: str, close: str | None) -> Quote:
    unknown = ("open", "high", "low", "average_price", "bid_price", "ask_price", "volume", "bid_quantity")
    blank: dict[str, Any] = dict.fromkeys((*unknown, "ask_quantity", "quoted_at"), None)
    return Quote(
        exchange="NSEEQ",
        symbol="ABC",
        instrument_id="1",
        ltp=D(ltp),
        previous_close=None if close is None else D(close),
        **blank,
    )


def holding(**fields: Any) -> Holding:
    row = {"isin": "INE", "nseTradingSymbol": "ABC-EQ", "nseInstrumentId": "1", "averageTradedPrice": "100"}
    (read,) = books.holdings([row | {"totalQuantity": 10} | fields])
    return read


def position(**fields: Any) -> Position:
    row = {"tradingSymbol": "ABC", "instrumentId": "1", "exchange": "NSEFO", "multiplier": "1"}
    (read,) = books.positions([row | fields])
    return read


def figures(row: Holding | Position) -> tuple[Decimal | None, ...]:
    return row.invested, row.value, row.pnl, row.pnl_percent, row.day_pnl, row.day_pnl_percent


def amounts(*sent: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if each is None else D(each) for each in sent)


def test_a_holding() -> None:
    row = pnl.priced(holding(), quote("110", "105"))
    assert figures(row) == amounts("1000.00", "1100.00", "100.00", "10.00", "50.00", "4.76")
    assert row.ltp == D(110)


def test_a_holding_without_a_cost_has_a_days_gain() -> None:
    row = pnl.priced(holding(averageTradedPrice="-"), quote("110", "105"))
    assert figures(row) == amounts(None, "1100.00", None, None, "50.00", "4.76")


def test_a_holding_without_the_close_before_has_no_days_gain() -> None:
    row = pnl.priced(holding(), quote("110", None))
    assert figures(row) == amounts("1000.00", "1100.00", "100.00", "10.00", None, None)


def test_a_holding_without_a_quote_is_valued_at_its_last_close() -> None:
    row = pnl.priced(holding(previousDayClose="105"), None)
    assert figures(row) == amounts("1000.00", "1050.00", "50.00", "5.00", None, None)
    assert row.ltp is None


def test_a_holding_without_any_price_has_only_its_cost() -> None:
    assert figures(pnl.priced(holding(), None)) == amounts("1000.00", None, None, None, None, None)


def test_a_carried_short_position() -> None:
    carried = {"overnightQuantity": -50, "overnightPrice": "100", "dayBuyQuantity": 0, "daySellQuantity": 0}
    row = pnl.priced(position(netQuantity=-50, netAveragePrice="100", **carried), quote("90", "95"))
    assert figures(row) == amounts("-5000.00", "-4500.00", "500.00", "10.00", "250.00", "5.26")


def test_a_carried_position_that_was_partly_closed_today() -> None:
    traded = {"dayBuyQuantity": 0, "daySellQuantity": 40, "daySellValue": "4400", "overnightQuantity": 100}
    row = position(netQuantity=60, netAveragePrice=0, overnightPrice="100", **traded)  # 100 x 100 less 4400
    assert figures(pnl.priced(row, quote("108", "105"))) == amounts(
        *("5600.00", "6480.00", "880.00", "15.71", "380.00", "6.23")  # of the day: 60 x 3 and 40 x 5
    )


def test_a_position_that_was_opened_today_needs_no_close() -> None:
    traded = {"overnightQuantity": 0, "dayBuyQuantity": 10, "dayBuyValue": "1000", "daySellQuantity": 0}
    row = pnl.priced(position(netQuantity=10, netAveragePrice="100", **traded), quote("101", None))
    assert (row.pnl, row.day_pnl) == amounts("10.00", "10.00")


def test_a_carried_position_closed_today_has_gained_since_yesterdays_close() -> None:
    carried = {"overnightQuantity": 10, "overnightPrice": "100", "buyQuantity": 10, "buyPrice": "100"}
    sold = {"dayBuyQuantity": 0, "daySellQuantity": 10, "daySellValue": "1200", "sellQuantity": 10, "sellPrice": "120"}
    row = pnl.priced(position(netQuantity=0, previousDayClose="115", **carried, **sold), None)
    assert figures(row) == amounts("0.00", "0.00", "200.00", None, "50.00", None)


def test_the_change_of_a_price() -> None:
    assert pnl.day_change(D("101.00"), D("99.00")) == amounts("2.00", "2.02")
    assert pnl.day_change(D("101.00"), None) == (None, None)


def paisa(number: Fraction) -> Decimal:
    return D(round(number * 100)).scaleb(-2)  # round() of a fraction is half to even, as ROUND_HALF_EVEN


class Book:
    """A position made by trades: what the broker would send of it, and what it has gained, followed unit by unit."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.overnight = draw.choice((0, 0, draw.randint(-500, 500)))
        self.carried_at = Fraction(draw.randint(100, 10**6), 100)
        self.close, self.ltp = (Fraction(draw.randint(100, 10**6), 100) for _ in range(2))
        self.trades = [
            (draw.choice((1, -1)) * draw.randint(1, 300), Fraction(draw.randint(100, 10**6), 100))
            for _ in range(draw.randint(0, 5))
        ]
        if draw.random() < 0.2:  # close it
            self.trades.append((-self.net, Fraction(draw.randint(100, 10**6), 100)))
        self.multiplier = draw.choice((1, 1, 10, 100, 1250))
        self.average_is_missing, self.carried_price_is_missing = draw.random() < 0.3, draw.random() < 0.15
        # The close before comes with the quote, with the row (which then counts for a quote that lacks it), or not.
        self.close_place, self.blank = draw.choice([*["quote"] * 7, "row", "row", ""]), draw.choice(BLANKS)
        self.cost_is_missing = bool(self.overnight) and self.carried_price_is_missing

    @property
    def net(self) -> int:
        return self.overnight + sum(quantity for quantity, _ in self.trades)

    def wire(self) -> dict[str, Any]:
        buys = [(quantity, price) for quantity, price in self.trades if quantity > 0]
        sells = [(-quantity, price) for quantity, price in self.trades if quantity < 0]
        bought, sold = (sum(quantity * price for quantity, price in side) for side in (buys, sells))
        bought_units, sold_units = (sum(quantity for quantity, _ in side) for side in (buys, sells))
        net_cost = self.overnight * self.carried_at + bought - sold
        # The broker cannot tell an average either if it does not know what was carried.
        no_average = self.average_is_missing or self.cost_is_missing or not self.net
        return {
            "tradingSymbol": "ABC",
            "instrumentId": "1",
            "exchange": "MCXCOMM",
            "netQuantity": float(self.net),
            "netAveragePrice": self.blank if no_average else str(float(net_cost / self.net)),
            "overnightQuantity": self.overnight,
            "overnightPrice": self.blank if self.carried_price_is_missing else f"{float(self.carried_at):.2f}",
            "dayBuyQuantity": str(bought_units),
            "dayBuyValue": f"{float(bought):.2f}",
            "daySellQuantity": sold_units,
            "daySellValue": float(sold),
            "multiplier": str(float(self.multiplier)),
            "previousDayClose": f"{float(self.close):.2f}" if self.close_place == "row" else self.blank,
        }

    def quote(self) -> Quote:
        close = f"{float(self.close):.2f}" if self.close_place == "quote" else None
        return quote(f"{float(self.ltp):.2f}", close)

    def expected(self) -> tuple[Decimal | None, Decimal | None]:
        """P&L in all and of the day: each unit's way from what it cost, or from yesterday's close, to now."""
        of_trades = sum((quantity * (self.ltp - price) for quantity, price in self.trades), Fraction(0))
        in_all = paisa((of_trades + self.overnight * (self.ltp - self.carried_at)) * self.multiplier)
        of_day = paisa((of_trades + self.overnight * (self.ltp - self.close)) * self.multiplier)
        no_day = bool(self.overnight) and not self.close_place
        return None if self.cost_is_missing else in_all, None if no_day else of_day


many = pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])


@many
def test_the_gain_of_many_books_is_that_of_their_trades_to_the_paisa(count: int) -> None:
    kinds = {"closed": 0, "short": 0, "carried": 0, "partly closed": 0, "no cost": 0, "no day": 0, "no average": 0}
    for number, book in enumerate(map(Book, range(count))):
        (row,) = books.positions([book.wire()])
        valued = pnl.priced(row, book.quote())
        assert (valued.pnl, valued.day_pnl) == book.expected(), f"book {number}: {book.wire()}"
        kinds["closed"] += not book.net
        kinds["short"] += book.net < 0
        kinds["carried"] += bool(book.overnight)
        kinds["partly closed"] += 0 < abs(book.net) < abs(book.overnight) and book.net * book.overnight > 0
        kinds["no cost"] += valued.pnl is None
        kinds["no day"] += valued.day_pnl is None
        kinds["no average"] += bool(book.net) and row.net_average_price is None
    assert min(kinds.values()) > count / 200, kinds  # each kind is among them


def test_the_summary_of_many_accounts_is_the_sum_of_their_books(monkeypatch: pytest.MonkeyPatch) -> None:
    quotes: dict[str, Quote] = {}
    monkeypatch.setattr(gateway, "margins", lambda: cached(books.margins({"tradingLimit": 1})))
    monkeypatch.setattr(gateway, "holdings", lambda: cached([]))
    monkeypatch.setattr(
        "broker.quotes.quotes_of", lambda contracts: [cached(quotes[contract.instrument_id]) for contract in contracts]
    )
    for first in range(0, 1_000, 50):
        account = [Book(seed) for seed in range(first, first + 50)]
        wire = [book.wire() | {"instrumentId": str(number)} for number, book in enumerate(account)]
        positions = books.positions(wire)
        quotes |= {
            str(number): msgspec.structs.replace(book.quote(), instrument_id=str(number), exchange="MCXCOMM")
            for number, book in enumerate(account)
        }
        monkeypatch.setattr(gateway, "positions", lambda rows=positions: cached(rows))
        shown = portfolio.summary().value
        expected = [book.expected() for book in account]
        assert shown.positions_pnl == sum(gain for gain, _ in expected if gain is not None)
        assert shown.positions_day_pnl == sum(day for _, day in expected if day is not None)


def cached(value: Any) -> CachedValue[Any]:
    return CachedValue(type(value), Entry(datetime.now(UTC), 60, codec.encode(value)), "hit", families=(), value=value)


@many
def test_the_gains_of_many_holdings_are_those_of_their_shares_to_the_paisa(count: int) -> None:
    draw = random.Random(7)
    for _ in range(count):
        quantity, average, ltp, close = (draw.randint(1, 10**6) for _ in range(4))
        missing = draw.random() < 0.2
        average_sent = draw.choice(BLANKS) if missing else f"{average / 100:.2f}"
        row = pnl.priced(
            holding(totalQuantity=quantity, averageTradedPrice=average_sent),
            quote(f"{ltp / 100:.2f}", f"{close / 100:.2f}"),
        )
        assert row.pnl == (None if missing else paisa(Fraction(quantity * (ltp - average), 100)))
        assert row.day_pnl == paisa(Fraction(quantity * (ltp - close), 100))


@pytest.mark.parametrize("number", ["0.005", "0.015", "-0.005", "2.675", "-0.001"])
def test_the_witness_rounds_as_the_site_does(number: str) -> None:
    assert paisa(Fraction(number)) == D(number).quantize(D("0.01"), ROUND_HALF_EVEN)
