"""`make run` serves events beside the site, and starts the stream process again."""

import os
import signal
from collections.abc import Callable

import pytest
import requests

from tests.support.programs import only_linux
from tests.support.runsite import RunningSite
from tests.support.waiting import eventually
from testservers.event_reader import EventReader
from testservers.processes import children_of, command_of

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(240)]


def stream_process(site: RunningSite) -> int:
    """The process id of the stream's server."""
    return next(pid for pid in children_of(site.pid) if "tradingsite.asgi:application" in command_of(pid))


def test_events_come_from_the_address_that_is_printed_and_again_after_a_kill(
    make_site: Callable[..., RunningSite],
) -> None:
    site = make_site()
    assert f"Events    {site.stream_url}\n" in site.output
    headers = {"Authorization": f"Token {site.token}"}

    def watch(symbol: str) -> None:
        made = requests.post(f"{site.url}/api/watchlist", json={"symbol": symbol}, headers=headers, timeout=60)
        assert made.status_code == 201, made.text

    with EventReader(site.stream_url + "?events=watchlist", site.token) as reader:
        watch("WIPRO")
        eventually(lambda: [row["symbol"] for row in reader.rows("watchlist")] == ["WIPRO"])
        os.kill(stream_process(site), signal.SIGKILL)
        eventually(lambda: reader.ended)
    watch("TITAN")

    def comes_back() -> bool:
        try:
            again = EventReader(site.stream_url + "?events=watchlist", site.token, last_event_id=reader.last_id)
        except OSError:
            return False
        with again:
            eventually(lambda: bool(again.events))
            return [event.data["symbol"] for event in again.events] == ["TITAN"]

    eventually(comes_back, 120)
    assert "The stream process has ended by itself and is started again." in site.output
