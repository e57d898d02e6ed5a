"""What an account consists of; amounts in paise."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from broker.simulator.contracts import Contract


class Holding(msgspec.Struct):
    contract: Contract
    isin: str
    bse_id: str
    product: str
    depository: int
    unsettled: int
    collateral: int
    average: int


class Fill(msgspec.Struct, frozen=True):
    at: datetime
    quantity: int
    price: int


class Order(msgspec.Struct):
    number: str
    contract: Contract
    side: str
    product: str
    kind: str
    quantity: int
    price: int
    status: str
    at: datetime
    trigger: int = 0
    cancelled: int = 0
    fills: list[Fill] = []
    reason: str = ""
    tag: str = ""
    validity: str = "DAY"
    complexity: str = "REGULAR"
    disclosed: int = 0
    protection: str = "0.0"
    updated: datetime | None = None
    """When it last changed; None: when it was placed."""
    live: bool = False
    """Placed by the client: the market fills it. The orders that the day begins with stay as they are."""

    @property
    def filled(self) -> int:
        return sum(fill.quantity for fill in self.fills)

    @property
    def value(self) -> int:
        return sum(fill.quantity * fill.price for fill in self.fills)

    @property
    def average(self) -> Decimal:
        return Decimal(self.value) / self.filled if self.filled else Decimal(0)

    @property
    def pending(self) -> int:
        """As the broker counts it: a cancelled or refused order keeps what was never filled."""
        return self.quantity - self.filled

    @property
    def waits(self) -> bool:
        return self.is_open or self.status == "TRIGGER_PENDING"

    @property
    def is_open(self) -> bool:
        """Whether the market may fill it."""
        return self.status in ("open", "PARTIALLY_FILLED")

    def fill(self, quantity: int, price: int, at: datetime) -> None:
        self.fills.append(Fill(at, quantity, price))
        self.status, self.updated = "PARTIALLY_FILLED" if self.pending else "complete", at


class Rejection(msgspec.Struct, frozen=True):
    """What the risk check will say of the next order; without a symbol, of any."""

    reason: str
    symbol: str | None = None


class Cash(msgspec.Struct):
    opening: int
    payin: int
    payout: int
    collateral: int

    @property
    def limit(self) -> int:
        """As in the broker's own example: payouts are taken off, what is used is not."""
        return self.opening + self.payin + self.collateral - self.payout


class Books(msgspec.Struct):
    """Lasting holdings and cash, and the orders of one day."""

    day: date
    cash: Cash
    holdings: list[Holding]
    orders: list[Order]
    matched: datetime | None = None
    """Up to when the market has met the orders."""
    rejections: list[Rejection] = []

    def order(self, number: str) -> Order | None:
        return next((order for order in self.orders if order.number == number), None)
