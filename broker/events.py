"""The kinds of events about the account and the market, and the functions that publish them.

Several processes may learn of one change: the feed from a packet, a worker from the order book that it loads. Each
publishes what it knows, and programs receive it once: rows of orders and trades carry versions (systemcache/events.py).
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from broker.cache_families import VIEW_ACCOUNT
from broker.values import FeedState, Order, Quote, Trade, TradingState
from systemcache import process_state
from systemcache.events import Event, Kind, publish, publish_all, publish_on_commit

QUOTE = Kind(
    "quote",
    Quote,
    "A price: a row of /api/broker/quotes. A reader that is slow gets the newest of each symbol",
    permission=VIEW_ACCOUNT,
    replaced=True,
)
ORDER = Kind("order", Order, "An order that is new, or in another state: a row of /api/broker/orders", VIEW_ACCOUNT)
TRADE = Kind("trade", Trade, "A fill: a row of /api/broker/trades", VIEW_ACCOUNT)
FEED = Kind("feed", FeedState, "The state of the broker's live feed; down while Redis is away")
TRADING = Kind(
    "trading",
    TradingState,
    "The trading switch was turned: the answer of /api/system/trading",
    permission="broker.trade",
)
ALL = (QUOTE, ORDER, TRADE, FEED, TRADING)
FINAL_RANK = 10**15  # above any quantity


class _BookVersions:
    """The versions of the rows in the books that this process published last, so that it publishes no unchanged row."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._published: dict[str, dict[str, str]] = {}

    def changed(self, book: str, rows: Sequence[Event]) -> list[Event] | None:
        """The rows that were not in the last book like this; None if the book as a whole is news to this process."""
        known = self._published.get(book)
        return None if known is None else [row for row in rows if known.get(row.key) != row.version]

    def note(self, book: str, rows: Sequence[Event]) -> None:
        self._published[book] = {row.key: row.version for row in rows}


_book_versions = process_state.register(_BookVersions())


def quote_key(exchange: str, symbol: str) -> str:
    """The key of a quote's events."""
    return f"{exchange}:{symbol}"


def publish_quotes(quotes: Iterable[Quote]) -> None:
    """Publish prices. The caller conflates them: at most one a symbol in a quarter of a second."""
    publish_all(Event(QUOTE.name, quote, quote_key(quote.exchange, quote.symbol)) for quote in quotes)


def publish_orders(orders: Iterable[Order]) -> None:
    """Publish orders whose state is new: a state that was published already, or an earlier one, is left out."""
    publish_all(map(_order_event, orders))


def publish_trades(trades: Iterable[Trade]) -> None:
    """Publish fills, each once."""
    publish_all(map(_trade_event, trades))


def publish_order_book(orders: Sequence[Order]) -> None:
    """Publish what is new in the broker's order book; nothing for the first book of all."""
    _publish_book(ORDER.name, [_order_event(order) for order in orders if order.order_id])


def publish_trade_book(trades: Sequence[Trade]) -> None:
    """The same for the book of today's fills."""
    _publish_book(TRADE.name, list(map(_trade_event, trades)))


def publish_feed(state: FeedState) -> None:
    """Publish that the feed's state has changed."""
    publish(FEED.name, state)


def publish_trading(read: Callable[[], TradingState]) -> None:
    """Publish the trading switch once the change has committed; `read` returns its state."""
    publish_on_commit(lambda: [Event(TRADING.name, read())])


def _publish_book(book: str, rows: list[Event]) -> None:
    changed = _book_versions.changed(book, rows)
    if changed == []:
        return
    if publish_all(rows if changed is None else changed, book=book):
        _book_versions.note(book, rows)


def _order_event(order: Order) -> Event:
    """Its version is what a packet of the feed and a row of the book say alike."""
    parts = (order.state_name, order.quantity, order.filled_quantity or 0, order.order_type, order.validity)
    prices = (_plain(order.price), _plain(order.trigger_price))
    rank = (order.filled_quantity or 0) + FINAL_RANK * order.status.is_final
    return Event(ORDER.name, order, order.order_id, "|".join(map(str, (*parts, *prices))), rank)


def _trade_event(trade: Trade) -> Event:
    number = trade.trade_id or f"{trade.order_id} {trade.traded_at} {trade.quantity} {_plain(trade.price)}"
    return Event(TRADE.name, trade, f"{trade.exchange}:{number}", "told")


def _plain(price: Decimal | None) -> str:
    """A price of 0 is an order's that has none."""
    return f"{price.normalize():f}" if price else ""
