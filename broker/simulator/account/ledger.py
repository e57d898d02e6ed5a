"""The parts of an account; amounts in paise."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from broker.simulator.prices.contracts import Contract

SERIAL_DIGITS = 9  # of an order's number, after its day
SERIALS_A_SECOND = 10_000  # so that those of a whole day fit


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
    """When it last changed; None if that was when it was placed."""
    live: bool = False
    """Whether a client placed it, so that the market fills it; the orders that a day starts with stay as they are."""

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
        """The quantity not filled; as at the broker, cancelled and rejected orders keep theirs."""
        return self.quantity - self.filled

    @property
    def is_working(self) -> bool:
        """Whether it is open or waiting for its trigger."""
        return self.is_open or self.status == "TRIGGER_PENDING"

    @property
    def is_open(self) -> bool:
        """Whether the market may fill it."""
        return self.status in ("open", "PARTIALLY_FILLED")

    def fill(self, quantity: int, price: int, at: datetime) -> None:
        self.fills.append(Fill(at, quantity, price))
        self.status, self.updated = "PARTIALLY_FILLED" if self.pending else "complete", at


class Rejection(msgspec.Struct, frozen=True):
    """The reason with which the risk check rejects the next order of the symbol, or of any symbol."""

    reason: str
    symbol: str | None = None


class Cash(msgspec.Struct):
    opening: int
    payin: int
    payout: int
    collateral: int

    @property
    def limit(self) -> int:
        """Subtract payouts but not the used margin, as in the broker's own example."""
        return self.opening + self.payin + self.collateral - self.payout


class Books(msgspec.Struct):
    """Holdings and cash, which last, and the orders of one day."""

    day: date
    cash: Cash
    holdings: list[Holding]
    orders: list[Order]
    matched: datetime | None = None
    """The time up to which the orders have been matched."""
    rejections: list[Rejection] = []

    def order(self, number: str) -> Order | None:
        return next((order for order in self.orders if order.number == number), None)

    def next_number(self, now: datetime) -> str:
        """Return a number for an order that is placed now, which no order of this day has had.

        It follows from the time, because a simulator that is started again knows nothing of the orders before, while
        its clients remember them.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        after_last = int(self.orders[-1].number[-SERIAL_DIGITS:]) + 1 if self.orders else 1
        return order_number(now, max(after_last, SERIALS_A_SECOND * (now - midnight) // timedelta(seconds=1)))


def order_number(day: date, serial: int) -> str:
    return f"{day:%y%m%d}{serial:0{SERIAL_DIGITS}}"
