"""A contract file that needs no broker, the watchlist's people, and settings as the site begins with them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module

import msgspec
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from broker import gateway
from broker.errors import BrokerError, UnknownSymbol
from broker.values import Candle, Contract, Interval, Quote
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry
from tests.support.committed import as_committed
from tests.support.people import client_of
from watchlist.models import TradingSetting

Commits = Callable[[], AbstractContextManager[object]]


def contract(symbol: str, exchange: str = "NSEEQ", series: str = "EQ") -> Contract:
    return Contract(
        exchange=exchange,
        symbol=symbol,
        series=series,
        trading_symbol=f"{symbol}-{series}",
        instrument_id="1",
        name=symbol,
        instrument_type="",
        option_type="",
        strike_price=None,
        expiry=None,
        lot_size=1,
        tick_size=None,
    )


class Market:
    """Stands in for broker.gateway: contracts by any of their names, the same candles for all."""

    def __init__(self) -> None:
        self.contracts: dict[tuple[str, str], Contract] = {}
        self.candles: list[Candle] = []
        self.failure: BrokerError | None = None
        self.lookups: list[str] = []
        self.ranges: list[tuple[str, object, object]] = []
        self.quoted: dict[str, Decimal] = {}
        self.quoted_at: dict[str, datetime] = {}
        self.batches: list[list[str]] = []
        for symbol in ("RELIANCE", "TCS", "INFY", "SBIN", "M&M"):
            self.add(contract(symbol))
        self.add(contract("RELIANCE", exchange="BSEEQ"))

    def add(self, new: Contract) -> None:
        for name in (new.trading_symbol, new.symbol):
            self.contracts.setdefault((name, new.exchange), new)

    def resolve(self, symbol: str, exchange: str = "NSEEQ") -> Contract:
        self.lookups.append(symbol)
        if self.failure:
            raise self.failure
        try:
            return self.contracts[symbol.strip().upper(), exchange]
        except KeyError:
            raise UnknownSymbol(symbol, exchange) from None

    def candles_of(
        self, symbol: str, interval: Interval, first: object, last: object, exchange: str = "NSEEQ"
    ) -> CachedValue[list[Candle]]:
        self.ranges.append((f"{symbol}@{exchange} {interval}", first, last))
        payload = msgspec.json.encode(self.candles)
        return CachedValue(list[Candle], Entry(datetime.now(UTC), 60, payload), "miss", families=(), value=self.candles)

    def quotes_of(self, contracts: Sequence[Contract]) -> list[CachedValue[Quote] | None]:
        """Quotes as old as a second; None for what is not in `quoted`."""
        self.batches.append([item.symbol for item in contracts])
        if self.failure:
            raise self.failure
        return [
            quote(item, self.quoted[item.symbol], self.quoted_at.get(item.symbol))
            if item.symbol in self.quoted
            else None
            for item in contracts
        ]


def quote(item: Contract, price: Decimal, quoted_at: datetime | None = None) -> CachedValue[Quote]:
    value = Quote(
        exchange=item.exchange,
        symbol=item.symbol,
        instrument_id=item.instrument_id,
        ltp=price,
        open=price,
        high=price,
        low=price,
        previous_close=price,
        volume=1_000,
        average_price=price,
        bid_price=price,
        bid_quantity=1,
        ask_price=price,
        ask_quantity=1,
        quoted_at=quoted_at,
    )
    created = datetime.now(UTC) - timedelta(seconds=1)
    return CachedValue(Quote, Entry(created, 2, msgspec.json.encode(value)), "hit", families=(), value=value)


def candles(*closes: float | str, spread: int = 1) -> list[Candle]:
    """Daily candles that reach `spread` rupees above and below their close."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    prices = [Decimal(str(close)) for close in closes]
    return [
        Candle(time=start + timedelta(days=i), open=p, high=p + spread, low=p - spread, close=p, volume=1_000_000)
        for i, p in enumerate(prices)
    ]


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Market:
    known = Market()
    monkeypatch.setattr(gateway, "resolve", known.resolve)
    monkeypatch.setattr(gateway, "candles", known.candles_of)
    monkeypatch.setattr(gateway, "quotes_of", known.quotes_of)
    return known


@pytest.fixture
def owner(db: None) -> APIClient:
    """Keeps the watchlist, decides on signals, changes settings."""
    user = User.objects.create(username="owner")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="watchlist"))
    return client_of(user)


@pytest.fixture
def commits(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Commits:
    """`with commits():` what is written inside has been committed when the block ends."""
    return partial(django_capture_on_commit_callbacks, execute=True)


@pytest.fixture
def default_settings(db: None) -> None:
    """The settings that the migration makes; a test that committed for real may have emptied the table."""
    if TradingSetting.objects.exists():
        return
    import_module("watchlist.migrations.0002_default_settings").add_defaults(apps, None)
    import_module("watchlist.migrations.0003_settings_keep_their_word").keep_word(apps, None)
    as_committed()
