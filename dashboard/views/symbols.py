"""Search over the contracts, as one types or on a page of its own."""

from django.http import HttpRequest, HttpResponse

from broker import gateway
from broker.errors import BrokerError
from broker.values import CONTRACT_FILES, Contract, Exchange
from dashboard import parts
from dashboard.access import account_page, may_trade
from systemcache.errors import CacheError
from watchlist.models import Category

MOST = 12  # offers at once
MAX_LENGTH = 60  # characters of what is searched for


@account_page
def page(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:MAX_LENGTH]
    exchange = exchange_of(request.GET.get("exchange", ""))
    found: list[Contract] = []
    problem = ""
    try:
        found = gateway.search_contracts(exchange, text, MOST) if text else []
    except (BrokerError, CacheError) as error:
        problem = str(error)
    context = {
        "q": text,
        "exchange": exchange,
        "exchanges": CONTRACT_FILES,
        "found": [(gateway.symbol_with_series(contract), contract) for contract in found],
        "problem": problem,
        "may_add": request.user.has_perm("watchlist.add_watchlistitem"),
        "may_trade": may_trade(request),
        "category": request.GET.get("category", Category.SHORT_TERM),
    }
    return parts.show(request, "offers", "symbols", context)


def exchange_of(text: str) -> str:
    """Return the exchange that an address or a form names; NSEEQ if it names none that has a contract file."""
    return text if text in CONTRACT_FILES else str(Exchange.NSEEQ)
