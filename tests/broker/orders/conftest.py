"""What tests of orders share: a broker with an account of its own, somebody who may trade, and the time in hand."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker import clock
from broker.simulator import Simulator, SimulatorOptions
from tests.broker.simulator.caller import THURSDAY_AT_ELEVEN
from tests.support.people import client_of
from watchlist.models import TradingSetting


class Time:
    """The site's and the broker's."""

    def __init__(self) -> None:
        self.now = THURSDAY_AT_ELEVEN

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(clock, "now", time)
    return time


@pytest.fixture
def exchange(transactional_db: None, settings: Settings, redis: Redis, time: Time) -> Iterator[Simulator]:
    """A broker that nobody else has placed orders with; trading is switched on, without the trading settings."""
    TradingSetting.objects.all().delete()
    settings.TRADING_ENABLED = True
    settings.ORDER_PRICE_BAND = 100  # orders that wait are far from the market
    with Simulator(SimulatorOptions(port=0, limits=False, hang=0.2), clock=time) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield running


@pytest.fixture
def dealer(make_user: Callable[..., User], exchange: Simulator) -> APIClient:
    """May see the account and trade."""
    return client_of(make_user("dealer", "broker.view_account", "broker.trade"))
