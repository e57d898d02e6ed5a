"""The live parts of the pages, which their script asks for every two seconds."""

from django.http import Http404, HttpRequest, HttpResponse

from dashboard.access import account_page
from dashboard.live import LivePage
from dashboard.views.account import HOLDINGS, ORDERS, POSITIONS
from dashboard.views.alerts import ALERTS
from dashboard.views.chart import CHART
from dashboard.views.watchlist import WATCHLIST

PAGES: dict[str, LivePage] = {page.name: page for page in (WATCHLIST, HOLDINGS, POSITIONS, ORDERS, CHART, ALERTS)}


@account_page
def poll(request: HttpRequest, name: str) -> HttpResponse:
    if name not in PAGES:
        raise Http404
    return PAGES[name].poll(request)
