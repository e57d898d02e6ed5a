"""What the database itself refuses, whoever writes."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from watchlist.models import Signal, TradingSetting, WatchlistItem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": ""},
        {"category": "someday"},
        {"exchange": "NYSE"},
        {"target_price": Decimal(0)},
        {"target_price": Decimal(-1)},
    ],
    ids=str,
)
def test_a_wrong_item_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        WatchlistItem.objects.create(**{"symbol": "TCS", **wrong})


def test_a_symbol_stands_once_in_a_category_but_in_several() -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold")
    WatchlistItem.objects.create(symbol="TCS", category="long_term")
    WatchlistItem.objects.create(symbol="TCS", category="hold", exchange="BSEEQ")
    with pytest.raises(IntegrityError):
        WatchlistItem.objects.create(symbol="TCS", category="hold")


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": ""},
        {"exchange": "NYSE"},
        {"signal_type": "keep"},
        {"status": "maybe"},
        {"quantity": 0},
        {"price": Decimal(0)},
        {"stop_loss": Decimal(-1)},
        {"take_profit": Decimal(0)},
        {"margin_required": Decimal(0)},
        {"confidence": Decimal("1.0001")},
        {"confidence": Decimal("-0.0001")},
    ],
    ids=str,
)
def test_a_wrong_signal_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        Signal.objects.create(**{"symbol": "TCS", "signal_type": "buy", **wrong})


def test_a_strategy_has_one_pending_signal_of_a_type() -> None:
    def propose(**other: str) -> None:
        Signal.objects.create(**{"symbol": "TCS", "signal_type": "buy", "strategy": "rsi", **other})

    propose()
    propose(status="rejected")
    propose(signal_type="sell")
    propose(strategy="breakout")
    with pytest.raises(IntegrityError), transaction.atomic():
        propose()


def test_people_may_have_the_same_idea_twice() -> None:
    for _ in range(2):
        Signal.objects.create(symbol="TCS", signal_type="buy")
    assert Signal.objects.count() == 2


@pytest.mark.parametrize("wrong", [{"key": ""}, {"kind": "colour"}], ids=str)
def test_a_wrong_setting_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        TradingSetting.objects.create(**{"key": "colour", "kind": "text", **wrong})
