"""The route table: everything under /v1."""

from collections.abc import Callable

import msgspec

from broker.simulator.desk import Desk
from broker.simulator.wire import Answer, Request

PREFIX = "/v1"
PART = "{}"

Handler = Callable[[Desk, Request, str], Answer]


class Route(msgspec.Struct, frozen=True):
    name: str
    """As failures and the log of calls name it."""
    verb: str
    path: str
    """`{}` stands for the one part that varies."""
    handler: Handler
    family: str
    """Under which limit its calls count."""
    private: bool = True
    """Whether it takes a live session."""
    limit_per_part: bool = False

    def part_of(self, path: str) -> str | None:
        """The varying part, "" if the route has none; None when the path is not this route's."""
        if PART not in self.path:
            return "" if path == self.path else None
        part = path.removeprefix(self.path.removesuffix(PART))
        return part if part and part != path and "/" not in part else None


ROUTES = (
    Route("getusersession", "POST", "/getusersession", Desk.open_session, "getusersession", private=False),
    Route("logout", "POST", "/profile/logout", Desk.logout, "logout"),
    Route("profile", "GET", "/profile", Desk.profile, "profile"),
    Route("limits", "GET", "/limits", Desk.limits, "limits"),
    Route("limits/equity", "GET", "/limits/equity", Desk.limits, "limits"),
    Route("limits/fno", "GET", "/limits/fno", Desk.limits, "limits"),
    Route("holdings", "GET", "/holdings", Desk.holdings, "holdings"),
    Route("positions", "GET", "/positions", Desk.positions, "positions"),
    Route("orders", "GET", "/orders", Desk.orders, "orders"),
    Route("placeorder", "POST", "/orders", Desk.place_orders, "orderchange"),
    Route("cancelall", "DELETE", "/orders", Desk.cancel_orders, "cancelall"),
    Route("modifyorder", "PUT", "/orders/{}", Desk.change_order, "orderchange"),
    Route("cancelorder", "DELETE", "/orders/{}", Desk.cancel_order, "orderchange"),
    Route("order", "GET", "/orders/{}", Desk.order, "order"),
    Route("trades", "GET", "/trades", Desk.trades, "trades"),
    Route("historicaldata", "POST", "/marketdata/historicaldata", Desk.historical_data, "historicaldata"),
    Route("marketquotes", "POST", "/marketdata/marketquotes", Desk.market_quotes, "marketquotes"),
    Route("marketdepth", "POST", "/marketdata/marketdepth", Desk.market_depth, "marketdepth"),
    Route("openinterest", "POST", "/marketdata/openinterest", Desk.open_interest, "openinterest"),
    Route("preordermargin", "POST", "/preordermargin", Desk.order_margin, "margin"),
    Route("spanexposure", "POST", "/spanexposure", Desk.span_margin, "margin"),
    Route(
        "contractfiles",
        "GET",
        "/contractfiles/{}",
        Desk.contract_file,
        "contractfiles",
        private=False,
        limit_per_part=True,
    ),
)
ROUTE_NAMES = frozenset(route.name for route in ROUTES)


def find_routes(path: str) -> list[tuple[Route, str]]:
    """The routes of this path, whatever their verb, with the part that varies."""
    if not path.startswith(PREFIX + "/"):
        return []
    found = ((route, route.part_of(path.removeprefix(PREFIX))) for route in ROUTES)
    return [(route, part) for route, part in found if part is not None]
