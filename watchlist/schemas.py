"""Response schemas of the app's rows, for the cached lists and for single rows.

In JSON, money is a string of digits (prices with two to four places, amounts with two), and times have the site's UTC
offset.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import msgspec
from django.utils import timezone

from broker import money
from systemcache.codec import Moment
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.models.kinds import Typed, typed

PRICES = frozenset({"target_price", "price", "stop_loss", "take_profit"})
AMOUNTS = frozenset({"margin_required"})


class WatchlistItemSchema(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    symbol: str
    exchange: str
    category: str
    is_active: bool
    notes: str
    target_price: Decimal | None
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, item: WatchlistItem) -> Self:
        return cls(**_field_values(cls, item))


class SignalSchema(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    symbol: str
    exchange: str
    signal_type: str
    status: str
    strategy: str
    reason: str
    quantity: int | None
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    margin_required: Decimal | None
    confidence: Decimal | None
    expires_at: Moment | None
    created_at: Moment
    approved_at: Moment | None
    executed_at: Moment | None
    order_id: str
    extras: dict[str, Any]

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(**_field_values(cls, signal))


class SettingSchema(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is a boolean or a whole number for settings of these kinds, otherwise a string; null if unreadable."""

    key: str
    kind: str
    value: bool | int | str | None
    description: str

    @classmethod
    def of(cls, setting: TradingSetting) -> Self:
        value = setting.typed
        value = setting.value if isinstance(value, Decimal) else value
        return cls(key=setting.key, kind=setting.kind, value=value, description=setting.description)

    @property
    def typed(self) -> Typed | None:
        return typed(self.kind, self.value) if isinstance(self.value, str) else self.value


def _field_values(row: type[msgspec.Struct], instance: object) -> dict[str, Any]:
    return {name: _in_form(name, getattr(instance, name)) for name in row.__struct_fields__}


def _in_form(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return timezone.localtime(value)
    if isinstance(value, Decimal) and not value.is_finite():
        return None  # NaN, which SQL can store in PostgreSQL
    if isinstance(value, Decimal) and name in PRICES:
        return money.price(value)
    return money.rupees(value) if isinstance(value, Decimal) and name in AMOUNTS else value
