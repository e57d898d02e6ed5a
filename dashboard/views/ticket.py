"""The order ticket: filled in, shown as it will be sent, sent once, and followed to its end."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from broker import clock, gateway
from broker.api.credentials import session_credential
from broker.cache_families import VIEW_ACCOUNT
from broker.errors import BrokerError, KeyReused, UnknownExchange, UnknownOrder, UnknownSymbol
from broker.models import OrderRequest
from broker.orders import request_log, services, switch
from broker.orders.services import OrderResult
from broker.values import Order, TradingMode
from dashboard import outcome, parts, preview, sending, ticket
from dashboard.access import TRADE, is_htmx, page_for, user_id
from dashboard.outcome import Outcome
from dashboard.sending import TooLate
from dashboard.ticket import SIDES, Ticket
from systemcache.errors import CacheError

trader_page = page_for(VIEW_ACCOUNT, TRADE)
signer = Signer(salt="dashboard.ticket")
TOO_LATE = f"The order was not sent: its checks took longer than {sending.CHECK_TIME.seconds} s. Nothing is on record."


# --- filling in --------------------------------------------------------------------------------------------


@never_cache
@trader_page
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new order. Its key stands in the page's address, so that a page that is reloaded, or come back to,
    is the same ticket; one that was sent leads to its outcome."""
    given = request.POST if request.method == "POST" else request.GET
    symbol, exchange = given.get("symbol", "").strip(), given.get("exchange", "NSEEQ")
    side = given.get("side", "").upper()
    if side not in SIDES or not symbol:
        return _refuse(request, "A ticket needs a symbol and a side: open it from a row of the watchlist.")
    try:
        draft = ticket.new(symbol, exchange, side, _plain(given), user_id(request))
    except (UnknownSymbol, UnknownExchange) as error:
        return _refuse(request, str(error), status=404)
    except (BrokerError, CacheError) as error:
        return _refuse(request, f"The ticket cannot be made now. {error}", status=error.status_code)
    return _handle(request, draft, partial(_place, request, draft))


@never_cache
@trader_page
def change(request: HttpRequest, order_id: str) -> HttpResponse:
    """The form that changes an open order."""
    given = request.POST if request.method == "POST" else request.GET
    try:
        draft = ticket.of_order(_order(order_id), _plain(given), user_id(request))
    except (BrokerError, CacheError) as error:
        return _refuse(request, str(error), status=error.status_code)
    if draft.order and draft.order.status.is_final and not outcome.find(user_id(request), draft.key):
        state = draft.order.state_name.replace("_", " ")
        return _refuse(request, f"Order {order_id} is {state}; it can no longer be changed.", status=409)
    return _handle(request, draft, partial(_change, request, draft))


@never_cache
@trader_page
def check(request: HttpRequest) -> HttpResponse:
    """What is wrong with a form as it stands, or what it sends and costs: asked for while somebody types."""
    order_id = request.GET.get("order_id", "")
    try:
        if order_id:
            draft = ticket.of_order(_order(order_id), _plain(request.GET), user_id(request))
        else:
            symbol, exchange = request.GET.get("symbol", ""), request.GET.get("exchange", "NSEEQ")
            draft = ticket.new(symbol, exchange, request.GET.get("side", "BUY"), _plain(request.GET), user_id(request))
    except (BrokerError, CacheError) as error:
        return _page(request, "check", {"problem": str(error)})
    ticket.check(draft)
    ticket.check_caps(draft)
    context: dict[str, Any] = {"ticket": draft, "now": clock.now()}
    if not draft.errors:
        context |= {"margin": ticket.margin(draft), "signature": preview.sign(user_id(request), draft)}
    return _page(request, "check", context)


def _handle(request: HttpRequest, draft: Ticket, send: Callable[[], HttpResponse]) -> HttpResponse:
    """Show the form, the order as it would be sent, or what became of it."""
    if not ticket.KEY.fullmatch(draft.key):
        return _refuse(request, "This form did not come from this site. Nothing was sent; start again.")
    step = request.POST.get("step", "")
    if outcome.find(user_id(request), draft.key) and step != "send":
        return _lead_to_outcome(draft)
    if step == "send":
        return send()
    if step == "review":
        ticket.check(draft)
        if not draft.errors and preview.is_current(user_id(request), draft, request.POST.get("preview", "")):
            return send()
        ticket.check_caps(draft)
        if not draft.errors:
            context = {"ticket": draft, "margin": ticket.margin(draft), "now": clock.now(), **_trading()}
            return _page(request, "review", context)
        return _form(request, draft, status=400)
    if request.method != "POST" and "key" not in request.GET and not is_htmx(request):
        return HttpResponseRedirect(f"{request.path}?{urlencode({**request.GET.dict(), 'key': draft.key})}")
    return _form(request, draft)


def _form(request: HttpRequest, draft: Ticket, status: int = 200) -> HttpResponse:
    open_questions = outcome.unresolved(user_id(request), draft.contract.exchange, draft.contract.instrument_id)
    context = {
        "ticket": draft,
        "unresolved": [(row, _outcome_address(row.key or "")) for row in open_questions if row.key],
        **_trading(),
    }
    return _page(request, "ticket", context, status=200 if is_htmx(request) else status)


# --- sending -----------------------------------------------------------------------------------------------


def _place(request: HttpRequest, draft: Ticket) -> HttpResponse:
    ticket.check(draft)
    if draft.errors and outcome.find(user_id(request), draft.key):
        return _lead_to_outcome(draft)
    if draft.errors or draft.params is None:
        return _form(request, draft, status=400)
    work = partial(
        services.place,
        user_id(request),
        draft.key,
        draft.symbol,
        draft.contract.exchange,
        draft.params,
        credential=session_credential(request),
    )
    return _send(request, draft, lambda before_record: work(before_record=before_record))


def _change(request: HttpRequest, draft: Ticket) -> HttpResponse:
    ticket.check(draft)
    earlier = outcome.find(user_id(request), draft.key)
    if earlier and not request_log.can_be_claimed(earlier):
        return _lead_to_outcome(draft)
    if draft.errors or draft.changes is None or draft.order is None:
        return _form(request, draft, status=400)
    work = partial(
        services.change,
        user_id(request),
        draft.key,
        draft.order.order_id,
        draft.changes,
        credential=session_credential(request),
    )
    return _send(request, draft, lambda before_record: work(before_record=before_record))


def _send(request: HttpRequest, draft: Ticket, work: sending.Work) -> HttpResponse:
    """Send in the background, wait a moment, and lead to the outcome; an error before the record shows on the form."""
    future = sending.start(user_id(request), draft.key, work)
    try:
        future.result(sending.WAIT)
    except NotInTime:
        pass
    except KeyReused as error:
        row = outcome.find(user_id(request), draft.key)
        sent = (
            f" It was sent as {row.asked.get('side', '')} {row.asked.get('quantity', '')} {row.symbol}." if row else ""
        )
        draft.errors = {"": [f"This ticket was sent already, with other values.{sent} {error}"]}
        return _form(request, draft, status=422)
    except TooLate:
        draft.errors = {"": [TOO_LATE]}
        return _form(request, draft, status=503)
    except (BrokerError, CacheError) as error:
        if outcome.find(user_id(request), draft.key) is None:
            ticket.note_error(draft, error)
            return _form(request, draft, status=error.status_code)
    return _lead_to_outcome(draft)


# --- what became of it -------------------------------------------------------------------------------------


@never_cache
@trader_page
def sent(request: HttpRequest, token: str) -> HttpResponse:
    """What became of a ticket. The token is its key and the time at which it was sent, signed by this site."""
    try:
        key, _, seconds = signer.unsign(token).partition(".")
    except BadSignature:
        raise Http404 from None
    began = datetime.fromtimestamp(int(seconds), UTC)
    row = outcome.find(user_id(request), key)
    context: dict[str, Any] = {"token": token}
    if row is None:
        context["outcome"] = _before_record(sending.find(user_id(request), key), began)
    else:
        progress = outcome.follow(row)
        context |= {"row": row, "order": progress.order, "outcome": progress.outcome}
        if progress.outcome.may_retry:
            context |= {"retry": _retry(row), "retry_address": _address_of(row)}
    return _page(request, "outcome", context)


def _before_record(job: "Future[OrderResult] | None", began: datetime) -> Outcome:
    """Say what is known of a ticket that is not on record: nothing of it was sent."""
    if job and job.done() and (error := job.exception()):
        text = TOO_LATE if isinstance(error, TooLate) else str(error)
        return Outcome("bad", "The order was not sent.", text, is_over=True)
    if sending.is_certainly_over(began):
        return Outcome("bad", "The order was not sent.", TOO_LATE, is_over=True)
    return Outcome("info", "The site is still checking the order.", "Nothing has been sent; the broker is slow.")


def _retry(row: OrderRequest) -> list[tuple[str, str]]:
    """The form that tries a request again which was certainly not sent: the same one, under the same key."""
    fields = {"key": row.key or "", "step": "send", **{name: str(value) for name, value in row.asked.items()}}
    if row.action == OrderRequest.Action.PLACE:
        fields |= {"symbol": row.symbol, "exchange": row.exchange}
    return list(fields.items())


def _address_of(row: OrderRequest) -> str:
    if row.action == OrderRequest.Action.CHANGE:
        return reverse("dashboard:change-order", args=[row.order_id])
    return reverse("dashboard:new-order")


def _lead_to_outcome(draft: Ticket) -> HttpResponse:
    return redirect(_outcome_address(draft.key))


def _outcome_address(key: str) -> str:
    return reverse("dashboard:ticket-sent", args=[signer.sign(f"{key}.{int(clock.now().timestamp())}")])


# --- all of them -------------------------------------------------------------------------------------------


def _order(order_id: str) -> Order:
    """Find an order in the cached book, otherwise in the current one. Raises UnknownOrder, BrokerError."""
    order = _by_id(order_id, gateway.orders().value) or _by_id(order_id, gateway.read_order_book())
    if order is None:
        raise UnknownOrder(order_id)
    return order


def _by_id(order_id: str, orders: Iterable[Order]) -> Order | None:
    return next((order for order in orders if order.order_id == order_id), None)


def _trading() -> dict[str, Any]:
    """Whether orders may be placed now, from the database."""
    state = switch.current()
    return {"trading": state, "is_open": state.state is TradingMode.OPEN}


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A part for the dialog, or a page of its own."""
    return parts.show(request, name, "ticket", context | {"part": f"dashboard/partials/{name}.html"}, status)


def _refuse(request: HttpRequest, text: str, status: int = 400) -> HttpResponse:
    context = {"outcome": Outcome("bad", "There is no ticket.", text, is_over=True), "token": ""}
    return _page(request, "outcome", context, status=200 if is_htmx(request) else status)


def _plain(given: Any) -> dict[str, str]:
    return {str(name): str(value)[:64] for name, value in given.items()}
