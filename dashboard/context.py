"""What the base template of every page needs: who may go where, and in which colours."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from broker.cache_families import VIEW_ACCOUNT
from dashboard import themes


class Link(NamedTuple):
    """An entry of the navigation: the URL's name, and what it is called."""

    name: str
    label: str

    @property
    def address(self) -> str:
        return reverse(f"dashboard:{self.name}")


NAVIGATION = (
    Link("watchlist", "Watchlist"),
    Link("holdings", "Holdings"),
    Link("positions", "Positions"),
    Link("orders", "Orders"),
    Link("alerts", "Alerts"),
)


def base(request: HttpRequest) -> dict[str, Any]:
    """A context processor: evaluated by the templates that use it, so that other pages do not pay for it."""

    def navigation() -> tuple[Link, ...]:
        return NAVIGATION if request.user.has_perm(VIEW_ACCOUNT) else ()

    return {
        "theme": themes.chosen(request),
        "themes": themes.THEMES,
        "navigation": navigation,
        "current": request.resolver_match.url_name if request.resolver_match else "",
    }
