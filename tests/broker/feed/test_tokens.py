"""The stream's token ends at midnight in India, whatever the broker's server thinks of it."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from broker.clock import IST
from broker.feed.tokens import SessionTokens
from broker.iifl.session import TokenStore
from broker.simulator import Simulator, SimulatorOptions, StreamOptions
from broker.stream import client as client_module
from broker.stream import topics
from broker.stream.client import ClientState, StreamClient
from broker.stream.connection import Address
from tests.broker.simulator.caller import Caller
from tests.broker.stream.conftest import Recorder
from tests.support.clock import Clock
from tests.support.waiting import eventually

EVENING = datetime(2026, 1, 5, 23, 59, 58, tzinfo=IST)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(port=0, limits=False, replay=True, stream=StreamOptions())) as running:
        yield running


@pytest.mark.django_db(transaction=True)
def test_at_midnight_the_connection_ends_and_a_login_brings_it_back(
    simulator: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IIFL_SIMULATED = False  # a person logs in
    monkeypatch.setattr(client_module, "TOKEN_CHECK", 0.05)
    clock, recorder, holder = Clock(EVENING), Recorder(), Caller(simulator)
    holder.log_in()
    store = TokenStore(clock)
    store.save(holder.token)
    tokens = SessionTokens(store=TokenStore(clock))
    client = StreamClient(Address.of(simulator.stream_url), tokens, recorder, name="SIM0001")
    names = topics.of_account("SIM0001")
    client.want(names)
    thread = threading.Thread(target=run, args=(client,), daemon=True)
    thread.start()
    try:
        eventually(lambda: client.acknowledged == set(names))
        clock.now += timedelta(seconds=2)
        eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)
        assert recorder.ends == ["the session has ended"]
        eventually(lambda: simulator.stream.clients() == ())
        clock.now += timedelta(hours=9)
        holder.log_in()
        store.save(holder.token)
        eventually(lambda: client.acknowledged == set(names))
        assert recorder.connections == 2
    finally:
        client.stop()
        thread.join(30)


def run(client: StreamClient) -> None:
    try:
        client.run()
    finally:
        connections.close_all()
