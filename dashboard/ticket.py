"""The order ticket: what somebody has filled in, checked by the rules that the API has, and what it would cost."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextvars import copy_context
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connections
from django.utils.crypto import salted_hmac

from broker import clock, conf, gateway, order_guards
from broker.api.order_serializers import ORDER_TYPES, PRODUCTS, VALIDITIES, ChangeOrderSerializer, PlaceOrderSerializer
from broker.errors import BrokerError, InvalidOrder, OrderOverLimit
from broker.models import OrderRequest
from broker.money import WIDE, grouped, rupees
from broker.order_guards import Proposal
from broker.orders import limits, rules
from broker.orders.rules import QUANTITY_IN_LOTS, SHARE_EXCHANGES
from broker.values import Contract, Order, OrderChange, OrderMargin, OrderParams, Quote
from dashboard.reading import Answer, ask
from systemcache import process_state
from systemcache.cached_value import CachedValue
from systemcache.errors import CacheError
from watchlist import quotes

SIDES = {"BUY": "Buy", "SELL": "Sell"}
PROTECTION = "0.50"  # per cent; a MARKET order needs one
MARGIN_WAIT = 3.0  # seconds that a page waits for the margin
KEY_LENGTH = 32  # hexadecimal digits
KEY = re.compile(rf"ticket-[0-9a-f]{{{KEY_LENGTH}}}")

# What an order of the type takes, beside quantity, product and validity.
PRICES_OF = {
    "LIMIT": ("price",),
    "MARKET": ("market_protection_percent",),
    "SL": ("price", "trigger_price"),
}
FIELDS = ("quantity", "product", "order_type", "price", "trigger_price", "market_protection_percent", "validity")
CHANGEABLE = ("quantity", "order_type", "price", "trigger_price", "market_protection_percent", "validity")
LABELS = {
    "quantity": "Quantity",
    "product": "Product",
    "order_type": "Type",
    "price": "Price",
    "trigger_price": "Trigger price",
    "market_protection_percent": "Protection",
    "validity": "Validity",
}

Errors = dict[str, list[str]]


class _Pool:
    """Threads that ask for margins, so that a page need not wait for as long as the broker hangs."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.executor = ThreadPoolExecutor(4, thread_name_prefix="margins")


_pool = process_state.register(_Pool())


@dataclass
class Ticket:
    """A new order, or a change of one (`order`), as it was filled in. `values` are texts, as a form has them."""

    contract: Contract
    side: str
    key: str
    values: dict[str, str]
    quote: Answer[Quote]
    order: Order | None = None
    errors: Errors = field(default_factory=dict)
    params: OrderParams | None = None
    changes: OrderChange | None = None

    @property
    def symbol(self) -> str:
        return quotes.symbol_of(self.contract)

    @property
    def name(self) -> str:
        """Say what the ticket is for: `Buy RELIANCE`."""
        return f"Change order {self.order.order_id}" if self.order else f"{SIDES[self.side]} {self.symbol}"

    @property
    def lot(self) -> int:
        """The step of the quantity; on the commodity segments quantities are lots."""
        return 1 if self.in_lots else max(1, self.contract.lot_size or 1)

    @property
    def in_lots(self) -> bool:
        return self.contract.exchange in QUANTITY_IN_LOTS

    @property
    def products(self) -> list[str]:
        shares = self.contract.exchange in SHARE_EXCHANGES
        return [product for product in PRODUCTS if shares or product not in ("DELIVERY", "BNPL")]

    @property
    def order_types(self) -> tuple[str, ...]:
        return ORDER_TYPES

    @property
    def validities(self) -> tuple[str, ...]:
        return VALIDITIES

    @property
    def last_price(self) -> Decimal | None:
        return self.quote.value.ltp if self.quote.value else None

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """The errors as field, label and sentence."""
        return [(name, LABELS.get(name, ""), text) for name, texts in self.errors.items() for text in texts]

    @property
    def worth(self) -> Decimal | None:
        """What the order is worth in rupees, at its price or else the last one; None if that is not known."""
        if self.params is None:
            return None
        price = self.params.price or self.last_price
        units = self.contract.lot_size if self.in_lots else 1
        if price is None or not units:
            return None
        return rupees(WIDE.multiply(price, self.params.quantity * units))

    @property
    def opening(self) -> str:
        """What the button says that leads to a page which shows what will be sent."""
        return "Change…" if self.order else f"{self.name}…"

    @property
    def action(self) -> str:
        """What the button that sends it says: `Buy 5 INFY`; the ticket has passed `check`."""
        if self.order or self.params is None:
            return "Send the change"
        return f"{SIDES[self.side]} {grouped(self.params.quantity)} {self.symbol}"

    @property
    def sentence(self) -> str:
        """Say in a line what will be sent. Raises ValueError before the ticket has passed `check`."""
        return " · ".join(value for _, value in self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """What will be sent, in words: name and value. Raises ValueError before the ticket has passed `check`."""
        params = self.params
        if params is None:
            raise ValueError("This ticket has not passed its check.")
        found = [
            ("Order", f"{params.side} {grouped(params.quantity)}{' lots' if self.in_lots else ''} {self.symbol}"),
            ("Exchange", self.contract.exchange),
            ("Type", params.order_type),
            ("Product", params.product),
            ("Validity", params.validity),
        ]
        if params.price is not None:
            found.append(("Price", f"₹{grouped(params.price)}"))
        if params.trigger_price is not None:
            found.append(("Trigger price", f"₹{grouped(params.trigger_price)}"))
        if params.order_type == "MARKET":
            found.append(("Price", f"at the market, at most {params.market_protection_percent} % off it"))
        return found


def new(symbol: str, exchange: str, side: str, given: Mapping[str, str], user_id: int) -> Ticket:
    """Make a ticket for a new order, with what was given and defaults for the rest. Raises BrokerError."""
    contract = gateway.resolve(symbol, exchange)
    quote = quote_of(contract)
    values = _defaults(contract, quote) | {name: given[name].strip() for name in FIELDS if name in given}
    return Ticket(contract, side, given.get("key") or key_for(user_id, contract, side), values, quote)


def of_order(order: Order, given: Mapping[str, str], user_id: int) -> Ticket:
    """Make a ticket that changes an order, filled in with what it is now. Raises BrokerError."""
    contract = gateway.resolve(order.trading_symbol, order.exchange)
    now = {
        "quantity": "" if order.quantity is None else str(order.quantity),
        "product": order.product,
        "order_type": order.order_type,
        "price": str(order.price) if order.price else "",
        "trigger_price": str(order.trigger_price) if order.trigger_price else "",
        "market_protection_percent": PROTECTION,
        "validity": order.validity,
    }
    values = now | {name: given[name].strip() for name in CHANGEABLE if name in given}
    key = given.get("key") or key_for(user_id, contract, order.side, order.order_id)
    return Ticket(contract, order.side, key, values, quote_of(contract), order)


def key_for(user_id: int, contract: Contract, side: str, order_id: str = "") -> str:
    """Make the key of a ticket: the same until something is sent under it, in each tab and after each reload.

    It follows from the last request of the kind, so that tickets that were opened side by side are one order.
    """
    last = OrderRequest.objects.filter(client_id=conf.client_id(), user_id=user_id)
    if order_id:
        last = last.filter(action=OrderRequest.Action.CHANGE, order_id=order_id)
    else:
        last = last.filter(
            action=OrderRequest.Action.PLACE, instrument_id=contract.instrument_id, exchange=contract.exchange
        )
    newest = last.order_by("-pk").values_list("pk", flat=True).first()
    parts = (conf.client_id(), user_id, contract.exchange, contract.instrument_id, side, order_id, newest)
    digest = salted_hmac("dashboard.ticket", repr(parts), algorithm="sha256").hexdigest()
    return f"ticket-{digest[:KEY_LENGTH]}"


def check(ticket: Ticket) -> None:
    """Check what was filled in as the API does, and fill in `params`, or `errors`. Nothing is asked of the broker."""
    relevant = ("quantity", "product", "order_type", "validity", *PRICES_OF.get(ticket.values["order_type"], ()))
    given = {name: ticket.values.get(name, "") for name in relevant}
    data: dict[str, Any] = {name: text for name, text in given.items() if text}
    serializer = PlaceOrderSerializer(
        data={"symbol": ticket.symbol, "exchange": ticket.contract.exchange, "side": ticket.side, **data}
    )
    if not serializer.is_valid():
        ticket.errors = {str(name): [str(text) for text in texts] for name, texts in serializer.errors.items()}
        return
    params: OrderParams = serializer.validated_data["params"]
    ticket.errors = rules.contract_errors(params, ticket.contract, clock.now().date())
    ticket.params = params
    if ticket.order:
        _check_changes(ticket, ticket.order, params)


def check_caps(ticket: Ticket) -> None:
    """Check the site's own caps and limits, too. It may ask the broker for prices and books."""
    if ticket.params is None or ticket.errors:
        return
    try:
        changed = limits.BANDED if ticket.changes is None else _changed_prices(ticket.changes)
        limits.require_within_caps(ticket.params, ticket.contract, changed)
        filled = (ticket.order.filled_quantity or 0) if ticket.order else 0
        order_guards.check(Proposal(ticket.contract, ticket.params, filled))
    except InvalidOrder as error:
        note_error(ticket, error)
    except OrderOverLimit as error:
        ticket.errors = {"": [str(error)]}
    except (BrokerError, CacheError) as error:
        ticket.errors = {"": [f"The site's limits on orders cannot be checked now. {error}"]}


def note_error(ticket: Ticket, error: BrokerError | CacheError) -> None:
    """Show an error at the fields that it names, or above all."""
    detail = error.detail
    if isinstance(error, InvalidOrder) and isinstance(detail, dict):
        ticket.errors = {str(name): [str(text) for text in texts] for name, texts in detail.items()}
    else:
        ticket.errors = {"": [str(error)]}


def margin(ticket: Ticket) -> OrderMargin | str:
    """Ask what margin the order takes; a sentence instead if the broker does not say, or not in time."""
    params = ticket.params
    if params is None:
        return "The margin follows once the order is complete."

    def ask_broker() -> OrderMargin:
        try:
            return gateway.order_margin(ticket.symbol, ticket.contract.exchange, params)
        finally:
            connections.close_all()

    future = _pool.executor.submit(copy_context().run, ask_broker)
    try:
        return future.result(MARGIN_WAIT)
    except NotInTime:
        future.cancel()
        return f"The broker has not answered about the margin within {MARGIN_WAIT:g} s."
    except (BrokerError, CacheError) as error:
        return f"The margin is not known: {error}"


def quote_of(contract: Contract) -> Answer[Quote]:
    """Read the contract's price; an answer without value where there is none."""

    def read() -> CachedValue[Quote]:
        (found,) = gateway.quotes_of([contract]) if gateway.can_be_quoted(contract) else [None]
        if found is None:
            raise BrokerError(f"The broker has no price of {contract.trading_symbol}.")
        return found

    return ask(read)


def _defaults(contract: Contract, quote: Answer[Quote]) -> dict[str, str]:
    in_lots = contract.exchange in QUANTITY_IN_LOTS
    return {
        "quantity": "1" if in_lots else str(max(1, contract.lot_size or 1)),
        "product": "DELIVERY" if contract.exchange in SHARE_EXCHANGES else "NORMAL",
        "order_type": "LIMIT",
        "price": _on_tick(quote.value.ltp, contract.tick_size) if quote.value else "",
        "trigger_price": "",
        "market_protection_percent": PROTECTION,
        "validity": "DAY",
    }


def _on_tick(price: Decimal, tick: Decimal | None) -> str:
    """Write a price as one that an order may have: the nearest multiple of the tick."""
    return str(price if not tick else (price / tick).quantize(Decimal(1)) * tick)


def _check_changes(ticket: Ticket, order: Order, params: OrderParams) -> None:
    """Find what differs from the order: that alone is sent."""
    changed = {
        name: getattr(params, name)
        for name in CHANGEABLE
        if getattr(params, name) is not None and getattr(params, name) != getattr(order, name, None)
    }
    if params.order_type == order.order_type == "MARKET":
        changed.pop("market_protection_percent", None)
    serializer = ChangeOrderSerializer(data={name: str(value) for name, value in changed.items()})
    if not changed:
        ticket.errors.setdefault("", []).append("Nothing is changed yet.")
    elif serializer.is_valid():
        ticket.changes = serializer.validated_data["changes"]
    else:
        ticket.errors |= {str(name): [str(text) for text in texts] for name, texts in serializer.errors.items()}


def _changed_prices(changes: OrderChange) -> tuple[str, ...]:
    return tuple(name for name in limits.BANDED if getattr(changes, name) is not None)
