"""What an account consists of; amounts in paise."""

from datetime import date, datetime

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
    filled: int = 0
    cancelled: int = 0
    average: int = 0
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
    def pending(self) -> int:
        """As the broker counts it: a cancelled or refused order keeps what was never filled."""
        return self.quantity - self.filled

    @property
    def waits(self) -> bool:
        return self.status in ("open", "TRIGGER_PENDING")


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

    def order(self, number: str) -> Order | None:
        return next((order for order in self.orders if order.number == number), None)
