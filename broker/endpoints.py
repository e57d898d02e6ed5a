"""The broker's routes as a table, and its words for our intervals (iifl_api §3)."""

from dataclasses import dataclass

from broker.values import Interval

CONNECT_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`read` routes change nothing at the broker and may be asked again; `timeout` is in seconds."""

    name: str
    method: str
    path: str
    read: bool = True
    authorized: bool = True
    timeout: float = 15.0


LOGIN = Endpoint("getusersession", "POST", "/getusersession", read=False, authorized=False)
PROFILE = Endpoint("profile", "GET", "/profile")
LIMITS = Endpoint("limits", "GET", "/limits")
HOLDINGS = Endpoint("holdings", "GET", "/holdings")
POSITIONS = Endpoint("positions", "GET", "/positions")
ORDERS = Endpoint("orders", "GET", "/orders")
TRADES = Endpoint("trades", "GET", "/trades")
CANDLES = Endpoint("historicaldata", "POST", "/marketdata/historicaldata", timeout=30.0)
QUOTES = Endpoint("marketquotes", "POST", "/marketdata/marketquotes")
# Large files take 10 to 20 seconds (iifl_api §5).
CONTRACT_FILE = Endpoint("contractfiles", "GET", "/contractfiles/{exchange}.json", authorized=False, timeout=60.0)

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
