"""The simulated account: what it holds to begin with and what it orders every day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from threading import RLock

import msgspec

from broker.simulator.candles import on_tick
from broker.simulator.contracts import Contract, Contracts
from broker.simulator.instruments import SHARES
from broker.simulator.ledger import Books, Cash, Holding, Order, Rejection
from broker.simulator.market import Market
from broker.simulator.matching import cancel, match
from broker.simulator.positions import margin
from broker.simulator.wire import IST, Clock, rupee_text

OPENING_CASH = 500_000_00
PAYIN = 100_000_00
PAYOUT = 10_000_00
COLLATERAL_SHARE = 0.8

# What the holdings cost goes by this day's close: a fixed one, so that no restart changes it.
BOUGHT_ON = datetime(2024, 1, 1, 16, 0, tzinfo=IST)


class Lot(msgspec.Struct, frozen=True):
    """One row of holdings; `factor` is what it cost in terms of the close on BOUGHT_ON."""

    symbol: str
    quantity: int
    factor: float
    product: str = "DELIVERY"
    unsettled: int = 0
    collateral: int = 0


class Plan(msgspec.Struct, frozen=True):
    """One order of the day; `limit` is its price in terms of the market's."""

    at: time
    side: str
    symbol: str
    quantity: int
    product: str
    status: str
    kind: str = "LIMIT"
    limit: float = 1.0


LOTS = (
    Lot("RELIANCE", 120, 0.88, collateral=60),
    Lot("RELIANCE", 30, 1.04, product="BNPL"),
    Lot("TCS", 40, 1.07),
    Lot("INFY", 150, 0.93, unsettled=25),
    Lot("HDFCBANK", 200, 0.91, collateral=100),
    Lot("ITC", 500, 0.97),
    Lot("M&M", 60, 0.74),
    Lot("BAJAJ-AUTO", 12, 1.11),
    Lot("LT", 45, 0.83),
)

PLANS = (
    Plan(time(9, 20, 4), "BUY", "SBIN", 200, "INTRADAY", "complete"),
    Plan(time(9, 31, 47), "BUY", "INFY", 50, "INTRADAY", "complete"),
    Plan(time(9, 48, 12), "BUY", "LT", 5000, "DELIVERY", "rejected"),
    Plan(time(10, 5, 30), "SELL", "TCS", 10, "DELIVERY", "cancelled", limit=1.03),
    Plan(time(10, 42, 9), "SELL", "INFY", 50, "INTRADAY", "complete"),
    Plan(time(11, 15, 0), "BUY", "ITC", 100, "DELIVERY", "complete"),
    Plan(time(11, 30, 21), "BUY", "RELIANCE", 20, "DELIVERY", "open", limit=0.96),
    Plan(time(11, 31, 2), "SELL", "SBIN", 200, "INTRADAY", "TRIGGER_PENDING", kind="SL", limit=0.98),
)


class Account:
    """Orders end with their day: at the first look on a new one, that day's are there."""

    def __init__(self, client_id: str, market: Market, contracts: Contracts, now: Clock) -> None:
        self.client_id = client_id
        self._market = market
        self._contracts = contracts
        self._now = now
        self._books: Books | None = None
        self._lock = RLock()

    def books(self) -> Books:
        """The account's own state, built when first asked for; who changes it changes the account."""
        with self.opened() as books:
            return books

    @contextmanager
    def opened(self) -> Iterator[Books]:
        """The same for who changes it: nobody else looks meanwhile."""
        with self._lock:
            now = self._now()
            if self._books is None:
                self._books = self._opened()
            if self._books.day != now.date():
                self._books.day = now.date()
                self._books.orders = self._ordered(now, self._books.cash)
            self._meet(self._books, now)
            yield self._books

    def match(self, order: Order, now: datetime) -> None:
        """Against the market as it is, if it takes orders; what cannot wait is cancelled otherwise."""
        price = self._price(order.contract, now)
        if self._market.scripted_day.takes_orders(now) and price is not None:
            symbol = order.contract.symbol
            match(order, price, now, self._market.scripted_day.percent_filled(symbol, now))
        elif order.waits and order.validity == "IOC":
            cancel(order, now)

    def pay_in(self, paise: int) -> None:
        with self.opened() as books:
            books.cash.payin += paise

    def reject_next(self, rejection: Rejection) -> None:
        with self.opened() as books:
            books.rejections.append(rejection)

    def price(self, contract: Contract) -> int | None:
        """The market's, or the last one while it is closed: orders can be tried at any hour."""
        return self._price(contract, self._now())

    def _meet(self, books: Books, now: datetime) -> None:
        """What the market has done to the orders since somebody last looked."""
        for order in books.orders:
            if order.live and order.waits:
                for at, price in self._market.passed(order.contract, books.matched or now, now):
                    match(order, price, at, self._market.scripted_day.percent_filled(order.contract.symbol, at))
                self.match(order, now)
        books.matched = max(now, books.matched or now)  # a call may be late among others
        ended = self._market.scripted_day.ended(now)
        for order in books.orders if ended else ():
            if order.waits and order.complexity != "AMO":
                cancel(order, max(ended or now, order.at))

    def _opened(self) -> Books:
        holdings = [held for lot in LOTS if (held := self._bought(lot))]
        pledged = sum(round(held.collateral * held.average * COLLATERAL_SHARE) for held in holdings)
        return Books(date.min, Cash(OPENING_CASH, PAYIN, PAYOUT, pledged), holdings, [])

    def _bought(self, lot: Lot) -> Holding | None:
        """None when the contracts or the candles given do not know the share."""
        contract = self._contracts.named("NSEEQ", lot.symbol)
        price = self._price(contract, min(BOUGHT_ON, self._now())) if contract else None
        if contract is None or price is None:
            return None
        share = _SHARES[lot.symbol]
        return Holding(
            contract=contract,
            isin=share.isin,
            bse_id=share.bse_id,
            product=lot.product,
            depository=lot.quantity - lot.unsettled,
            unsettled=lot.unsettled,
            collateral=lot.collateral,
            average=on_tick(price * lot.factor),
        )

    def _ordered(self, now: datetime, cash: Cash) -> list[Order]:
        orders = [self._planned(place, plan, now, cash) for place, plan in enumerate(PLANS, start=1)]
        return [order for order in orders if order]

    def _planned(self, place: int, plan: Plan, now: datetime, cash: Cash) -> Order | None:
        at = _not_after(now, plan.at, len(PLANS) - place)
        contract = self._contracts.named("NSEEQ", plan.symbol)
        market_price = self._price(contract, _last_time(now, plan.at)) if contract else None
        if contract is None or market_price is None:
            return None
        order = Order(
            number=f"{at:%y%m%d}{place:09d}",
            contract=contract,
            side=plan.side,
            product=plan.product,
            kind=plan.kind,
            quantity=plan.quantity,
            price=on_tick(market_price * plan.limit),
            status=plan.status,
            at=at,
        )
        _settle(order, cash)
        return order

    def _price(self, contract: Contract, at: datetime) -> int | None:
        snapshot = self._market.snapshot(contract, at)
        return snapshot.price if snapshot else None


_FRIDAY = 4
_SHARES = {share.symbol: share for share in SHARES}


def _not_after(now: datetime, planned: time, places_left: int) -> datetime:
    """The planned time of today; if that is still to come, just before now, a second apart from the next."""
    latest = max(now - timedelta(seconds=places_left), now.replace(hour=0, minute=0, second=0))
    return min(datetime.combine(now, planned, IST), latest).replace(microsecond=0)


def _last_time(now: datetime, planned: time) -> datetime:
    """When the market last passed that time of day: also before the opening each order has a price."""
    latest = datetime.combine(now, planned, IST)
    while latest > now or latest.weekday() > _FRIDAY:
        latest -= timedelta(days=1)
    return latest


def _settle(order: Order, cash: Cash) -> None:
    """Fills in what follows from the order's status."""
    if order.status == "complete":
        order.fill(order.quantity, order.price, order.at)
    elif order.status == "cancelled":
        order.cancelled = order.quantity
    elif order.status == "rejected":
        required = rupee_text(margin(order.product, order.quantity * order.price))
        order.reason = f"RMS:Margin Exceeds,Required:{required}, Available:{rupee_text(cash.limit)}"
    elif order.kind == "SL":
        order.trigger = on_tick(order.price * 1.002)
