"""Matches orders: rejected for lack of funds or shares, open, triggered, filled; amounts in paise."""

from datetime import datetime

from broker.simulator.account.ledger import Books, Order
from broker.simulator.account.positions import margin, used_margin
from broker.simulator.wire import rupee_text


def check_risk(order: Order, books: Books, price: int) -> None:
    """Check a new order as the broker does; a rejected order stays in the book with the reason."""
    reason = _scripted_rejection(order, books) or _missing_shares(order, books) or _missing_funds(order, books, price)
    if reason:
        order.status, order.reason = "rejected", reason


def match(order: Order, price: int, now: datetime, percent: int | None = None) -> None:
    """Match an order against the market price: trigger it, fill it, or cancel the rest of an IOC order.

    With `percent`, fill at most that share of the order.
    """
    is_buy = order.side == "BUY"
    if order.status == "TRIGGER_PENDING" and (price >= order.trigger if is_buy else price <= order.trigger):
        order.status, order.updated = "open", now
    if order.is_open:
        fillable = order.quantity if percent is None else max(1, order.quantity * percent // 100)
        is_reached = order.kind == "MARKET" or (price <= order.price if is_buy else price >= order.price)
        if is_reached and fillable > order.filled:
            order.fill(fillable - order.filled, price, now)
        if order.pending and order.validity == "IOC":
            cancel(order, now)


def cancel(order: Order, now: datetime) -> None:
    order.status, order.cancelled, order.updated = "cancelled", order.pending, now


def _scripted_rejection(order: Order, books: Books) -> str:
    """Return the reason that a script gives for rejecting this order, which applies once."""
    rejection = next((item for item in books.rejections if item.symbol in (None, order.contract.symbol)), None)
    if rejection is None:
        return ""
    books.rejections.remove(rejection)
    return rejection.reason


def _missing_funds(order: Order, books: Books, price: int) -> str:
    """Require the margin of buyers, and of sellers of what is not held."""
    if order.side == "SELL" and order.product in ("DELIVERY", "BNPL"):
        return ""
    required = margin(order.product, order.quantity * (order.price or price))
    available = books.cash.limit - used_margin(books.orders)
    if required <= available:
        return ""
    return f"RMS:Margin Exceeds,Required:{rupee_text(required)}, Available:{rupee_text(available)}"


def _missing_shares(order: Order, books: Books) -> str:
    """Allow a sale for delivery only of shares that are held or were bought today, and not yet sold."""
    if order.side == "BUY" or order.product not in ("DELIVERY", "BNPL"):
        return ""
    symbol = order.contract.symbol
    held = sum(item.depository + item.unsettled for item in books.holdings if item.contract.symbol == symbol)
    orders = [item for item in books.orders if item.contract.symbol == symbol and item.product == order.product]
    bought = sum(item.filled for item in orders if item.side == "BUY")
    sold = sum(item.filled + (item.pending if item.is_working else 0) for item in orders if item.side == "SELL")
    if order.quantity <= held + bought - sold:
        return ""
    return "RMS:Rule: Check holdings including BTST"
