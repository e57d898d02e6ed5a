"""Hits over HTTP, one hot key: the site beside a view of fixed bytes, Django's and cacheops' caches, the forerunner.

20 and 100 users, one worker each; then nine reads of the watchlist to a write, where it also counts whether what a
finished write has replaced is still shown.
"""

from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.rounds import Row, Subject, measured, show, verdict
from benchmarks.stage import HOLDINGS, WATCHLIST, Ports, prepare, servers

USERS = (20, 100)
CEILING, FORERUNNER = "plain view, fixed bytes", "FastAPI + redis.asyncio"
NEAR, TRIP = "holdings: near copy", "watchlist: one round trip"
WANTED = {  # what must hold for 20 users: a subject, at least so many times another
    (NEAR, FORERUNNER): 4.0,
    (NEAR, CEILING): 0.6,
    (TRIP, FORERUNNER): 2.2,
}
WRITERS = 20


def run() -> dict[str, object]:
    token = prepare()
    with servers() as ports:
        found = {str(users): _hot_key(ports, token, users) for users in USERS}
        written = _mixed(ports, token)
    for (name, other), wanted in WANTED.items():
        rates = {row.name: row.per_second for row in found["20"]}
        verdict(rates[name] / rates[other], wanted, f"{name} / {other}")
    return {"hot_key": {users: _plain(rows) for users, rows in found.items()}, "mixed": _plain(written)}


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [asdict(row) for row in rows]


def _hot_key(ports: Ports, token: str, users: int) -> list[Row]:
    subjects = [
        Subject(CEILING, ports.reference, ("/plain",)),
        Subject(NEAR, ports.site, (HOLDINGS,)),
        Subject(TRIP, ports.site, (WATCHLIST,)),
        Subject(FORERUNNER, ports.forerunner, ("/api/watchlist",)),
        Subject("the same, its answer declared as Any", ports.forerunner, ("/api/watchlist/declared",)),
        Subject("Django + cache_page, no authentication", ports.reference, ("/cache_page",)),
        Subject("Django + cacheops, no authentication", ports.reference, ("/cacheops",)),
        Subject("watchlist without a cache", ports.bare, (WATCHLIST,)),
    ]
    rows = measured(subjects, token, users)
    show(f"one hot key, {users} users, one worker", rows, CEILING, FORERUNNER)
    return rows


def _mixed(ports: Ports, token: str) -> list[Row]:
    from watchlist.models import WatchlistItem

    ids = [str(pk) for pk in WatchlistItem.objects.values_list("pk", flat=True)[:WRITERS]]
    here = ("mixed", WATCHLIST, "/api/watchlist/{}", *ids)
    subjects = [
        Subject("the site", ports.site, here),
        Subject("the site without a cache", ports.bare, here),
        Subject("Django + cacheops, no authentication", ports.reference, ("mixed", "/cacheops", "/write/{}", *ids)),
        Subject("Django + cache_page, no authentication", ports.reference, ("mixed", "/cache_page", "/write/{}", *ids)),
    ]
    rows = measured(subjects, token, WRITERS)
    show(f"nine reads to a write, {WRITERS} users", rows, subjects[1].name)
    return rows
