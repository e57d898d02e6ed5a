"""What the base template of every page needs: who may go where, and in which colours."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from broker.cache_families import VIEW_ACCOUNT
from dashboard import themes


class Link(NamedTuple):
    """An entry of the navigation: the URL's name, what it is called, and the permission that it takes."""

    name: str
    label: str
    permission: str = ""

    @property
    def address(self) -> str:
        return reverse(f"dashboard:{self.name}")


NAVIGATION = (
    Link("watchlist", "Watchlist", VIEW_ACCOUNT),
    Link("holdings", "Holdings", VIEW_ACCOUNT),
    Link("positions", "Positions", VIEW_ACCOUNT),
    Link("orders", "Orders", VIEW_ACCOUNT),
    Link("alerts", "Alerts", VIEW_ACCOUNT),
)


def base(request: HttpRequest) -> dict[str, Any]:
    """A context processor: evaluated by the templates that use it, so that other pages do not pay for it."""

    def navigation() -> list[Link]:
        return [link for link in NAVIGATION if not link.permission or request.user.has_perm(link.permission)]

    return {
        "theme": themes.chosen(request),
        "themes": themes.THEMES,
        "navigation": navigation,
        "current": request.resolver_match.url_name if request.resolver_match else "",
    }
