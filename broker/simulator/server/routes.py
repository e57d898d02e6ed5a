"""The route table of all paths under /v1."""

from collections.abc import Callable

import msgspec

from broker.simulator.server.handlers import Handlers
from broker.simulator.wire import Answer, Request

PREFIX = "/v1"
PLACEHOLDER = "{}"

Handler = Callable[[Handlers, Request, str], Answer]


class Route(msgspec.Struct, frozen=True):
    name: str
    """The name used by failures and the log of calls."""
    verb: str
    path: str
    """`{}` is the variable part, of which there is at most one."""
    handler: Handler
    family: str
    """The rate limit that its calls count under."""
    private: bool = True
    """Whether it requires a valid session."""
    limit_per_part: bool = False

    def part_of(self, path: str) -> str | None:
        """Return the variable part, "" if the route has none, or None if the path is not this route's."""
        if PLACEHOLDER not in self.path:
            return "" if path == self.path else None
        part = path.removeprefix(self.path.removesuffix(PLACEHOLDER))
        return part if part and part != path and "/" not in part else None


ROUTES = (
    Route("getusersession", "POST", "/getusersession", Handlers.open_session, "getusersession", private=False),
    Route("logout", "POST", "/profile/logout", Handlers.logout, "logout"),
    Route("profile", "GET", "/profile", Handlers.profile, "profile"),
    Route("limits", "GET", "/limits", Handlers.limits, "limits"),
    Route("limits/equity", "GET", "/limits/equity", Handlers.limits, "limits"),
    Route("limits/fno", "GET", "/limits/fno", Handlers.limits, "limits"),
    Route("holdings", "GET", "/holdings", Handlers.holdings, "holdings"),
    Route("positions", "GET", "/positions", Handlers.positions, "positions"),
    Route("orders", "GET", "/orders", Handlers.orders, "orders"),
    Route("placeorder", "POST", "/orders", Handlers.place_orders, "orderchange"),
    Route("cancelall", "DELETE", "/orders", Handlers.cancel_orders, "cancelall"),
    Route("modifyorder", "PUT", "/orders/{}", Handlers.change_order, "orderchange"),
    Route("cancelorder", "DELETE", "/orders/{}", Handlers.cancel_order, "orderchange"),
    Route("order", "GET", "/orders/{}", Handlers.order, "order"),
    Route("trades", "GET", "/trades", Handlers.trades, "trades"),
    Route("historicaldata", "POST", "/marketdata/historicaldata", Handlers.historical_data, "historicaldata"),
    Route("marketquotes", "POST", "/marketdata/marketquotes", Handlers.market_quotes, "marketquotes"),
    Route("marketdepth", "POST", "/marketdata/marketdepth", Handlers.market_depth, "marketdepth"),
    Route("openinterest", "POST", "/marketdata/openinterest", Handlers.open_interest, "openinterest"),
    Route("preordermargin", "POST", "/preordermargin", Handlers.order_margin, "margin"),
    Route("spanexposure", "POST", "/spanexposure", Handlers.span_margin, "margin"),
    Route(
        "contractfiles",
        "GET",
        "/contractfiles/{}",
        Handlers.contract_file,
        "contractfiles",
        private=False,
        limit_per_part=True,
    ),
)
ROUTE_NAMES = frozenset(route.name for route in ROUTES)


def find_routes(path: str) -> list[tuple[Route, str]]:
    """Return the routes of this path, whatever their method, with the variable part."""
    if not path.startswith(PREFIX + "/"):
        return []
    parts = ((route, route.part_of(path.removeprefix(PREFIX))) for route in ROUTES)
    return [(route, part) for route, part in parts if part is not None]
