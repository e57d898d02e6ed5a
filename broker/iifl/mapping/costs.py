"""What a position cost, from the numbers as they were sent: shown prices have fewer places (iifl_api §3.7)."""

from decimal import Decimal

from broker import money
from broker.iifl.mapping.fields import (
    Row,
    amount,
    is_blank,
    known_or_blank,
    optional_decimal,
    text,
    unreadable,
    whole_number,
)
from broker.values import Exchange

# Where the broker counts units, so that a missing multiplier is 1. Elsewhere it may count lots.
COUNTED_IN_UNITS = frozenset({Exchange.NSEEQ, Exchange.BSEEQ, Exchange.NSEFO, Exchange.BSEFO})
ZERO = Decimal(0)


class PositionCost:
    """A position's quantities, and what they cost in rupees; None where the broker does not send enough.

    Raises BrokerAnswerUnclear if the net quantity is neither sent nor follows from the others.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._what = f"The position {text(row.get('tradingSymbol')) or text(row.get('instrumentId'))}"
        self.multiplier = self._read_multiplier()
        self.day_buys, self.day_sells = self._whole("dayBuyQuantity"), self._whole("daySellQuantity")
        self.overnight = self._whole("overnightQuantity")
        self.net = self._read_net()
        if self.overnight is None and self.day_buys is not None and self.day_sells is not None:
            self.overnight = self.net - self.day_buys + self.day_sells
        day_buy = self._traded("dayBuyQuantity", "dayBuyPrice", "dayBuyValue")
        day_sell = self._traded("daySellQuantity", "daySellPrice", "daySellValue")
        self.day_buy_value = None if day_buy is None else money.rupees(day_buy)
        self.day_sell_value = None if day_sell is None else money.rupees(day_sell)
        self.realized_pnl = known_or_blank(amount, row, "realizedPnl", self._what)
        self._components = self._sum_components(day_buy, day_sell)

    @property
    def invested(self) -> Decimal | None:
        """The cost of an open position, net of what it has realized, which the average includes."""
        if not self.net:
            return money.rupees(ZERO)
        average = self._price("netAveragePrice")
        return self._in_rupees(self.net * average if average is not None else self._components)

    @property
    def realized(self) -> Decimal | None:
        """The P&L of a closed position: the broker's own figure, otherwise what its trades came to."""
        if self.net:
            return None
        if self.realized_pnl is not None:
            return self.realized_pnl
        bought = self._traded("buyQuantity", "buyPrice")
        sold = self._traded("sellQuantity", "sellPrice")
        if bought is not None and sold is not None and self._carried() is not None:
            return self._in_rupees(sold - bought)
        return None if self._components is None else self._in_rupees(-self._components)

    def _read_multiplier(self) -> Decimal | None:
        multiplier = self._number("multiplier")
        if multiplier and multiplier > 0:
            return Decimal(f"{multiplier:f}")
        is_missing = multiplier == 0 or is_blank(self._row.get("multiplier"))
        return Decimal(1) if is_missing and text(self._row.get("exchange")) in COUNTED_IN_UNITS else None

    def _read_net(self) -> int:
        net = self._whole("netQuantity")
        if net is not None:
            return net
        if self.overnight is not None and self.day_buys is not None and self.day_sells is not None:
            return self.overnight + self.day_buys - self.day_sells
        bought, sold = self._whole("buyQuantity"), self._whole("sellQuantity")
        if bought is None or sold is None:
            raise unreadable("netQuantity", self._row.get("netQuantity"), self._what)
        return bought - sold

    def _sum_components(self, day_buy: Decimal | None, day_sell: Decimal | None) -> Decimal | None:
        """The documents' numerator of netAveragePrice: what was carried and bought, less what was sold."""
        carried = None if self.overnight is None else self._carried()
        if carried is None or day_buy is None or day_sell is None:
            return None
        return carried + day_buy - day_sell

    def _carried(self) -> Decimal | None:
        """What the carried quantity cost; 0 if there is none, None if its price is not known."""
        if not self.overnight:
            return ZERO
        price = self._price("overnightPrice")
        return None if price is None else money.WIDE.multiply(self.overnight, price)

    def _traded(self, quantity: str, price: str, value: str = "") -> Decimal | None:
        """The value of trades, or quantity x price; a value of 0 for a quantity that is not 0 is not known."""
        count, total = self._whole(quantity), self._number(value) if value else None
        if count == 0 or (total is not None and (total or count is None)):
            return total or ZERO
        each = self._price(price)
        return None if count is None or each is None else money.WIDE.multiply(count, each)

    def _in_rupees(self, cost: Decimal | None) -> Decimal | None:
        if cost is None or self.multiplier is None:
            return None
        return money.rupees(money.WIDE.multiply(cost, self.multiplier))

    def _number(self, name: str) -> Decimal | None:
        return optional_decimal(self._row.get(name))

    def _price(self, name: str) -> Decimal | None:
        return self._number(name) or None  # 0 is the broker's "unknown"

    def _whole(self, name: str) -> int | None:
        return whole_number(self._row.get(name))
