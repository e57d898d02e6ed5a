"""Orders, and the margin that they require."""

from decimal import Decimal
from enum import StrEnum

from broker.values.base import Value
from broker.values.market import Contract
from systemcache.codec import Moment


class OrderStatus(StrEnum):
    """The states of an order. The broker has several words for most of them (iifl/mapping/order_words.py).

    UNKNOWN is a word that this site does not know; it says nothing about the order.
    """

    PENDING = "pending"  # with the broker, not confirmed by the exchange
    OPEN = "open"
    TRIGGER_PENDING = "trigger_pending"
    PARTIALLY_FILLED = "partially_filled"
    COMPLETE = "complete"
    CANCELLED = "cancelled"  # what had been filled before stays filled
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self in (OrderStatus.COMPLETE, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED)

    @property
    def is_settled(self) -> bool:
        """Whether nothing that the order was sent is still on its way."""
        return self not in (OrderStatus.PENDING, OrderStatus.UNKNOWN)


class Order(Value, frozen=True, kw_only=True):
    """An order in today's order book.

    A number that the broker does not send is None. A price of 0 means that the order has none. `status_text` is the
    broker's own word where `status` is unknown, and empty otherwise.
    """

    order_id: str
    exchange_order_id: str
    status: OrderStatus
    symbol: str
    trading_symbol: str
    name: str
    exchange: str
    instrument_id: str
    side: str
    quantity: int | None
    filled_quantity: int | None
    pending_quantity: int | None
    product: str
    complexity: str
    order_type: str
    validity: str
    price: Decimal | None
    average_price: Decimal | None
    trigger_price: Decimal | None
    disclosed_quantity: int | None
    cancelled_quantity: int | None
    placed_at: Moment | None
    updated_at: Moment | None
    rejection_reason: str
    tag: str
    status_text: str = ""

    @property
    def state_name(self) -> str:
        """The state, or the broker's own word for one that is unknown."""
        return self.status_text or str(self.status)


class OrderParams(Value, frozen=True, kw_only=True):
    """The parameters of a new order; `quantity` in units, or in lots on the commodity segments (iifl_api §2)."""

    side: str
    quantity: int
    product: str
    order_type: str
    complexity: str = "REGULAR"
    validity: str = "DAY"
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss_leg_price: Decimal | None = None
    target_leg_price: Decimal | None = None
    disclosed_quantity: int | None = None
    market_protection_percent: Decimal | None = None
    tag: str = ""


class OrderChange(Value, frozen=True, kw_only=True):
    """Changes to an open order; None leaves a parameter as it is."""

    quantity: int | None = None
    order_type: str | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    validity: str | None = None
    disclosed_quantity: int | None = None
    market_protection_percent: Decimal | None = None


class OrderReceipt(Value, frozen=True, kw_only=True):
    """The broker has accepted an order, a change or a cancellation; the order book has its further fate."""

    order_id: str
    taken_at: Moment | None


class AcceptedOrder(Value, frozen=True, kw_only=True):
    """A request that the broker has accepted; the order book has its further fate.

    `request` is its number in this site's record, `tag` the tag of an order placed here in the broker's order book.
    """

    request: int
    action: str
    order_id: str
    exchange: str
    symbol: str
    tag: str
    sent_at: Moment | None
    taken_at: Moment | None


class OrderMargin(Value, frozen=True, kw_only=True):
    """The margin that an order would require given the current positions, in rupees; None if unknown.

    `allowed` is the verdict of the broker's risk management, None if it gives none.
    """

    cash_available: Decimal | None
    used_before: Decimal | None
    used_after: Decimal | None
    required: Decimal
    allowed: bool | None
    shortfall: Decimal | None


class Leg(Value, frozen=True, kw_only=True):
    """One side of a combination of derivatives."""

    contract: Contract
    side: str
    quantity: int


class SpanMargin(Value, frozen=True, kw_only=True):
    """The margin that a combination would require by itself, in rupees, regardless of positions and open orders.

    A part that the broker does not send is None.
    """

    span: Decimal | None
    exposure: Decimal | None
    total: Decimal
    buy_premium: Decimal | None
