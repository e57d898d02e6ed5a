"""Cancelling orders and exiting positions, each after a confirmation, by the services that the API uses."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from broker import gateway
from broker.api.credentials import session_credential
from broker.errors import BrokerError, OrderOutcomeUnknown, OrderUnderWay, TradingDisabled
from broker.iifl.mapping.fields import ORDER_ID
from broker.models import OrderRequest
from broker.money import grouped
from broker.orders import services, switch
from broker.values import Order, Position
from dashboard import confirmation, exits
from dashboard.access import TRADE, page_for, user_id
from dashboard.confirmation import Confirmation
from dashboard.exits import PROTECTION, Exit
from dashboard.formatting import UNKNOWN
from dashboard.reading import ask
from systemcache.errors import CacheError
from systemcache.fetching import refresh

KEY = re.compile(r"[0-9a-f]{32}")
MAX_ORDERS = 500  # that one form may name
NOT_A_FORM = "This form did not come from this site. Nothing was sent; start again."
NOT_CERTAIN = "It is not certain yet what became of it. The button asks again, and sends nothing twice."
trader_page = page_for(TRADE)


# --- cancelling --------------------------------------------------------------------------------------------


@never_cache
@trader_page
def cancel(request: HttpRequest, order_id: str) -> HttpResponse:
    """Confirm and cancel one order. It needs no order book: a number is enough."""
    if not ORDER_ID.fullmatch(order_id):
        messages.error(request, "This is not the number of an order. Nothing was sent.")
        return redirect("dashboard:orders")
    if request.method != "POST":
        return confirmation.show(request, _confirm_cancel(order_id))
    key = _key(request)
    if not key:
        return _not_a_form(request, "dashboard:orders")

    def send() -> str:
        services.cancel(user_id(request), key, order_id, credential=session_credential(request))
        return f"The cancellation of order {order_id} is with the broker."

    return _send(request, send, lambda: _confirm_cancel(order_id, key), "dashboard:orders")


@never_cache
@trader_page
def cancel_all(request: HttpRequest) -> HttpResponse:
    """Confirm and cancel the open orders: those that the confirmation has named, and no other."""
    if request.method != "POST":
        return confirmation.show(request, _confirm_cancel_all())
    key, orders = _key(request), request.POST.getlist("order")[:MAX_ORDERS]
    if not key or not orders or not all(map(ORDER_ID.fullmatch, orders)):
        return _not_a_form(request, "dashboard:orders")
    for place, order_id in enumerate(orders):
        _report(
            request,
            f"Order {order_id}",
            partial(
                services.cancel,
                user_id(request),
                f"{key}-{place}",
                order_id,
                credential=session_credential(request),
            ),
            "its cancellation is with the broker.",
        )
    return redirect("dashboard:orders")


def _confirm_cancel(order_id: str, key: str = "") -> Confirmation:
    book = ask(gateway.orders)
    order = next((order for order in book.value or () if order.order_id == order_id), None)
    notes = []
    if order and order.status.is_final:
        notes.append(f"The order is {order.state_name.replace('_', ' ')} already; there is probably nothing to cancel.")
    if book.error:
        notes.append(f"The order book cannot be read now ({book.why_not}) The cancellation is sent all the same.")
    return Confirmation(
        title=f"Cancel order {order_id}?",
        button=f"Cancel order {order_id}",
        address=reverse("dashboard:cancel-order", args=[order_id]),
        back=reverse("dashboard:orders"),
        details=_details(order) if order else (),
        lines=[] if order else [f"Cancel order {order_id}"],
        notes=notes,
        key=key or confirmation.new_key(),
    )


def _confirm_cancel_all() -> Confirmation:
    book = ask(gateway.orders)
    orders = [order for order in book.value or () if not order.status.is_final and order.order_id]
    refusal = book.why_not or ("" if orders else "There is no open order.")
    return Confirmation(
        title=f"Cancel all {len(orders)} open orders?" if len(orders) != 1 else "Cancel the one open order?",
        button="Cancel all",
        address=reverse("dashboard:cancel-all"),
        back=reverse("dashboard:orders"),
        lines=[f"{order.order_id}: {_words(order)}" for order in orders],
        hidden=[("order", order.order_id) for order in orders],
        refusal=refusal,
    )


def _details(order: Order) -> list[tuple[str, str]]:
    return [
        ("Symbol", f"{order.symbol} ({order.exchange})"),
        ("Order", f"{order.side} {_number(order.quantity)}, {order.order_type}, {order.product}"),
        ("Price", _number(order.price) if order.price else "at the market"),
        ("Filled", _number(order.filled_quantity)),
    ]


def _words(order: Order) -> str:
    price = f"at {_number(order.price)}" if order.price else "at the market"
    return f"{order.side} {_number(order.quantity)} {order.symbol} {price}"


# --- exiting -----------------------------------------------------------------------------------------------


@never_cache
@trader_page
def exit_position(request: HttpRequest) -> HttpResponse:
    """Confirm and send the order that closes one position, unless the position has changed since it was confirmed."""
    given = request.POST if request.method == "POST" else request.GET
    wanted = Exit.parse(given.get("exit", ""))
    if wanted is None:
        return _not_a_form(request, "dashboard:positions")
    if request.method != "POST":
        return confirmation.show(request, _confirm_exit(wanted))
    key = _key(request)
    if not key:
        return _not_a_form(request, "dashboard:positions")
    if not _was_sent(request, key):
        problem = _changed(wanted)
        if problem:
            return confirmation.show(request, _confirm_exit(wanted, note=problem), status=409)

    def send() -> str:
        return _send_exit(request, key, wanted)

    return _send(request, send, lambda: _confirm_exit(wanted, key=key), "dashboard:positions")


@never_cache
@trader_page
def exit_all(request: HttpRequest) -> HttpResponse:
    """Confirm and send the orders that close all open positions: those that the confirmation has named."""
    if request.method != "POST":
        return confirmation.show(request, _confirm_exit_all())
    key, given = _key(request), request.POST.getlist("exit")[:MAX_ORDERS]
    wanted = [found for text in given if (found := Exit.parse(text))]
    if not key or not wanted or len(wanted) != len(given):
        return _not_a_form(request, "dashboard:positions")
    for place, each in enumerate(wanted):
        own_key = f"{key}-{place}"
        problem = "" if _was_sent(request, own_key) else _changed(each)
        if problem:
            messages.error(request, f"{each.side} {each.quantity}: {problem} Nothing was sent for it.")
            continue
        _report(request, f"{each.side} {each.quantity}", partial(_send_exit, request, own_key, each), "")
    return redirect("dashboard:positions")


def _confirm_exit(wanted: Exit, *, key: str = "", note: str = "") -> Confirmation:
    book = ask(gateway.positions)
    position = exits.find(book.value or (), wanted)
    refusal = book.why_not or ("" if position else "This position is closed already; there is nothing to exit.")
    current = Exit.of(position) if position and not key else wanted
    name = position.symbol if position else wanted.instrument_id
    return Confirmation(
        title=f"Exit {name}?",
        button=f"{current.side.title()} {grouped(current.quantity)} {name}",
        address=reverse("dashboard:exit-position"),
        back=reverse("dashboard:positions"),
        details=[
            ("Symbol", f"{name} ({current.exchange})"),
            ("Order", f"{current.side} {grouped(current.quantity)}, MARKET, {current.product}"),
            ("Protection", f"{PROTECTION} % off the last price at most"),
            ("Last price", _number(position.ltp) if position else UNKNOWN),
            ("P&L", grouped(position.pnl, signed=True) if position and position.pnl is not None else UNKNOWN),
        ],
        hidden=[("exit", str(current))],
        notes=[note] if note else [],
        refusal=refusal or _trading_refusal(),
        key=key or confirmation.new_key(),
    )


def _confirm_exit_all() -> Confirmation:
    book = ask(gateway.positions)
    positions = exits.open_positions(book.value or ())
    refusal = book.why_not or ("" if positions else "There is no open position.")
    return Confirmation(
        title=f"Square off all {len(positions)} positions?" if len(positions) != 1 else "Square off the one position?",
        button="Square off all",
        address=reverse("dashboard:exit-all"),
        back=reverse("dashboard:positions"),
        lines=[_exit_words(position) for position in positions],
        hidden=[("exit", str(Exit.of(position))) for position in positions],
        notes=[f"MARKET orders, filled {PROTECTION} % off the last price at most. Open orders stay: cancel them first."]
        if positions
        else [],
        refusal=refusal or _trading_refusal(),
    )


def _exit_words(position: Position) -> str:
    leaving = Exit.of(position)
    return f"{leaving.side} {grouped(leaving.quantity)} {position.symbol} ({position.exchange}), {leaving.product}"


def _changed(wanted: Exit) -> str:
    """Say how the broker's position now differs from what was confirmed; empty if it does not."""
    try:
        with refresh.from_source():
            position = exits.find(gateway.positions().value, wanted)
    except (BrokerError, CacheError) as error:
        return f"The positions cannot be read now: {error}"
    if position is None:
        return "The position is closed already."
    if not wanted.closes(position):
        return f"The position has changed: it is {grouped(position.net_quantity)} now. Confirm what is to be sent."
    return ""


def _send_exit(request: HttpRequest, key: str, wanted: Exit) -> str:
    """Send the order, and return a sentence about it. Raises BrokerError, CacheError."""
    positions = gateway.positions().value
    position = exits.find(positions, wanted)
    earlier = OrderRequest.objects.filter(user_id=user_id(request), key=key).first()
    symbol = earlier.symbol if earlier else exits.symbol_of(position) if position else wanted.instrument_id
    result = services.place(
        user_id(request), key, symbol, wanted.exchange, wanted.params, credential=session_credential(request)
    )
    return f"{wanted.side} {grouped(wanted.quantity)} {symbol}: order {result.request.order_id} is with the broker."


def _trading_refusal() -> str:
    try:
        switch.require_open()
    except TradingDisabled as error:
        return str(error)
    return ""


# --- both --------------------------------------------------------------------------------------------------


def _send(
    request: HttpRequest, send: Callable[[], str], confirm: Callable[[], Confirmation], leads_to: str
) -> HttpResponse:
    """Send, and redirect, so that a reload sends nothing; if the outcome is open, offer to ask for it again."""
    try:
        messages.success(request, send())
    except (OrderOutcomeUnknown, OrderUnderWay) as error:
        again = confirm()
        return confirmation.show(request, _asking_again(again, str(error)), status=error.status_code)
    except (BrokerError, CacheError) as error:
        messages.error(request, str(error))
    return redirect(leads_to)


def _asking_again(known: Confirmation, why: str) -> Confirmation:
    return replace(known, button="Ask what became of it", notes=[why, NOT_CERTAIN], refusal="")


def _report(request: HttpRequest, name: str, send: Callable[[], object], done: str) -> None:
    """Send one of several, and keep a message about it for the next page."""
    try:
        found = send()
        messages.success(request, f"{name}: {done}" if done else str(found))
    except (BrokerError, CacheError) as error:
        messages.error(request, f"{name}: {error}")


def _was_sent(request: HttpRequest, key: str) -> bool:
    """Whether a form with this key has come before: then its outcome is asked for, and nothing is checked again."""
    return OrderRequest.objects.filter(user_id=user_id(request), key=key).exists()


def _key(request: HttpRequest) -> str:
    key = request.POST.get("key", "")
    return key if KEY.fullmatch(key) else ""


def _not_a_form(request: HttpRequest, leads_to: str) -> HttpResponse:
    messages.error(request, NOT_A_FORM)
    return redirect(leads_to)


def _number(value: Decimal | int | None) -> str:
    return UNKNOWN if value is None else grouped(value)
