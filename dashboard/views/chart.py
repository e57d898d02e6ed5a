"""The chart of a symbol: candles, the last one live, own orders and average price as lines."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from broker import clock, gateway
from broker.errors import BrokerError, UnknownExchange, UnknownSymbol
from broker.money import grouped
from broker.values import Contract, Exchange, Holding, Interval, Order, Position
from dashboard import prices, ticket
from dashboard.access import account_page
from dashboard.books import Books
from dashboard.live import LivePage, Reads
from dashboard.reading import Answer, ask
from dashboard.status import Status
from dashboard.views.symbols import exchange_of
from systemcache.errors import CacheError
from watchlist import quotes

# Days that the chart begins with; it loads earlier ones as it is moved.
DAYS = {
    Interval.MINUTE: 4,
    Interval.MINUTES_5: 10,
    Interval.MINUTES_10: 20,
    Interval.MINUTES_15: 30,
    Interval.MINUTES_30: 60,
    Interval.MINUTES_60: 120,
    Interval.DAY: 730,
    Interval.WEEK: 5 * 366,
    Interval.MONTH: 15 * 366,
}
ROWS = 60  # of the table


class Line(NamedTuple):
    """A price of one's own: `kind` is order or average, `side` an order's."""

    kind: str
    price: Decimal
    text: str
    side: str = ""


def own_lines(
    contract: Contract, orders: Iterable[Order], holdings: Iterable[Holding], positions: Iterable[Position]
) -> list[Line]:
    """Collect the prices at which open orders wait, and those that were paid for what is held."""
    instrument = (contract.exchange, contract.instrument_id)
    lines = [
        Line("order", price, f"{order.side} {_quantity(order)} {word}", order.side)
        for order in orders
        if (order.exchange, order.instrument_id) == instrument and not order.status.is_final
        for price, word in ((order.trigger_price, "trigger"), (order.price, "at"))
        if price
    ]
    lines += [
        Line("average", row.average_price, f"Average of {grouped(row.held_quantity)} held")
        for row in holdings
        if instrument in row.instruments and row.held_quantity and row.average_price
    ]
    for position in positions:
        if (position.exchange, position.instrument_id) == instrument and position.net_quantity:
            average = position.net_average_price
            if average:
                text = f"Average of {grouped(position.net_quantity)} {position.product}"
                lines.append(Line("average", average, text))
    return lines


def _quantity(order: Order) -> str:
    left = order.pending_quantity or order.quantity
    return "?" if left is None else grouped(left)


def _read(request: HttpRequest, books: Books) -> Reads:
    contract = _contract(request)
    quote = ticket.quote_of(contract)
    orders = ask(gateway.orders)
    state = prices.state_of(quote.cached)
    symbol = quotes.symbol_of(contract)

    def context(_: Status) -> dict[str, Any]:
        return {
            "contract": contract,
            "symbol": symbol,
            "quote": quote.value,
            "cached": quote.cached,
            "state": state,
            "state_title": prices.TITLES.get(state, ""),
            "lines": own_lines(contract, orders.value or (), books.holdings.value or (), books.positions.value or ()),
            "query": f"?{urlencode({'symbol': symbol, 'exchange': contract.exchange})}",
        }

    answers: list[tuple[str, Answer[Any]]] = [("The price", quote), ("Orders", orders)]
    return Reads(answers, context, (state.encode(),))


CHART = LivePage("chart", "Chart", _read, "dashboard/chart.html")


@account_page
def page(request: HttpRequest, symbol: str) -> HttpResponse:
    """The chart of a symbol, with a table of its candles for who sees no chart."""
    try:
        contract = _contract(request)
    except (UnknownSymbol, UnknownExchange) as error:
        return _nothing(request, symbol, str(error), 404)
    except (BrokerError, CacheError) as error:
        return _nothing(request, symbol, str(error), error.status_code)
    interval = _interval(request.GET.get("interval", ""))
    today = clock.now().date()
    first = today - timedelta(days=DAYS[interval])
    name = quotes.symbol_of(contract)
    candles = ask(lambda: gateway.candles(name, interval, first, today, contract.exchange))
    context = {
        "title": name,
        "interval": interval,
        "days": DAYS[interval],
        "today": today,
        "intervals": [(other, _address(name, contract.exchange, other)) for other in Interval],
        "candles": candles,
        "latest": list(reversed((candles.value or [])[-ROWS:])),
    }
    return CHART.show(request, context)


def _contract(request: HttpRequest) -> Contract:
    """Find the contract that a page, or its live part, is about. Raises UnknownSymbol, BrokerError."""
    match = request.resolver_match
    symbol = (match.kwargs.get("symbol") if match else None) or request.GET.get("symbol", "")
    return gateway.resolve(str(symbol), exchange_of(request.GET.get("exchange", "")))


def _interval(text: str) -> Interval:
    return Interval(text) if text in list(Interval) else Interval.DAY


def _address(symbol: str, exchange: str, interval: Interval) -> str:
    query = {"interval": interval.value} | ({"exchange": exchange} if exchange != Exchange.NSEEQ else {})
    return f"{reverse('dashboard:chart', args=[symbol])}?{urlencode(query)}"


def _nothing(request: HttpRequest, symbol: str, why: str, status: int) -> HttpResponse:
    context = {"title": f"There is no chart of {symbol[:60]}", "text": why}
    return render(request, "dashboard/error.html", context, status=status)
