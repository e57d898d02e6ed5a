"""Holdings, positions, orders and trades."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from broker import gateway, portfolio
from broker.values import Holding, Order, Position, Trade
from dashboard.access import account_page
from dashboard.books import Books
from dashboard.live import LivePage, Reads
from dashboard.reading import Answer, ask
from dashboard.status import Status
from dashboard.tables import Column, Kind, Table, Total
from systemcache.cached_value import CachedValue

R = TypeVar("R", Order, Trade)
EARLIEST = datetime.min.replace(tzinfo=UTC)

EXCHANGE = Column("exchange", "Exchange", Kind.TEXT, csv_only=True)
NO_PRICE_PAID = "The broker does not say what was paid for these shares."
NOT_PRICED = "There is no current price."
HOLDING_COLUMNS = (
    Column("symbol", "Symbol", Kind.TEXT),
    EXCHANGE,
    Column("quantity", "Qty"),
    Column("average_price", "Avg.", why_unknown=NO_PRICE_PAID),
    Column("ltp", "LTP", why_unknown=NOT_PRICED),
    Column("invested", "Invested", why_unknown=NO_PRICE_PAID, wide=True),
    Column("value", "Value", why_unknown=NOT_PRICED, wide=True),
    Column("pnl", "P&L", Kind.GAIN, NO_PRICE_PAID),
    Column("pnl_percent", "P&L %", Kind.GAIN, NO_PRICE_PAID, wide=True),
    Column("day_pnl", "Day's P&L", Kind.GAIN, NOT_PRICED),
    Column("day_pnl_percent", "Day %", Kind.GAIN, NOT_PRICED, wide=True),
)
POSITION_COLUMNS = (
    Column("symbol", "Symbol", Kind.TEXT),
    EXCHANGE,
    Column("product", "Product", Kind.TEXT, wide=True),
    Column("net_quantity", "Qty"),
    Column("net_average_price", "Avg."),
    Column("ltp", "LTP", why_unknown=NOT_PRICED),
    Column("value", "Value", why_unknown=NOT_PRICED, wide=True),
    Column("pnl", "P&L", Kind.GAIN),
    Column("day_pnl", "Day's P&L", Kind.GAIN),
)
ORDER_COLUMNS = (
    Column("placed_at", "Time", Kind.TIME, wide=True),
    Column("side", "Side", Kind.SIDE),
    Column("symbol", "Symbol", Kind.TEXT),
    EXCHANGE,
    Column("product", "Product", Kind.TEXT, wide=True),
    Column("order_type", "Type", Kind.TEXT, wide=True),
    Column("quantity", "Qty"),
    Column("filled_quantity", "Filled"),
    Column("price", "Price", why_unknown="The order has no price of its own.", value=lambda order: order.price or None),
    Column(
        "trigger_price",
        "Trigger",
        why_unknown="The order has no trigger.",
        value=lambda order: order.trigger_price or None,
    ),
    Column(
        "average_price",
        "Avg.",
        why_unknown="Nothing has been filled.",
        value=lambda order: order.average_price or None,
    ),
    Column("status", "Status", Kind.WORD, value=lambda order: order.state_name),
    Column("order_id", "Order", Kind.TEXT, wide=True),
)
TRADE_COLUMNS = (
    Column("traded_at", "Time", Kind.TIME),
    Column("side", "Side", Kind.SIDE),
    Column("symbol", "Symbol", Kind.TEXT),
    EXCHANGE,
    Column("product", "Product", Kind.TEXT, wide=True),
    Column("quantity", "Qty"),
    Column("price", "Price"),
    Column("order_id", "Order", Kind.TEXT, wide=True),
    Column("trade_id", "Trade", Kind.TEXT, wide=True),
)


def holdings_table(rows: Sequence[Holding]) -> Table:
    totals = portfolio.totals(portfolio.owned(rows))
    return Table(
        "holdings",
        HOLDING_COLUMNS,
        rows,
        lambda row: f"{row.exchange}-{row.trading_symbol}-{row.product}",
        _foot(totals),
    )


def positions_table(rows: Sequence[Position]) -> Table:
    return Table(
        "positions",
        POSITION_COLUMNS,
        rows,
        lambda row: f"{row.exchange}-{row.instrument_id or row.trading_symbol}-{row.product}",
        {name: total for name, total in _foot(portfolio.totals(rows)).items() if name in ("pnl", "day_pnl")},
    )


def orders_table(rows: Sequence[Order]) -> Table:
    """Open orders come first, and the latest of them before earlier ones."""
    ordered = sorted(_latest_first(rows, "placed_at"), key=lambda order: order.status.is_final)
    return Table("orders", ORDER_COLUMNS, ordered, lambda row: row.order_id)


def trades_table(rows: Sequence[Trade]) -> Table:
    ordered = _latest_first(rows, "traded_at")
    return Table("trades", TRADE_COLUMNS, ordered, lambda row: f"{row.order_id}-{row.trade_id}")


def _latest_first(rows: Sequence[R], name: str) -> list[R]:
    """Order rows by a time; those without it come last."""
    return sorted(rows, key=lambda row: getattr(row, name) or EARLIEST, reverse=True)


def _foot(totals: portfolio.Totals) -> dict[str, Total]:
    without = f"Without {', '.join(totals.unknown_pnl)}." if totals.unknown_pnl else ""
    without_day = f"Without {', '.join(totals.unknown_day_pnl)}." if totals.unknown_day_pnl else ""
    return {
        "invested": Total("invested", totals.invested, without),
        "value": Total("value", totals.value, without),
        "pnl": Total("pnl", totals.pnl, without),
        "day_pnl": Total("day_pnl", totals.day_pnl, without_day),
    }


def _read_holdings(request: HttpRequest, books: Books) -> Reads:
    def context(_: Status) -> dict[str, Any]:
        return _table_context(request, books.holdings, holdings_table)

    return Reads([], context, (books.holdings.fingerprint(),))


def _read_positions(request: HttpRequest, books: Books) -> Reads:
    def context(_: Status) -> dict[str, Any]:
        has_open = any(row.net_quantity for row in books.positions.value or ())
        return _table_context(request, books.positions, positions_table) | {"has_open": has_open}

    return Reads([], context, (books.positions.fingerprint(),))


def _read_orders(request: HttpRequest, _: Books) -> Reads:
    orders, trades = ask(gateway.orders), ask(gateway.trades)

    def context(_: Status) -> dict[str, Any]:
        return _table_context(request, orders, orders_table) | {
            "trades_answer": trades,
            "trades": None if trades.value is None else trades_table(trades.value),
            "has_open": any(not order.status.is_final for order in orders.value or ()),
        }

    return Reads([("Orders", orders), ("Trades", trades)], context)


def _table_context(request: HttpRequest, answer: Answer[Any], make: Callable[[Any], Table]) -> dict[str, Any]:
    table = None if answer.value is None else make(answer.value).sorted_by(request.GET)
    return {"answer": answer, "table": table, "query": table.query if table else ""}


HOLDINGS = LivePage("holdings", "Holdings", _read_holdings)
POSITIONS = LivePage("positions", "Positions", _read_positions)
ORDERS = LivePage("orders", "Orders", _read_orders)

CSV_READS: Mapping[str, tuple[Callable[[], CachedValue[Any]], Callable[[Any], Table]]] = {
    "holdings": (gateway.holdings, holdings_table),
    "positions": (gateway.positions, positions_table),
    "orders": (gateway.orders, orders_table),
    "trades": (gateway.trades, trades_table),
}


@account_page
def download(request: HttpRequest, name: str) -> HttpResponse:
    """A table as CSV, in the order of the query string; the file's name says of when it is."""
    read, make = CSV_READS[name]
    answer = ask(read)
    if answer.cached is None:
        messages.error(request, answer.why_not)
        return redirect("dashboard:orders" if name == "trades" else f"dashboard:{name}")
    text = make(answer.cached.value).sorted_by(request.GET).csv()
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    of = timezone.localtime(answer.as_of).strftime("%Y-%m-%d-%H%M%S")
    response["Content-Disposition"] = f'attachment; filename="{name}-{of}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


@account_page
def holdings(request: HttpRequest) -> HttpResponse:
    return HOLDINGS.show(request)


@account_page
def positions(request: HttpRequest) -> HttpResponse:
    return POSITIONS.show(request)


@account_page
def orders(request: HttpRequest) -> HttpResponse:
    return ORDERS.show(request)
