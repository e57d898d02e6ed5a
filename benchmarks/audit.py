"""What the auditor costs: processor time of one request from the cache, and of what it adds at one hit in 1,000.

A request has two hits of our own tables, the token's and the watchlist's. Rates over HTTP with and without the auditor
are shown beside it; they differ by more from one round to the next than by what it costs.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from django.test.utils import override_settings

from benchmarks.fixtures import LASTING, WATCHLIST, prepare
from benchmarks.rounds import Row, Subject, measured, show
from benchmarks.serving import granian
from benchmarks.targets import Targets
from systemcache.audit import check, sampling
from systemcache.audit.check import CURRENT, REDIS, Answer
from systemcache.auth.cache_families import TOKEN
from systemcache.families import Family
from systemcache.fetching.fetch import peek
from systemcache.fetching.read import entry_ref
from systemcache.models import ApiToken
from watchlist.cache_families import WATCHLIST as FAMILY

EVERY = 1_000
USERS = 20
MOST = 0.02  # of a request


def run(targets: Targets) -> dict[str, object]:
    token = prepare()
    request = _processor_time(_request(token), 2_000)  # from here on both are in the cache
    answers = (
        _answer(TOKEN, {"sha256": ApiToken.digest_of(token)}),
        _answer(FAMILY, {"active": "all", "category": "all"}),
    )
    with override_settings(CACHE_AUDIT_EVERY=10**9):  # draws, and takes none
        draws = sum(_processor_time(_draw(answer), 100_000) for answer in answers)
    checks = [_processor_time(_check(answer), 200) for answer in answers]
    added = draws + sum(checks) / EVERY
    print(f"a request from the cache: {1e6 * request:.0f} µs of the processor; its two draws: {1e6 * draws:.2f} µs;")
    print(f"a check of a token: {1e6 * checks[0]:.0f} µs, of a watchlist of 50: {1e6 * checks[1]:.0f} µs\n")
    rows = _rates(token)
    show("watchlist over HTTP, one worker", rows, rows[0].name)
    targets.at_most("the auditor's share of a request", added / request, MOST)
    return {"request": request, "draws": draws, "checks": checks, "rates": [asdict(row) for row in rows]}


def _answer(family: Family[Any], params: dict[str, str]) -> Answer:
    value = peek(family, params)
    assert value, family.name
    return Answer(family, entry_ref(family, params), REDIS, value.content)


def _request(token: str) -> Callable[[], None]:
    """The whole of the site for a request, without a server."""
    handler, factory = WSGIHandler(), RequestFactory(HTTP_HOST="127.0.0.1", HTTP_AUTHORIZATION=f"Token {token}")

    def ask() -> None:
        response = handler.get_response(factory.get(WATCHLIST))
        assert response.status_code == 200, response.status_code

    return ask


def _draw(answer: Answer) -> Callable[[], None]:
    family, ref, layer, content = answer
    assert content

    def offer() -> None:
        sampling.offer(family, ref, layer, content)

    return offer


def _check(answer: Answer) -> Callable[[], None]:
    def judge() -> None:
        verdict = check.judge(answer, lambda _: None)
        assert verdict.outcome == CURRENT, verdict

    return judge


def _processor_time(call: Callable[[], object], calls: int) -> float:
    """Seconds of this thread's processor time for a call, the lowest of five rounds."""
    call()
    found = []
    for _ in range(5):
        began = time.thread_time()
        for _ in range(calls // 5):
            call()
        found.append((time.thread_time() - began) / (calls // 5))
    return min(found)


def _rates(token: str) -> list[Row]:
    with (
        granian(**LASTING, CACHE_AUDIT_EVERY="0") as without,
        granian(**LASTING, CACHE_AUDIT_EVERY=str(EVERY)) as audited,
    ):
        subjects = [Subject("without", without, (WATCHLIST,)), Subject(f"one in {EVERY:,}", audited, (WATCHLIST,))]
        return measured(subjects, token, USERS)
