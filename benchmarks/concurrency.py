"""Hits over HTTP, one hot key: the site beside a view of fixed bytes, Django's and cacheops' caches, and FastAPI.

20 and 100 users, one worker each; then nine reads of the watchlist to a write, where it also counts whether what a
finished write has replaced is still shown.
"""

from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.fixtures import HOLDINGS, WATCHLIST, Ports, prepare, servers
from benchmarks.rounds import Row, Subject, measured, show
from benchmarks.targets import Targets

USERS = (20, 100)
CEILING, BASELINE = "plain view, fixed bytes", "FastAPI + redis.asyncio"
NEAR, TRIP, MIXED = "holdings: near copy", "watchlist: one round trip", "the site"
OURS = (NEAR, TRIP, MIXED)
RATIOS = {  # for 20 users: how many times as many answers a second as another subject, at least
    (NEAR, BASELINE): 4.0,
    (NEAR, CEILING): 0.6,
    (TRIP, BASELINE): 2.2,
}
WRITERS = 20


def run(targets: Targets) -> dict[str, object]:
    token = prepare()
    with servers() as ports:
        found = {str(users): _hot_key(ports, token, users) for users in USERS}
        written = _mixed(ports, token)
    rates = {row.name: row.per_second for row in found["20"]}
    for (name, other), ratio in RATIOS.items():
        targets.at_least(f"{name} / {other}", rates[name] / rates[other], ratio)
    wrong = [row for rows in (*found.values(), written) for row in rows if row.name in OURS]
    targets.at_most("answers that failed or were stale", sum(row.failures + row.stale for row in wrong), 0)
    return {"hot_key": {users: _plain(rows) for users, rows in found.items()}, "mixed": _plain(written)}


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def _hot_key(ports: Ports, token: str, users: int) -> list[Row]:
    subjects = [
        Subject(CEILING, ports.reference, ("/plain",)),
        Subject(NEAR, ports.site, (HOLDINGS,)),
        Subject(TRIP, ports.site, (WATCHLIST,)),
        Subject(BASELINE, ports.fastapi, ("/api/watchlist",)),
        Subject("the same, its answer declared as Any", ports.fastapi, ("/api/watchlist/declared",)),
        Subject("Django + cache_page, no authentication", ports.reference, ("/cache_page",)),
        Subject("Django + cacheops, no authentication", ports.reference, ("/cacheops",)),
        Subject("watchlist without a cache", ports.bare, (WATCHLIST,)),
    ]
    rows = measured(subjects, token, users)
    show(f"one hot key, {users} users, one worker", rows, CEILING, BASELINE)
    return rows


def _mixed(ports: Ports, token: str) -> list[Row]:
    from watchlist.models import WatchlistItem

    ids = [str(pk) for pk in WatchlistItem.objects.values_list("pk", flat=True)[:WRITERS]]
    here = ("mixed", WATCHLIST, "/api/watchlist/{}", *ids)
    subjects = [
        Subject(MIXED, ports.site, here),
        Subject("the site without a cache", ports.bare, here),
        Subject("Django + cacheops, no authentication", ports.reference, ("mixed", "/cacheops", "/write/{}", *ids)),
        Subject("Django + cache_page, no authentication", ports.reference, ("mixed", "/cache_page", "/write/{}", *ids)),
    ]
    rows = measured(subjects, token, WRITERS)
    show(f"nine reads to a write, {WRITERS} users", rows, subjects[1].name)
    return rows
