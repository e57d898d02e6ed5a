"""The watchlist: the watched symbols by category, with their prices."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse

from broker.errors import BrokerError
from broker.values import CONTRACT_FILES, Holding, Quote
from dashboard import prices
from dashboard.access import account_page
from dashboard.books import Books
from dashboard.live import LivePage, Reads
from dashboard.reading import Answer, ask
from dashboard.status import Status
from systemcache import clock
from systemcache.cached_value import CachedValue
from systemcache.errors import CacheError
from watchlist import quotes, selectors
from watchlist.models import Category
from watchlist.models.items import ALL
from watchlist.schemas import WatchlistItemSchema

STREAMED = "streamed"  # the page's script says so while the stream brings it each price
RENEWED = 15  # seconds after which such a page is sent its prices all the same

Prices = Mapping[tuple[str, str], CachedValue[Quote]]


class WatchedRow(NamedTuple):
    """A watched symbol with its price; `held` is None if the holdings are not known."""

    item: WatchlistItemSchema
    cached: CachedValue[Quote] | None
    state: str
    held: Decimal | int | None

    @property
    def quote(self) -> Quote | None:
        return self.cached.value if self.cached else None

    @property
    def state_title(self) -> str:
        return prices.TITLES.get(self.state, "")

    @property
    def reached(self) -> bool:
        """Whether the day's range has touched the target."""
        quote, target = self.quote, self.item.target_price
        if quote is None or target is None:
            return False
        low, high = quote.low or quote.ltp, quote.high or quote.ltp
        return min(low, quote.ltp) <= target <= max(high, quote.ltp)


class Group(NamedTuple):
    """The rows of a category."""

    category: str
    label: str
    rows: list[WatchedRow]


def _read(request: HttpRequest, books: Books) -> Reads:
    items = ask(lambda: selectors.watchlist(active="true", category=ALL))
    found, error = _prices(items.value or ())
    failed: Answer[Any] = Answer(None, error)
    states = {name: prices.state_of(quote) for name, quote in found.items()}

    def context(_: Status) -> dict[str, Any]:
        held = None if books.holdings.value is None else _held(books.holdings.value)
        return {
            "groups": _groups(items.value or (), found, states, held),
            "items": items,
            "may_change": request.user.has_perm("watchlist.change_watchlistitem"),
            "may_remove": request.user.has_perm("watchlist.delete_watchlistitem"),
        }

    def more() -> Iterable[bytes]:
        yield repr([request.user.has_perm(f"watchlist.{verb}_watchlistitem") for verb in ("change", "delete")]).encode()
        if STREAMED in request.GET:
            yield b"%d" % (clock.timestamp() // RENEWED)
            yield repr(states).encode()
            return
        # What the page shows of a quote, and not when it was read: a price that stays needs no new page.
        for name, quote in found.items():
            shown = quote.value
            figures = (shown.ltp, shown.change, shown.change_percent, shown.low, shown.high)
            yield repr((name, states[name], *map(str, figures), shown.exchange_time or shown.received_at)).encode()

    answers: list[tuple[str, Answer[Any]]] = [("The watchlist", items)]
    if error:
        answers.append(("Prices", failed))
    return Reads(answers, context, more(), dated=False)


def _prices(items: Iterable[WatchlistItemSchema]) -> tuple[Prices, BrokerError | CacheError | None]:
    try:
        return quotes.prices([(item.symbol, item.exchange) for item in items]), None
    except (BrokerError, CacheError) as error:
        return {}, error


def _held(holdings: Iterable[Holding]) -> dict[tuple[str, str], Decimal | int]:
    """The quantities held by exchange and instrument: a share counts on both exchanges that it is traded on."""
    held: defaultdict[tuple[str, str], Decimal | int] = defaultdict(int)
    for row in holdings:
        for instrument in row.instruments:
            held[instrument] += row.held_quantity
    return held


def _groups(
    items: Iterable[WatchlistItemSchema],
    found: Prices,
    states: Mapping[tuple[str, str], str],
    held: Mapping[tuple[str, str], Decimal | int] | None,
) -> list[Group]:
    rows: defaultdict[str, list[WatchedRow]] = defaultdict(list)
    for item in items:
        name = (item.symbol, item.exchange)
        quote = found.get(name)
        quantity = held.get((item.exchange, quote.value.instrument_id), 0) if quote and held is not None else None
        rows[item.category].append(WatchedRow(item, quote, states.get(name, "unknown"), quantity))
    return [Group(value, label, rows[value]) for value, label in Category.choices if rows[value]]


WATCHLIST = LivePage("watchlist", "Watchlist", _read, "dashboard/watchlist.html")


@account_page
def page(request: HttpRequest) -> HttpResponse:
    may_add = request.user.has_perm("watchlist.add_watchlistitem")
    return WATCHLIST.show(request, {"may_add": may_add, "categories": Category.choices, "exchanges": CONTRACT_FILES})
