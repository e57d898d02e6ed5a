"""Price alerts: the list, which follows what the feed's process judges, and making and deleting one."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache

from alerts import conf, selectors
from alerts.models import Kind, PriceAlert, condition_of
from alerts.schemas import AlertSchema
from alerts.serializers import AlertSerializer
from broker.cache_families import VIEW_ACCOUNT
from broker.errors import BrokerError
from broker.values import CONTRACT_FILES
from dashboard import confirmation, parts, prices, ticket
from dashboard.access import account_page, page_for
from dashboard.books import Books
from dashboard.confirmation import Confirmation
from dashboard.live import LivePage, Reads
from dashboard.reading import Answer, ask
from dashboard.saving import save
from dashboard.status import Status
from dashboard.views.symbols import exchange_of
from systemcache.errors import CacheError
from watchlist import quotes

ADD, DELETE = "alerts.add_pricealert", "alerts.delete_pricealert"
TEXTS = ("symbol", "exchange", "kind", "value", "note", "webhook_url")
WAITS_FOR = {
    True: "armed",
    False: "armed once the price is back on the other side",
    None: "armed at the first live price",
}


class Row(NamedTuple):
    """An alert as the page shows it."""

    alert: AlertSchema
    condition: str
    waits_for: str


def _read(request: HttpRequest, _: Books) -> Reads:
    found = ask(lambda: selectors.alerts(owner=selectors.owner_of(request.user)))

    def context(_: Status) -> dict[str, Any]:
        rows = [
            Row(alert, condition_of(Kind(alert.kind), alert.value), WAITS_FOR[alert.armed])
            for alert in found.value or ()
        ]
        return {
            "answer": found,
            "active": [row for row in rows if row.alert.state == "active"],
            "fired": [row for row in rows if row.alert.state != "active"],
            "known": found.value is not None,
            "shows_owner": request.user.is_staff,
            "may_add": request.user.has_perm(ADD),
            "may_delete": request.user.has_perm(DELETE),
        }

    answers: list[tuple[str, Answer[Any]]] = [("Alerts", found)]
    rights = repr((request.user.has_perm(ADD), request.user.has_perm(DELETE))).encode()
    return Reads(answers, context, (rights,))


ALERTS = LivePage("alerts", "Alerts", _read)


@account_page
def page(request: HttpRequest) -> HttpResponse:
    return ALERTS.show(request)


@never_cache
@page_for(VIEW_ACCOUNT, ADD)
def new(request: HttpRequest) -> HttpResponse:
    """Make an alert, by the serializer of the API; over the page that one comes from, or on a page of its own."""
    given = request.POST if request.method == "POST" else request.GET
    values = {name: given.get(name, "").strip() for name in TEXTS}
    values["exchange"] = exchange_of(values["exchange"])
    wants_email = "email" in given
    errors: Any = {}
    if request.method == "POST":
        data: dict[str, Any] = values | {"value": values["value"].replace(",", ""), "email": wants_email}
        serializer = AlertSerializer(data=data, context={"request": request})
        errors = save(serializer)
        if not errors:
            messages.success(request, f"{serializer.instance}: the alert is set.")
            return redirect("dashboard:alerts")
    context = {
        "values": values,
        "email": wants_email,
        "errors": errors,
        "kinds": Kind.choices,
        "exchanges": CONTRACT_FILES,
        "quote": _quote(values["symbol"], values["exchange"]),
        "sends_mail": conf.sends_mail() and bool(getattr(request.user, "email", "")),
        "calls_webhooks": bool(conf.webhook_secret()),
    }
    return parts.show(request, "new_alert", "new_alert", context, status=400 if errors else 200)


@never_cache
@page_for(VIEW_ACCOUNT, DELETE)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm and delete an alert of one's own; one that is gone already is not an error."""
    mine = PriceAlert.objects.of(selectors.owner_of(request.user))
    if not mine.filter(pk=pk).exists() and not PriceAlert.objects.filter(pk=pk).exists():
        messages.info(request, "This alert was deleted already.")
        return redirect("dashboard:alerts")
    alert = get_object_or_404(mine, pk=pk)
    if request.method == "POST":
        alert.delete()
        messages.success(request, f"{alert}: the alert is deleted.")
        return redirect("dashboard:alerts")
    asked = Confirmation(
        title=f"Delete the alert on {alert.symbol}?",
        button=f"Delete the alert on {alert.symbol}",
        address=reverse("dashboard:delete-alert", args=[pk]),
        back=reverse("dashboard:alerts"),
        details=[
            ("Symbol", f"{alert.symbol} ({alert.exchange})"),
            ("Alert", alert.condition),
            ("State", alert.get_state_display()),
        ],
        lines=[f"Its note goes too: {alert.note}"] if alert.note else [],
    )
    return confirmation.show(request, asked)


def _quote(symbol: str, exchange: str) -> dict[str, Any] | None:
    """The price of the moment, to choose a value by; None without a symbol that has one."""
    try:
        answer = ticket.quote_of(quotes.find_contract(symbol, exchange)) if symbol else None
    except (BrokerError, CacheError):
        return None
    if answer is None or answer.value is None:
        return None
    return {"value": answer.value, "as_of": answer.as_of, "state": prices.state_of(answer.cached)}
