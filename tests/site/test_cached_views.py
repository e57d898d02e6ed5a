"""Every view of the site that shows a family's values: its permission is asked for on each route."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache import families
from systemcache.per_view.mixins import CachedReadMixin
from tests.site.routes import DOCUMENTED
from tests.support.people import client_of
from testservers.redis_server import RedisServer
from watchlist.models import WatchlistItem

# URL by name, where a route with parameters has none in the API's documented examples.
MORE = {
    "depth": "/api/broker/depth?symbol=INFY",
    "openinterest": "/api/broker/openinterest?symbol=INFY&exchange=NSEEQ",
    "order": "/api/broker/orders/{order_id}",
}


def cached_views() -> Iterator[tuple[str, str, type[CachedReadMixin]]]:
    """Name, route and class of each URL that a GET reads from the cache."""
    for route, pattern in patterns(get_resolver()):
        class_ = getattr(pattern.callback, "cls", None)
        reads = getattr(pattern.callback, "actions", None) or {"get": "list"}
        if class_ and issubclass(class_, CachedReadMixin) and reads.get("get") == "list":
            yield str(pattern.name), route, class_


def patterns(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, route)
        else:
            yield route, pattern


def example(name: str, route: str) -> str:
    documented = route.replace("<str:", "{").replace("<slug:", "{").replace(">", "}")
    return MORE.get(name) or DOCUMENTED.get(documented, documented)


VIEWS = {name: (example(name, route), class_) for name, route, class_ in cached_views() if "format" not in route}
# URL by name -> the family that it shows. All but our own tables take the permission to see the account.
FAMILIES = {
    "holdings": "holdings",
    "positions": "positions",
    "margins": "margins",
    "orders": "orders",
    "order": "order_history",
    "trades": "trades",
    "profile": "profile",
    "candles": "candles",
    "contracts": "contracts",
    "quotes": "quotes",
    "depth": "depth",
    "openinterest": "open_interest",
    "portfolio-summary": "portfolio_summary",
    "portfolio-risk": "risk",
    "watchlist-list": "watchlist",
    "signals-list": "signals",
    "alerts-list": "alerts",
    "settings": "settings",
    "setting": "settings",
}
OUR_OWN = {"watchlist", "signals", "settings"}
SHOWN_BY_NO_VIEW = {"broker_status", "calendar", "signal_generation"}


def test_each_view_shows_its_family() -> None:
    assert {name: class_.family.name for name, (_, class_) in VIEWS.items()} == FAMILIES


def test_only_our_own_tables_are_shown_without_the_accounts_permission() -> None:
    of_the_account = {family.name for family in families.registered() if family.permission == "broker.view_account"}
    secret = {family.name for family in families.registered() if family.secret}
    assert {family.name for family in families.registered()} - of_the_account - secret == OUR_OWN | SHOWN_BY_NO_VIEW


@pytest.mark.parametrize("name", VIEWS)
def test_each_route_takes_its_familys_permission(
    make_user: Callable[..., User],
    stranger: APIClient,
    anonymous: APIClient,
    simulator: Simulator,
    redis_store: RedisServer,
    name: str,
) -> None:
    WatchlistItem.objects.create(symbol="TCS")
    url, class_ = VIEWS[name]
    permission = class_.family.permission
    holder = client_of(make_user("holder", *filter(None, [permission])))
    if "{order_id}" in url:
        url = url.format(order_id=holder.get("/api/broker/orders").json()["data"][0]["order_id"])
    for _ in range(3):  # a miss, a hit, and the fast path, where there is one
        simulator.clear_calls()
        assert anonymous.get(url).status_code == 401
        assert stranger.get(url).status_code == (403 if permission else 200)
        assert simulator.calls == ()
        response = holder.get(url)
        assert response.status_code == 200, response.content
        assert response["Cache-Control"] == "private, no-cache"
