"""How a database row looks in JSON: in the cached lists and in the answers about one row alike.

Money is a string of digits in JSON, times carry the site's offset.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import msgspec
from django.utils import timezone

from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.models.kinds import Typed, typed


class WatchlistRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    symbol: str
    exchange: str
    category: str
    is_active: bool
    notes: str
    target_price: Decimal | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: WatchlistItem) -> Self:
        return cls(**_columns(cls, item))


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
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
    expires_at: datetime | None
    created_at: datetime
    approved_at: datetime | None
    executed_at: datetime | None
    order_id: str
    extras: dict[str, Any]

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(**_columns(cls, signal))


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is a boolean or a whole number where the kind says so, else a string."""

    key: str
    kind: str
    value: bool | int | str
    description: str

    @classmethod
    def of(cls, setting: TradingSetting) -> Self:
        value = setting.typed
        shown = setting.value if isinstance(value, Decimal) else value
        return cls(key=setting.key, kind=setting.kind, value=shown, description=setting.description)

    @property
    def typed(self) -> Typed:
        return typed(self.kind, self.value) if isinstance(self.value, str) else self.value


def _columns(row: type[msgspec.Struct], instance: object) -> dict[str, Any]:
    return {name: _shown(getattr(instance, name)) for name in row.__struct_fields__}


def _shown(value: Any) -> Any:
    return timezone.localtime(value) if isinstance(value, datetime) else value
