"""People with alerts, and prices to judge them by."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from alerts.models import PriceAlert

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
NOW = datetime(2026, 1, 8, 5, 30, tzinfo=UTC)  # a Thursday, 11:00 in India

MakeAlert = Callable[..., PriceAlert]


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    return make_user(
        "owner",
        "broker.view_account",
        "alerts.add_pricealert",
        "alerts.delete_pricealert",
        email="owner@example.com",
    )


@pytest.fixture
def make_alert(owner: User) -> MakeAlert:
    """An alert of the owner's on RELIANCE above 2,900, armed, made an hour ago."""

    def make(**fields: Any) -> PriceAlert:
        values: dict[str, Any] = {
            "user": owner,
            "symbol": "RELIANCE",
            "instrument_id": "2885",
            "kind": "above",
            "value": Decimal(2900),
            "armed": True,
            "created_at": NOW - timedelta(hours=1),
        }
        return PriceAlert.objects.create(**values | fields)

    return make


@pytest.fixture
def webhooks(settings: Settings) -> None:
    """The site calls webhooks, on this machine too."""
    settings.ALERT_WEBHOOK_SECRET = SECRET
    settings.ALERT_WEBHOOK_NETWORKS = ["127.0.0.0/8"]
