"""How long another process still accepts a revoked token, while it hears of revocations and while it does not."""

import http.client
import statistics
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model

from benchmarks.serving import granian
from benchmarks.targets import Targets
from systemcache import conf
from systemcache.models import ApiToken
from testservers.redis_proxy import RedisProxy

PATH = "/api/settings"


@dataclass(frozen=True)
class Row:
    """Milliseconds from the end of the revocation to the first refusal."""

    name: str
    revocations: int
    p50: float
    p99: float
    longest: float


def run(targets: Targets) -> list[Row]:
    port = urlsplit(str(settings.REDIS_URL)).port or 6379
    with RedisProxy(port) as proxy, granian(REDIS_URL=proxy.url) as site:
        rows = [_measured("it hears of revocations", site, 1_000)]
        proxy.mutes_messages.set()
        rows.append(_measured("it hears nothing", site, 200))
    print(f"{'a revoked token is refused by another process':50}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}")
    for row in rows:
        print(f"{row.name:40}{row.revocations:>10,}{row.p50:>9.2f}{row.p99:>9.2f}{row.longest:>9.2f}")
        targets.at_most(
            f"{row.name}: p99 / the lag that near copies may have", row.p99 / (1000 * conf.near_trust()), 1.25
        )
    return rows


def _measured(name: str, port: int, revocations: int) -> Row:
    user = get_user_model().objects.get(username="bench")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    taken = sorted(_until_refused(connection, ApiToken.issue(user, "short-lived")) for _ in range(revocations))
    ApiToken.objects.filter(name="short-lived").delete()
    return Row(name, revocations, statistics.median(taken), taken[len(taken) * 99 // 100], taken[-1])


def _until_refused(connection: http.client.HTTPConnection, token: str) -> float:
    for _ in range(3):  # known by the other process, from its own copy too
        assert _status(connection, token) == 200
    ApiToken.objects.filter(digest=ApiToken.digest_of(token)).delete()
    revoked = perf_counter()
    asked = revoked
    while _status(connection, token) != 401:
        asked = perf_counter()
    return 1000 * max(0.0, asked - revoked)


def _status(connection: http.client.HTTPConnection, token: str) -> int:
    connection.request("GET", PATH, headers={"Authorization": f"Token {token}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status
