"""The examples of bodies in the schema are accepted as they stand, by a site on the simulator."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker import clock
from broker.simulator import Simulator, SimulatorOptions
from tests.broker.simulator.caller import THURSDAY_AT_ELEVEN
from tests.support.people import client_of
from testservers.redis_server import RedisServer
from tradingsite import openapi
from watchlist.models import Signal, TradingSetting, WatchlistItem

pytestmark = pytest.mark.django_db(transaction=True)


def examples() -> dict[tuple[str, str], Any]:
    """The body of each operation that takes one and has an example."""
    schema = json.loads(openapi.rendered_schema("json"))
    found = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                found[method, path] = example["value"]
    return found


EXAMPLES = examples()
WITHOUT = {("post", "/api/broker/span/")}  # its derivatives expire


@pytest.fixture
def admin(
    make_user: Callable[..., User], redis_store: RedisServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[APIClient]:
    monkeypatch.setattr(clock, "now", lambda: THURSDAY_AT_ELEVEN)
    settings.TRADING_ENABLED = True
    TradingSetting.objects.get_or_create(key="max_positions", kind="integer", defaults={"value": "10"})
    TradingSetting.objects.get_or_create(key="signal_timeout", kind="integer", defaults={"value": "60"})
    with Simulator(SimulatorOptions(port=0, limits=False), clock=lambda: THURSDAY_AT_ELEVEN) as running:
        settings.IIFL_BASE_URL = running.base_url
        yield client_of(make_user("admin", is_staff=True, is_superuser=True))


def test_every_operation_with_a_body_has_an_example() -> None:
    schema = json.loads(openapi.rendered_schema("json"))
    bodies = {
        (method, path)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert bodies == EXAMPLES.keys() | WITHOUT


@pytest.mark.parametrize(("method", "path"), EXAMPLES)
def test_an_example_is_accepted_as_it_stands(admin: APIClient, method: str, path: str) -> None:
    address = path.replace("{key}", "max_positions")
    if "{id}" in address:
        model: Any = WatchlistItem if "watchlist" in address else Signal
        terms = {"category": "short_term"} if model is WatchlistItem else {"signal_type": "buy"}
        address = address.replace("{id}", str(model.objects.create(symbol="TCS", **terms).pk))
    if "{order_id}" in address:
        resting = EXAMPLES["post", "/api/broker/margin/"] | {"price": "1300.00"}
        placed = admin.post("/api/broker/orders", resting, headers={"Idempotency-Key": "resting"})
        assert placed.status_code == 201, placed.content
        address = address.replace("{order_id}", placed.json()["order_id"])
    response = getattr(admin, method)(address, EXAMPLES[method, path], headers={"Idempotency-Key": "example"})
    assert response.status_code in (200, 201), response.content
