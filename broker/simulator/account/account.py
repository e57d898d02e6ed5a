"""The simulated account: its initial holdings and the orders of each day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from threading import RLock

import msgspec

from broker.simulator.account.changes import Listener, OrderChanges
from broker.simulator.account.ledger import Books, Cash, Holding, Order, Rejection, order_number
from broker.simulator.account.matching import cancel, match
from broker.simulator.account.positions import margin
from broker.simulator.market import Market
from broker.simulator.prices.candles import on_tick
from broker.simulator.prices.contracts import Contract, Contracts
from broker.simulator.prices.instruments import SHARES
from broker.simulator.wire import IST, Clock, rupee_text

OPENING_CASH = 500_000_00
PAYIN = 100_000_00
PAYOUT = 10_000_00
COLLATERAL_SHARE = 0.8

# The cost of the holdings is based on this day's close, which is fixed so that no restart changes it.
COST_DATE = datetime(2024, 1, 1, 16, 0, tzinfo=IST)


class InitialHolding(msgspec.Struct, frozen=True):
    """A holding; `factor` is its cost as a multiple of the close on COST_DATE."""

    symbol: str
    quantity: int
    factor: float
    product: str = "DELIVERY"
    unsettled: int = 0
    collateral: int = 0


class PlannedOrder(msgspec.Struct, frozen=True):
    """An order that every day starts with; `limit` is its price as a multiple of the market price."""

    at: time
    side: str
    symbol: str
    quantity: int
    product: str
    status: str
    kind: str = "LIMIT"
    limit: float = 1.0


INITIAL_HOLDINGS = (
    InitialHolding("RELIANCE", 120, 0.88, collateral=60),
    InitialHolding("RELIANCE", 30, 1.04, product="BNPL"),
    InitialHolding("TCS", 40, 1.07),
    InitialHolding("INFY", 150, 0.93, unsettled=25),
    InitialHolding("HDFCBANK", 200, 0.91, collateral=100),
    InitialHolding("ITC", 500, 0.97),
    InitialHolding("M&M", 60, 0.74),
    InitialHolding("BAJAJ-AUTO", 12, 1.11),
    InitialHolding("LT", 45, 0.83),
)

PLANNED_ORDERS = (
    PlannedOrder(time(9, 20, 4), "BUY", "SBIN", 200, "INTRADAY", "complete"),
    PlannedOrder(time(9, 31, 47), "BUY", "INFY", 50, "INTRADAY", "complete"),
    PlannedOrder(time(9, 48, 12), "BUY", "LT", 5000, "DELIVERY", "rejected"),
    PlannedOrder(time(10, 5, 30), "SELL", "TCS", 10, "DELIVERY", "cancelled", limit=1.03),
    PlannedOrder(time(10, 42, 9), "SELL", "INFY", 50, "INTRADAY", "complete"),
    PlannedOrder(time(11, 15, 0), "BUY", "ITC", 100, "DELIVERY", "complete"),
    PlannedOrder(time(11, 30, 21), "BUY", "RELIANCE", 20, "DELIVERY", "open", limit=0.96),
    PlannedOrder(time(11, 31, 2), "SELL", "SBIN", 200, "INTRADAY", "TRIGGER_PENDING", kind="SL", limit=0.98),
)


class Account:
    """Orders end with their day: the first access on a new day replaces them by that day's planned orders."""

    def __init__(self, client_id: str, market: Market, contracts: Contracts, now: Clock) -> None:
        self.client_id = client_id
        self._market = market
        self._contracts = contracts
        self._now = now
        self._books: Books | None = None
        self._changes = OrderChanges()
        self._lock = RLock()

    def books(self) -> Books:
        """Return the account's own state, which is created on first access; changing it changes the account."""
        with self.locked() as books:
            return books

    @contextmanager
    def locked(self) -> Iterator[Books]:
        """Give access to the state under the account's lock."""
        with self._lock:
            now = self._now()
            if self._books is None:
                self._books = self._build_books()
            if self._books.day != now.date():
                self._books.day = now.date()
                planned = enumerate(PLANNED_ORDERS, start=1)
                orders = [self._build_order(number, plan, now, self._books.cash) for number, plan in planned]
                self._books.orders = [order for order in orders if order]
                self._changes.forget(self._books.orders)
            self._match_orders(self._books, now)
            try:
                yield self._books
            finally:
                for order in self._books.orders:
                    self._changes.note(order)

    def listen(self, listener: Listener | None) -> None:
        """Tell this listener, and no other, of every change of an order from now on; None ends it."""
        with self.locked() as books:
            self._changes.listen(listener, books.orders)

    def note(self, order: Order) -> None:
        """Tell the listener of the order as it is, before it changes further."""
        self._changes.note(order)

    def match(self, order: Order, now: datetime) -> None:
        """Match the order against the current market if it is open, otherwise cancel it if it cannot wait."""
        price = self._market.price(order.contract)
        if self._market.scripted_day.takes_orders(now) and price is not None:
            symbol = order.contract.symbol
            match(order, price, now, self._market.scripted_day.fill_percent(symbol, now))
        elif order.is_working and order.validity == "IOC":
            cancel(order, now)
        self._changes.note(order)

    def add_payin(self, paise: int) -> None:
        with self.locked() as books:
            books.cash.payin += paise

    def reject_next(self, rejection: Rejection) -> None:
        with self.locked() as books:
            books.rejections.append(rejection)

    def price(self, contract: Contract) -> int | None:
        """Return the current price, or the last one while the market is closed: orders can be tried at any hour."""
        return self._market.price(contract)

    def _match_orders(self, books: Books, now: datetime) -> None:
        """Match open orders against the prices since the last access, and cancel them at the end of a scripted day."""
        for order in books.orders:
            if order.live and order.is_working:
                for at, price in self._market.prices_between(order.contract, books.matched or now, now):
                    match(order, price, at, self._market.scripted_day.fill_percent(order.contract.symbol, at))
                    self._changes.note(order)
                self.match(order, now)
        books.matched = max(now, books.matched or now)  # concurrent calls may arrive out of order
        if ended_at := self._market.scripted_day.orders_ended_at(now):
            for order in books.orders:
                if order.is_working and order.complexity != "AMO":
                    cancel(order, max(ended_at, order.at))
                    self._changes.note(order)

    def _build_books(self) -> Books:
        built = [self._build_holding(initial) for initial in INITIAL_HOLDINGS]
        holdings = [holding for holding in built if holding]
        pledged = sum(round(holding.collateral * holding.average * COLLATERAL_SHARE) for holding in holdings)
        return Books(date.min, Cash(OPENING_CASH, PAYIN, PAYOUT, pledged), holdings, [])

    def _build_holding(self, initial: InitialHolding) -> Holding | None:
        """Return None if the given contracts or candles do not include the share."""
        contract = self._contracts.by_symbol("NSEEQ", initial.symbol)
        price = self._price(contract, min(COST_DATE, self._now())) if contract else None
        if contract is None or price is None:
            return None
        share = _SHARES[initial.symbol]
        return Holding(
            contract=contract,
            isin=share.isin,
            bse_id=share.bse_id,
            product=initial.product,
            depository=initial.quantity - initial.unsettled,
            unsettled=initial.unsettled,
            collateral=initial.collateral,
            average=on_tick(price * initial.factor),
        )

    def _build_order(self, number: int, plan: PlannedOrder, now: datetime, cash: Cash) -> Order | None:
        at = _time_before(now, plan.at, len(PLANNED_ORDERS) - number)
        contract = self._contracts.by_symbol("NSEEQ", plan.symbol)
        market_price = self._price(contract, _last_market_time(now, plan.at)) if contract else None
        if contract is None or market_price is None:
            return None
        order = Order(
            number=order_number(at, number),
            contract=contract,
            side=plan.side,
            product=plan.product,
            kind=plan.kind,
            quantity=plan.quantity,
            price=on_tick(market_price * plan.limit),
            status=plan.status,
            at=at,
        )
        _apply_status(order, cash)
        return order

    def _price(self, contract: Contract, at: datetime) -> int | None:
        snapshot = self._market.snapshot(contract, at)
        return snapshot.price if snapshot else None


_FRIDAY = 4
_SHARES = {share.symbol: share for share in SHARES}


def _time_before(now: datetime, planned: time, orders_left: int) -> datetime:
    """Return the planned time of today; if it is still to come, a time just before now, a second before the next."""
    latest = max(now - timedelta(seconds=orders_left), now.replace(hour=0, minute=0, second=0))
    return min(datetime.combine(now, planned, IST), latest).replace(microsecond=0)


def _last_market_time(now: datetime, planned: time) -> datetime:
    """Return the last weekday's time, not after now, so that each order has a price even before the opening."""
    latest = datetime.combine(now, planned, IST)
    while latest > now or latest.weekday() > _FRIDAY:
        latest -= timedelta(days=1)
    return latest


def _apply_status(order: Order, cash: Cash) -> None:
    """Fill in what follows from the order's status."""
    if order.status == "complete":
        order.fill(order.quantity, order.price, order.at)
    elif order.status == "cancelled":
        order.cancelled = order.quantity
    elif order.status == "rejected":
        required = rupee_text(margin(order.product, order.quantity * order.price))
        order.reason = f"RMS:Margin Exceeds,Required:{required}, Available:{rupee_text(cash.limit)}"
    elif order.kind == "SL":
        order.trigger = on_tick(order.price * 1.002)
