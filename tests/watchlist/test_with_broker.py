"""This floor on the real one below: the broker's client and its simulator."""

import pytest
from rest_framework.test import APIClient

from broker.simulator import Simulator
from watchlist.models import WatchlistItem
from watchlist.strategies import Strategy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store", "default_settings")]


def test_symbols_are_known_by_the_brokers_contract_file(owner: APIClient, simulator: Simulator) -> None:
    assert owner.post("/api/watchlist", {"symbol": "reliance", "category": "hold"}).status_code == 201
    assert owner.post("/api/watchlist", {"symbol": "RELIANC", "category": "hold"}).status_code == 400
    assert WatchlistItem.objects.get().symbol == "RELIANCE"


@pytest.mark.parametrize("interval", ["5m", "1d", "1w"])
def test_strategies_run_on_the_brokers_candles(owner: APIClient, simulator: Simulator, interval: str) -> None:
    for strategy in Strategy:
        asked = {"symbol": "RELIANCE", "strategy": strategy.value, "interval": interval}
        answer = owner.post("/api/signals/generate", asked)
        assert answer.status_code == 200, answer.content
        outcome = answer.json()["data"]
        assert bool(outcome["signal"]) != bool(outcome["note"])
