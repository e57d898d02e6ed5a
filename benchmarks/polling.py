"""What a page that asks every two seconds costs the server: processor time of an answer 304, beside the whole page's.

In process, without a web server: each request passes all middleware. Values stay cached, as they do while nothing
changes; the watchlist has 10 and 200 symbols.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from benchmarks.targets import Targets
from broker import gateway
from broker.simulator import Simulator, SimulatorOptions
from watchlist.models import WatchlistItem

ROUNDS, CALLS = 3, 100
PAGES = {"watchlist": "/", "holdings": "/holdings", "positions": "/positions", "orders": "/orders"}
A_DAY = 86_400  # seconds for which everything stays cached


@dataclass(frozen=True)
class Row:
    """Milliseconds of processor time, the median of the rounds' averages."""

    name: str
    poll: float
    page: float


def run(targets: Targets) -> list[Row]:
    settings.CACHE_TTLS = dict.fromkeys(settings.CACHE_TTLS, A_DAY)
    settings.WHITENOISE_AUTOREFRESH = True
    call_command("migrate", verbosity=0)
    with Simulator(SimulatorOptions(port=0, limits=False)) as broker:
        settings.IIFL_BASE_URL = broker.base_url
        user = get_user_model().objects.create_superuser("poller")
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(user)
        call_command("samplewatchlist", verbosity=0)
        rows = [measure(client, name, name, address) for name, address in PAGES.items()]
        _watch_many()
        rows.append(measure(client, "watchlist of 200", "watchlist", "/"))
    for row in rows:
        print(f"{row.name:18} poll {row.poll:6.2f} ms   whole page {row.page:6.2f} ms")
    for row in rows:
        targets.at_most(f"{row.name}: a poll / the page", row.poll / row.page, 0.75)
    print(json.dumps({row.name: round(row.poll, 2) for row in rows}))
    return rows


def measure(client: Client, title: str, name: str, address: str) -> Row:
    for _ in range(5):  # what the first ones load invalidates what the books before did not know
        tag = client.get(f"/live/{name}", headers={"HX-Request": "true"})["ETag"]
        time.sleep(0.2)  # until near copies are trusted

    def poll() -> None:
        answer = client.get(f"/live/{name}", headers={"HX-Request": "true", "If-None-Match": tag})
        assert answer.status_code == 304, answer.status_code

    return Row(title, _milliseconds(poll, CALLS), _milliseconds(lambda: client.get(address), CALLS // 20))


def _milliseconds(call: Callable[[], object], calls: int) -> float:
    """Processor time of this thread alone: the simulator's threads are another program's."""
    call()
    averages = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        for _ in range(calls):
            call()
        averages.append(1000 * (time.thread_time() - started) / calls)
    return statistics.median(averages)


def _watch_many() -> None:
    known = set(WatchlistItem.objects.values_list("symbol", flat=True))
    _, page = gateway.contract_page("NSEEQ", "", 0, 400)
    names = [contract.symbol for contract in page.contracts if contract.series == "EQ" and contract.symbol not in known]
    WatchlistItem.objects.bulk_create(WatchlistItem(symbol=name) for name in names[: 200 - len(known)])
