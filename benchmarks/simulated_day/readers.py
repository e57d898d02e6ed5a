"""Users who read: dashboards, charts, searches, lists, operators; and those who may not."""

from datetime import date, timedelta
from urllib.parse import quote

from benchmarks.simulated_day.servers import trading_day
from benchmarks.simulated_day.world import Check, User, dated, fields

SCREENS = (  # what dashboards watch
    ("RELIANCE", "INFY", "TCS"),
    ("RELIANCE", "SBIN"),
    ("INFY", "TCS", "HDFCBANK", "ITC"),
    ("M&M", "LT", "IDEA", "BAJAJ-AUTO"),
)
CHARTED = ("RELIANCE", "INFY", "TCS", "SBIN")
TODAY = (("RELIANCE", "15m", 0), ("INFY", "1d", 200))  # with how many days before: the broker allows 3 calls a second
# How many days ago a range may end, that only final candles are in it (a chunk is a month, or a year), and its length.
HISTORY = {"1d": (32, 300), "60m": (32, 60), "1w": (370, 1500), "1mo": (370, 3000)}
WORDS = ("BAJAJ", "BANK", "RELIANCE", "TATA", "IN", "STEEL")
CANDLE = dated(list, "time", "open", "high", "low", "close", "volume")
BOOKS: dict[str, Check] = {
    "holdings": dated(list, "symbol", "quantity", "average_price"),
    "positions": dated(list, "symbol", "net_quantity"),
    "margins": dated(dict, "trading_limit", "utilized_margin"),
    "trades": dated(list, "trade_id", "order_id", "symbol"),
    "profile": dated(dict),
}
PAGE = fields("as_of", "stale", "count", "data")
ORDERS = dated(list, "order_id", "status", "symbol", "tag")
ITEMS = dated(list, "id", "symbol", "category", "notes")
SIGNALS = dated(list, "id", "symbol", "status", "reason")
SETTINGS = dated(list, "key", "kind", "value")


class Reader(User):
    async def watchlist(self) -> None:
        asked = self.random.choice(("", "?active=all", "?active=true&category=all", "?active=all&category=hold"))
        await self.read_watchlist(f"/api/watchlist{asked}", whole="hold" not in asked)

    async def read_watchlist(self, path: str, *, whole: bool, fresh: bool = False) -> None:
        """All the crowd's own items are active and to be held, so that each of these lists shows them."""
        floor = self.world.watchlist.floor()
        found = await self.get("watchlist", path, ITEMS, fresh=fresh)
        if found is not None:
            shown = {row["id"]: _version(row["notes"]) for row in found["data"]}
            self.compare("watchlist", self.world.watchlist, shown, floor)

    async def signals(self) -> None:
        await self.read_signals(f"/api/signals?limit={self.random.choice((20, 50, 50, 100))}")

    async def read_signals(self, path: str) -> None:
        floor = self.world.signals.floor()
        found = await self.get("signals", path, SIGNALS)
        if found is not None:
            shown = {row["id"]: _version(row["reason"]) for row in found["data"]}
            self.compare("signals", self.world.signals, shown, floor)

    async def settings(self) -> None:
        floor = self.world.settings.floor()
        found = await self.get("settings", "/api/settings", SETTINGS)
        if found is not None:
            shown = {row["key"]: row["value"] for row in found["data"] if isinstance(row["value"], int)}
            self.compare("settings", self.world.settings, shown, floor)


class Dashboard(Reader):
    async def book(self) -> None:
        name = self.random.choice(tuple(BOOKS))
        await self.get(name, f"/api/broker/{name}", BOOKS[name])

    async def orders(self) -> None:
        await read_orders(self)

    async def quotes(self) -> None:
        screen = SCREENS[ord(self.name[-1]) % len(SCREENS)]
        symbols = quote(",".join(screen), safe=",")
        await self.get("quotes", f"/api/broker/quotes?symbols={symbols}", dated(list, "symbol", "ltp"))

    async def summary(self) -> None:
        await self.get("summary", "/api/portfolio/summary", dated(dict, "value", "pnl", "trading_limit"))

    async def risk(self) -> None:
        await self.get("risk", "/api/portfolio/risk", dated(dict, "gross_exposure", "largest"))

    async def run(self) -> None:
        deeds = (45, self.book), (12, self.orders), (15, self.quotes), (10, self.summary), (8, self.risk)
        await self.live(*deeds, (10, self.watchlist))


class Charts(Reader):
    async def history(self) -> None:
        """A random range of candles that are final."""
        interval = self.random.choice(tuple(HISTORY))
        ended, longest = HISTORY[interval]
        last = trading_day().date() - timedelta(days=ended + self.random.randrange(30))
        first = last - timedelta(days=self.random.randrange(longest))
        await self._candles(self.random.choice(CHARTED), interval, first, last)

    async def today(self) -> None:
        """A range that ends today: its last candle moves."""
        symbol, interval, days = self.random.choice(TODAY)
        today = trading_day().date()
        await self._candles(symbol, interval, today - timedelta(days=days), today)

    async def _candles(self, symbol: str, interval: str, first: date, last: date) -> None:
        path = f"/api/broker/candles?symbol={symbol}&interval={interval}&from={first}&to={last}"
        await self.get("candles", path, CANDLE)

    async def run(self) -> None:
        await self.live((55, self.history), (35, self.today), (10, self.watchlist))


class Searcher(Reader):
    async def contracts(self) -> None:
        path = f"/api/broker/contracts/NSEEQ?search={self.random.choice(WORDS)}&page_size=20"
        await self.get("contracts", path, PAGE)

    async def unknown(self) -> None:
        await self.get("quotes of nothing", "/api/broker/quotes?symbols=NOSUCHSHARE", None, 400)

    async def run(self) -> None:
        await self.live((80, self.contracts), (5, self.unknown), (15, self.watchlist))


class Watcher(Reader):
    async def run(self) -> None:
        await self.live((50, self.watchlist), (30, self.signals), (20, self.settings))


class Operator(Reader):
    async def stats(self) -> None:
        names = "hits", "misses", "hit_rate_percent", "redis_keyspace_hits", "redis_keyspace_misses"
        await self.get("stats", "/api/system/cache/stats", fields(*names))

    async def health(self) -> None:
        await self.get("health", "/api/system/health", fields("status"))

    async def families(self) -> None:
        await self.get("families", "/api/system/cache/families")

    async def metrics(self) -> None:
        started, answer = await self.ask("metrics", "GET", "/metrics", {**self._headers, "Accept": "*/*"})
        if answer:
            wrong = "" if b"# TYPE" in answer.body or answer.status >= 500 else f"{answer.status}: no metrics"
            self.note(started, "metrics", "/metrics", answer, wrong)

    async def run(self) -> None:
        await self.live((40, self.stats), (30, self.health), (15, self.families), (15, self.metrics))


class Stranger(Reader):
    """Has a login and no permission."""

    async def refused(self) -> None:
        await self.get("not allowed", "/api/broker/holdings", None, 403)

    async def run(self) -> None:
        await self.live((50, self.refused), (50, self.watchlist))


class Outsider(User):
    """Has a token that is none, or nothing at all."""

    async def refused(self) -> None:
        self._headers["Authorization"] = "Token " + "0" * 40
        await self.get("not known", "/api/broker/holdings", None, 401)

    async def anonymous(self) -> None:
        self._headers.pop("Authorization", None)
        await self.get("health", "/api/system/health", fields("status"))

    async def run(self) -> None:
        await self.live((50, self.refused), (50, self.anonymous))


async def read_orders(user: User, *, fresh: bool = False) -> None:
    """The book, held against the orders that this site has said were taken."""
    floor = user.world.orders.floor()
    found = await user.get("orders", "/api/broker/orders", ORDERS, fresh=fresh)
    if found is not None:
        shown = {row["order_id"]: int(row["status"] == "cancelled") for row in found["data"]}
        user.compare("orders", user.world.orders, shown, floor)


def _version(text: str) -> int:
    return int(text[1:]) if text.startswith("v") and text[1:].isdigit() else 0
