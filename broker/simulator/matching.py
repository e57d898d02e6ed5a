"""What becomes of an order: refused for want of funds or shares, waiting, triggered, filled; amounts in paise."""

from datetime import datetime

from broker.simulator.ledger import Books, Order
from broker.simulator.positions import margin, used_margin
from broker.simulator.wire import rupee_text


def admit(order: Order, books: Books, price: int) -> None:
    """The broker's risk check of a new order; what it refuses is in the book as rejected, with the reason."""
    reason = _ordained(order, books) or _missing_shares(order, books) or _missing_funds(order, books, price)
    if reason:
        order.status, order.reason = "rejected", reason


def match(order: Order, price: int, now: datetime, percent: int | None = None) -> None:
    """Against the market's price: fills an order that it has reached, wakes one whose trigger it has passed.

    With `percent` no more than that much of it is filled.
    """
    if order.status == "TRIGGER_PENDING" and _is_triggered(order, price):
        order.status, order.updated = "open", now
    if order.is_open:
        fillable = order.quantity if percent is None else max(1, order.quantity * percent // 100)
        if _is_reached(order, price) and fillable > order.filled:
            order.fill(fillable - order.filled, price, now)
        if order.pending and order.validity == "IOC":
            cancel(order, now)


def cancel(order: Order, now: datetime) -> None:
    order.status, order.cancelled, order.updated = "cancelled", order.pending, now


def _is_triggered(order: Order, price: int) -> bool:
    return price >= order.trigger if order.side == "BUY" else price <= order.trigger


def _is_reached(order: Order, price: int) -> bool:
    if order.kind == "MARKET":
        return True
    return price <= order.price if order.side == "BUY" else price >= order.price


def _ordained(order: Order, books: Books) -> str:
    """What a script says of it, once."""
    told = next((item for item in books.rejections if item.symbol in (None, order.contract.symbol)), None)
    if told is None:
        return ""
    books.rejections.remove(told)
    return told.reason


def _missing_funds(order: Order, books: Books, price: int) -> str:
    """A buyer pays, and so does a seller of what is not held: the margin."""
    if order.side == "SELL" and order.product in ("DELIVERY", "BNPL"):
        return ""
    required = margin(order.product, order.quantity * (order.price or price))
    available = books.cash.limit - used_margin(books.orders)
    if required <= available:
        return ""
    return f"RMS:Margin Exceeds,Required:{rupee_text(required)}, Available:{rupee_text(available)}"


def _missing_shares(order: Order, books: Books) -> str:
    """Shares for delivery can be sold once, by those who hold them or bought them today."""
    if order.side == "BUY" or order.product not in ("DELIVERY", "BNPL"):
        return ""
    symbol = order.contract.symbol
    held = sum(item.depository + item.unsettled for item in books.holdings if item.contract.symbol == symbol)
    deals = [item for item in books.orders if item.contract.symbol == symbol and item.product == order.product]
    bought = sum(item.filled for item in deals if item.side == "BUY")
    sold = sum(item.filled + (item.pending if item.waits else 0) for item in deals if item.side == "SELL")
    if order.quantity <= held + bought - sold:
        return ""
    return "RMS:Rule: Check holdings including BTST"
