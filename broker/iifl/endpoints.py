"""The table of the broker's routes, and its names for candle intervals (iifl_api §3)."""

from dataclasses import dataclass, replace

from broker.values import Interval

CONNECT_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`read` routes change nothing at the broker and may be repeated; `timeout` is in seconds.

    `limit` names the rate limit in the settings that the route counts under; a part of the path that the broker counts
    separately follows a colon. Urgent calls go before all others that wait for the same limit.
    """

    name: str
    limit: str
    method: str
    path: str
    read: bool = True
    timeout: float = 15.0
    urgent: bool = False


LOGIN = Endpoint("getusersession", "login", "POST", "/getusersession", read=False)
LOGOUT = Endpoint("logout", "logout", "POST", "/profile/logout", read=False)
PROFILE = Endpoint("profile", "profile", "GET", "/profile")
PROBE = replace(PROFILE, timeout=3.0)  # short, because a page waits for it
LIMITS = Endpoint("limits", "limits", "GET", "/limits")
LIMITS_EQUITY = Endpoint("limits/equity", "limits", "GET", "/limits/equity")
LIMITS_FNO = Endpoint("limits/fno", "limits", "GET", "/limits/fno")
ORDER_MARGIN = Endpoint("preordermargin", "margin", "POST", "/preordermargin")
SPAN_MARGIN = Endpoint("spanexposure", "margin", "POST", "/spanexposure")
HOLDINGS = Endpoint("holdings", "holdings", "GET", "/holdings")
POSITIONS = Endpoint("positions", "positions", "GET", "/positions")
ORDERS = Endpoint("orders", "orders", "GET", "/orders")
ORDER_HISTORY = Endpoint("order", "order_history", "GET", "/orders/{order_id}")
PLACE_ORDER = Endpoint("placeorder", "order_changes", "POST", "/orders", read=False)
CHANGE_ORDER = Endpoint("modifyorder", "order_changes", "PUT", "/orders/{order_id}", read=False)
CANCEL_ORDER = Endpoint("cancelorder", "order_changes", "DELETE", "/orders/{order_id}", read=False, urgent=True)
TRADES = Endpoint("trades", "trades", "GET", "/trades")
CANDLES = Endpoint("historicaldata", "candles", "POST", "/marketdata/historicaldata", timeout=30.0)
QUOTES = Endpoint("marketquotes", "quotes", "POST", "/marketdata/marketquotes")
DEPTH = Endpoint("marketdepth", "depth", "POST", "/marketdata/marketdepth")
OPEN_INTEREST = Endpoint("openinterest", "open_interest", "POST", "/marketdata/openinterest")
# Large files take 10 to 20 seconds (iifl_api §5).
CONTRACT_FILE = Endpoint(
    "contractfiles",
    "contract_files:{exchange}",
    "GET",
    "/contractfiles/{exchange}.csv",
    timeout=60.0,
)

INTERVALS = {
    Interval.MINUTE: "1 minute",
    Interval.MINUTES_5: "5 minutes",
    Interval.MINUTES_10: "10 minutes",
    Interval.MINUTES_15: "15 minutes",
    Interval.MINUTES_30: "30 minutes",
    Interval.MINUTES_60: "60 minutes",
    Interval.DAY: "1 day",
    Interval.WEEK: "weekly",
    Interval.MONTH: "monthly",
}


def names() -> tuple[str, ...]:
    return tuple(value.name for value in globals().values() if isinstance(value, Endpoint))
