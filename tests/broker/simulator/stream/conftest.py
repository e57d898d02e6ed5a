"""A simulator with a live stream, on a clock that the test sets, and clients of paho's."""

from collections.abc import Callable, Iterator

import pytest

from broker.simulator import Simulator, StreamOptions
from tests.broker.simulator.caller import Caller, Simulate
from tests.broker.simulator.stream.subscriber import Subscriber


@pytest.fixture
def streaming(simulate: Simulate) -> Simulator:
    """A simulator that is started."""
    return simulate(stream=StreamOptions(interval=0.02)).start()


@pytest.fixture
def account_holder(streaming: Simulator) -> Caller:
    somebody = Caller(streaming)
    somebody.log_in()
    return somebody


@pytest.fixture
def connect(streaming: Simulator, account_holder: Caller) -> Iterator[Callable[..., Subscriber]]:
    """Connects clients with the account holder's token; they are disconnected after the test."""
    clients: list[Subscriber] = []

    def connect(client_id: str = "a-client", *, token: str | None = None, user_name: str = "SIM0001") -> Subscriber:
        password = f"OPENID~~{account_holder.token if token is None else token}~"
        clients.append(Subscriber(streaming.stream_url, client_id, user_name, password))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
