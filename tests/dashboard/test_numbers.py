"""The pages' numbers are the API's, to the paisa; what is not known is said to be so."""

import csv
import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from io import StringIO
from typing import Any

import msgspec
import pytest

from broker import gateway, money, quotes
from broker.iifl.mapping import books
from broker.simulator import Simulator
from broker.values import Contract, Holding, Margins, Position, PriceState, Quote
from dashboard import formatting
from dashboard.tables import Kind
from dashboard.views.account import HOLDING_COLUMNS, POSITION_COLUMNS
from systemcache.invalidation import clear
from tests.dashboard.page import Person, plain
from tests.support.people import client_of

pytestmark = pytest.mark.django_db

COLUMNS = {"holdings": HOLDING_COLUMNS, "positions": POSITION_COLUMNS}
SUMMARY = ("invested", "value", "pnl", "day_pnl", "positions_pnl", "trading_limit")


def api(person: Person, address: str) -> Any:
    answer = client_of(person.user).get(address)
    assert answer.status_code == 200
    return answer.json()["data"]


def shown(value: object) -> str:
    return formatting.UNKNOWN if value is None else str(value)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("holdings", ("quantity", "average_price", "ltp", "invested", "value", "pnl", "day_pnl", "pnl_percent")),
        ("positions", ("net_quantity", "ltp", "value", "pnl", "day_pnl")),
        ("orders", ("quantity", "filled_quantity", "order_id")),
    ],
)
def test_each_row_shows_what_the_api_gives(trader: Person, name: str, fields: tuple[str, ...]) -> None:
    page, rows = trader.page(f"/{name}"), api(trader, f"/api/broker/{name}")
    of_table = page.rows[: len(rows)]
    assert rows
    if name == "orders":  # the page has an order of its own
        by_number = {row["order_id"]: row for row in rows}
        rows = [by_number[row.attributes["data-order"]] for row in of_table]
    assert [row.attributes["data-symbol"] for row in of_table] == [row["symbol"] for row in rows]
    for found, row in zip(of_table, rows, strict=True):
        assert {field: plain(found.cells[field]) for field in fields} == {field: shown(row[field]) for field in fields}


def test_the_summary_line_is_the_summary_of_the_api(trader: Person) -> None:
    summary = api(trader, "/api/portfolio/summary")
    for address in ("/", "/holdings", "/positions", "/orders"):
        found = trader.page(address).summary
        assert {name: plain(found[name]) for name in SUMMARY} == {name: shown(summary[name]) for name in SUMMARY}


def test_the_foot_of_the_holdings_is_the_summary_line(trader: Person) -> None:
    page = trader.page("/holdings")
    assert page.foot == {name: page.summary[name] for name in ("invested", "value", "pnl", "day_pnl")}


@pytest.mark.parametrize("reloaded", ["holdings", "positions"])
def test_summary_line_and_foot_are_the_same_also_after_one_book_is_read_again(
    trader: Person, simulator: Simulator, reloaded: str
) -> None:
    trader.page("/")
    simulator.set_price("ITC", "250")  # held, and a position
    clear.invalidate("quotes", reloaded)
    holdings, positions = trader.page("/holdings"), trader.page("/positions")
    assert holdings.summary == positions.summary
    assert holdings.foot == {name: holdings.summary[name] for name in ("invested", "value", "pnl", "day_pnl")}
    assert positions.foot["pnl"] == positions.summary["positions_pnl"]


def test_positions_that_cannot_be_read_hide_nothing_else(trader: Person, simulator: Simulator) -> None:
    before = trader.page("/holdings").summary
    clear.invalidate("positions")
    simulator.fail("positions", "500")
    page = trader.page("/holdings")
    assert page.summary == before | {"positions_pnl": formatting.UNKNOWN}
    assert page.foot == {name: page.summary[name] for name in ("invested", "value", "pnl", "day_pnl")}


def test_funds_that_cannot_be_read_hide_nothing_else(trader: Person, simulator: Simulator) -> None:
    before = trader.page("/").summary
    clear.invalidate("margins")
    simulator.fail("limits", "500")
    page = trader.page("/")
    assert page.summary == before | {"trading_limit": formatting.UNKNOWN}


def test_a_watched_symbol_shows_its_quote(trader: Person) -> None:
    trader.client.post("/watchlist/add", {"symbol": "RELIANCE", "exchange": "NSEEQ", "category": "hold"})
    row = trader.page("/").row("RELIANCE")
    (quote,) = api(trader, "/api/broker/quotes?symbols=RELIANCE")
    for name in ("ltp", "change", "change_percent", "high", "low"):
        assert plain(row.cells[name]) == quote[name]
    assert row.cells["change_percent"][0] in "+-"
    assert row.cells["state"] == quote["state"]


def test_numbers_are_grouped_as_indian_traders_read_them() -> None:
    assert money.grouped(Decimal("123456789.50")) == "12,34,56,789.50"
    assert money.grouped(Decimal("-1234.5000"), signed=True) == "-1,234.5000"
    assert money.grouped(1000, signed=True) == "+1,000"
    assert money.grouped(Decimal("0.00"), signed=True) == "+0.00"


# --- a walk over generated accounts ------------------------------------------------------------------------

AMOUNTS = ("0", "0.05", "0.1", "1", "7.77", "99.995", "1234.5678", "99999.95")
QUANTITIES = (0, 1, 3, 7, 150, 4999, 10**6)


class GeneratedAccount:
    """A broker's client with an account made of chance: missing costs and prices, pledged and sold shares."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self._margins = Margins(**dict.fromkeys(Margins.__struct_fields__, Decimal(chance.randint(0, 10**9)) / 100))
        self._prices = {str(number): self._quote(chance, str(number)) for number in range(40)}
        self._holdings = books.holdings([self._holding(chance, number) for number in range(chance.randint(0, 15))])
        self._positions = books.positions([self._position(chance, number) for number in range(chance.randint(0, 15))])

    def probe(self) -> None:
        """It answers."""

    def holdings(self) -> list[Holding]:
        return self._holdings

    def positions(self) -> list[Position]:
        return self._positions

    def margins(self) -> Margins:
        return self._margins

    def quotes(self, contracts: Sequence[Contract]) -> dict[tuple[str, str], Quote]:
        known = {contract: self._prices.get(contract.instrument_id) for contract in contracts}
        return {
            (contract.exchange, contract.instrument_id): msgspec.structs.replace(quote, exchange=contract.exchange)
            for contract, quote in known.items()
            if quote
        }

    def _quote(self, chance: random.Random, number: str) -> Quote | None:
        if chance.random() < 0.15:
            return None
        ltp = Decimal(chance.randint(1, 10**7)) / 100
        close = None if chance.random() < 0.15 else Decimal(chance.randint(1, 10**7)) / 100
        fields: dict[str, Any] = dict.fromkeys(Quote.__struct_fields__)
        names = {"exchange": "NSEEQ", "symbol": f"S{number}", "instrument_id": number, "state": PriceState.POLLED}
        return Quote(**fields | names | {"ltp": ltp, "previous_close": close})

    def _holding(self, chance: random.Random, number: int) -> dict[str, object]:
        return {
            "isin": f"INE{number}",
            "nseTradingSymbol": f"S{number}-EQ",
            "nseInstrumentId": str(number),
            "totalQuantity": chance.choice(QUANTITIES),
            "collateralQuantity": chance.choice((0, 0, 5)),
            "averageTradedPrice": chance.choice(("-", *AMOUNTS)),
            "previousDayClose": chance.choice(("", *AMOUNTS)),
        }

    def _position(self, chance: random.Random, number: int) -> dict[str, object]:
        bought, sold = chance.choice(QUANTITIES), chance.choice(QUANTITIES)
        return {
            "tradingSymbol": f"S{number}-EQ",
            "instrumentId": str(number),
            "exchange": "NSEEQ",
            "product": "INTRADAY",
            "multiplier": "1",
            "netQuantity": bought - sold,
            "buyQuantity": bought,
            "buyPrice": chance.choice(AMOUNTS),
            "sellQuantity": sold,
            "sellPrice": chance.choice(AMOUNTS),
            "dayBuyQuantity": bought,
            "dayBuyValue": chance.choice(AMOUNTS),
            "daySellQuantity": sold,
            "daySellValue": chance.choice(AMOUNTS),
            "overnightQuantity": chance.choice((0, 0, 10)),
        }


@pytest.mark.parametrize(
    "seeds",
    [range(4), pytest.param(range(4, 204), marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
    ids=["few", "many"],
)
def test_the_numbers_of_generated_accounts_are_the_apis(
    trader: Person, seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in seeds:
        account = GeneratedAccount(seed)
        for module in (gateway, quotes):
            monkeypatch.setattr(module, "default_client", lambda account=account: account)
        clear.invalidate("holdings", "positions", "margins", "quotes", "portfolio_summary")
        summary = api(trader, "/api/portfolio/summary")
        for name, totals in (("holdings", ("pnl", "day_pnl", "value")), ("positions", ("pnl", "day_pnl"))):
            page, rows = trader.page(f"/{name}"), api(trader, f"/api/broker/{name}")
            columns = [column for column in COLUMNS[name] if column.kind in (Kind.NUMBER, Kind.GAIN)]
            found = [{column.name: plain(row.cells[column.name]) for column in columns} for row in page.rows]
            assert found == [{column.name: shown(row[column.name]) for column in columns} for row in rows], seed
            prefix = "" if name == "holdings" else "positions_"
            if rows:
                assert {total: plain(page.foot[total]) for total in totals if f"{prefix}{total}" in summary} == {
                    total: summary[f"{prefix}{total}"] for total in totals if f"{prefix}{total}" in summary
                }, seed
            sheet = list(csv.DictReader(StringIO(trader.get(f"/{name}.csv").content.decode())))
            assert [{column.name: line[column.name] for column in columns} for line in sheet] == [
                {column.name: "" if row[column.name] is None else str(row[column.name]) for column in columns}
                for row in rows
            ], seed
        line = trader.page("/").summary
        assert {name: plain(line[name]) for name in SUMMARY} == {name: shown(summary[name]) for name in SUMMARY}, seed
