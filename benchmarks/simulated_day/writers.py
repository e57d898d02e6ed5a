"""Users who write: watchlists, signals, settings, orders. Each reads back what it wrote, over another connection."""

from collections.abc import Sequence
from itertools import count

from benchmarks.simulated_day.readers import Dashboard, Reader, read_orders
from benchmarks.simulated_day.world import World

OWN = (  # symbols that nobody else puts on the list
    *("WIPRO", "HCLTECH", "TECHM", "CIPLA", "DRREDDY", "DIVISLAB", "TITAN", "TRENT", "MARUTI", "EICHERMOT"),
    *("HEROMOTOCO", "SUNPHARMA", "NESTLEIND", "BRITANNIA", "DABUR", "ASIANPAINT", "JIOFIN", "HDFCLIFE"),
    *("SBILIFE", "BAJAJFINSV", "YESBANK", "PNB", "BANKBARODA", "IDFCFIRSTB"),
)
KEPT = ("signal_timeout", "min_liquidity")
UNDECIDED = (0, 409, 422, 503, 504)  # statuses after which the same request is sent again
TRIES = 15  # of an order whose fate is not known


class Writer(Reader):
    def __init__(self, world: World, name: str, token: str, number: int) -> None:
        super().__init__(world, name, token)
        self._free = list(OWN[3 * number : 3 * number + 3])
        self._items: dict[int, str] = {}
        self._signals: list[int] = []
        self._versions = count(1)

    async def change(self) -> None:
        """One of its items: a new one, another note, or its end."""
        if self._free and (not self._items or self.random.random() < 0.4):
            await self._add(self._free.pop())
        elif self.random.random() < 0.2:
            await self._remove(self.random.choice(list(self._items)))
        else:
            await self._note(self.random.choice(list(self._items)))
        self._elsewhere()
        await self.read_watchlist("/api/watchlist?active=all", whole=True, fresh=True)

    async def _add(self, symbol: str) -> None:
        version = next(self._versions)
        body = {"symbol": symbol, "category": "hold", "notes": f"v{version}"}
        _, made = await self.send("watchlist write", "POST", "/api/watchlist", body, 201)
        if made:
            self._items[made["id"]] = symbol
            self.world.watchlist.written(made["id"], version)
        else:
            self._free.append(symbol)

    async def _note(self, item: int) -> None:
        version = next(self._versions)
        _, changed = await self.send(
            "watchlist write", "PATCH", f"/api/watchlist/{item}", {"notes": f"v{version}"}, 200
        )
        if changed:
            self.world.watchlist.written(item, version)

    async def _remove(self, item: int) -> None:
        self.world.watchlist.deleting(item)
        status, _ = await self.send("watchlist write", "DELETE", f"/api/watchlist/{item}", None, 204)
        if status == 204:
            self.world.watchlist.deleted(item)
            self._free.append(self._items.pop(item))

    async def signal(self) -> None:
        version = next(self._versions)
        if len(self._signals) < 3:
            body = {"symbol": "TCS", "signal_type": "buy", "quantity": 1, "reason": f"v{version}"}
            _, row = await self.send("signal write", "POST", "/api/signals", body, 201)
            if row:
                self._signals.append(row["id"])
        elif self.random.random() < 0.2:
            signal = self._signals.pop()
            self.world.signals.deleting(signal)
            status, row = await self.send("signal write", "DELETE", f"/api/signals/{signal}", None, 204)
            if status == 204:
                self.world.signals.deleted(signal)
        else:
            path = f"/api/signals/{self.random.choice(self._signals)}"
            _, row = await self.send("signal write", "PATCH", path, {"reason": f"v{version}"}, 200)
        if row:
            self.world.signals.written(row["id"], version)
        self._elsewhere()
        await self.read_signals("/api/signals?limit=100")

    def _elsewhere(self) -> None:
        self._connection.close()

    async def run(self) -> None:
        await self.live((50, self.change), (25, self.signal), (25, self.watchlist))


class SettingsEditor(Reader):
    """Of a setting that only this user changes."""

    def __init__(self, world: World, name: str, token: str, number: int) -> None:
        super().__init__(world, name, token)
        self._key = KEPT[number % len(KEPT)]
        self._values: Sequence[int] | count[int] = count(1_000_000)

    async def change(self) -> None:
        value = next(iter(self._values))
        status, _ = await self.send("settings write", "PUT", f"/api/settings/{self._key}", {"value": value}, 200)
        if status == 200:
            self.world.settings.written(self._key, value)
        self._connection.close()
        await self.settings()

    async def run(self) -> None:
        await self.live((40, self.change), (60, self.settings))


class Trader(Dashboard):
    """Places orders far from the market, repeats requests, cancels; never gives up one whose fate it does not know."""

    thinks = (0.8, 2.0)

    def __init__(self, world: World, name: str, token: str) -> None:
        super().__init__(world, name, token)
        self._numbers = count(1)
        self._waiting: list[str] = []

    async def place(self) -> None:
        label = f"{self.name}n{next(self._numbers)}"
        self.world.placed[label] = ""
        for _ in range(TRIES):
            status, taken = await self._sent(label)
            if taken:
                return await self._taken(label, taken["order_id"])
            if status not in UNDECIDED or self.world.over:
                return None
            await self.think()
        return None

    async def _sent(self, label: str) -> tuple[int, dict[str, str] | None]:
        order = {"symbol": "INFY", "side": "BUY", "quantity": 1, "product": "INTRADAY", "order_type": "LIMIT"}
        order |= {"price": "900.00", "tag": label}
        return await self.send("order", "POST", "/api/broker/orders", order, 201, 409, 422, Idempotency_Key=label)

    async def _taken(self, label: str, order_id: str) -> None:
        self.world.placed[label] = order_id
        self.world.orders.written(order_id, 0)
        self._waiting.append(order_id)
        self._connection.close()
        await read_orders(self, fresh=True)
        if self.random.random() < 0.3:
            status, again = await self._sent(label)
            if status == 201 and again and again["order_id"] != order_id:
                self.world.placed[f"{label} repeated"] = again["order_id"]

    async def cancel(self) -> None:
        if not self._waiting:
            return
        order_id = self._waiting.pop(0)
        status, _ = await self.send("order cancelled", "DELETE", f"/api/broker/orders/{order_id}", None, 200, 409)
        if status == 200:
            self.world.orders.written(order_id, 1)
            self._connection.close()
            await read_orders(self, fresh=True)

    async def run(self) -> None:
        await self.live((20, self.place), (8, self.cancel), (30, self.book), (12, self.orders))
