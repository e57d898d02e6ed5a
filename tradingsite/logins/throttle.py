"""How many logins may fail, and how many passwords may be hashed at once.

Failures are counted only in the database: it is available whenever a password can be checked at all, all processes
share it, and counts in Redis could be removed by anybody who can write to it. An attempt is recorded before its
password is hashed, and nothing is written for one that is refused.
"""

import math
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.crypto import salted_hmac

from systemcache import clock, process_state
from systemcache.rate_limit.bulkhead import Bulkhead, BulkheadFull
from tradingsite.logins.addresses import network_of
from tradingsite.models import LoginAttempt

WINDOW = timedelta(minutes=15)
KEPT = timedelta(days=30)
MAX_OF_NAME_AND_NETWORK = 5
MAX_OF_NETWORK = 20
# For one name from all networks. Networks from which the user has logged in stay open, so that nobody can lock them
# out.
MAX_OF_NAME = 50

MAX_HASHES = 1  # of a process at once; each takes a quarter of a second of a core
MAX_WAITING = 16  # of a process, for their turn to be hashed
MAX_WAITING_OF_NETWORK = 8  # an office has one address too
LONGEST_WAIT = 10.0  # seconds
CLEAN_UP_INTERVAL = timedelta(hours=1)


class LoginRefused(Exception):
    """No password was checked. Try again in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(f"Too many logins have failed or are under way; try again in {duration(self.retry_after)}.")


def duration(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} seconds"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


class CleanUp:
    """Deletes what counts no longer, at most once an hour and process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last: datetime | None = None

    def run_if_due(self) -> None:
        now = clock.now()
        if self._last is None or now - self._last >= CLEAN_UP_INTERVAL:
            self._last = now
            LoginAttempt.objects.filter(at__lt=now - KEPT).delete()


hashing = process_state.register(
    Bulkhead(
        running=MAX_HASHES,
        running_of_one=MAX_HASHES,
        waiting=MAX_WAITING,
        waiting_of_one=MAX_WAITING_OF_NETWORK,
        longest_wait=LONGEST_WAIT,
    )
)
clean_up = process_state.register(CleanUp())


@contextmanager
def turn_to_hash(address: str) -> Iterator[None]:
    """Raises LoginRefused, at once if too many wait already."""
    with ExitStack() as stack:
        try:
            stack.enter_context(hashing.enter(network_of(address)))
        except BulkheadFull:
            raise LoginRefused(LONGEST_WAIT) from None
        yield


def begin(name: str, address: str) -> LoginAttempt:
    """Record an attempt as failed, until it succeeds. Raises LoginRefused, having written nothing."""
    digest, network = digest_of(name), network_of(address)
    _refuse_too_many(digest, network)
    clean_up.run_if_due()
    return LoginAttempt.objects.create(name_digest=digest, user=user_of(name), network=network, at=clock.now())


def succeed(attempt: LoginAttempt) -> None:
    """Forget what this user has mistyped here before."""
    LoginAttempt.objects.filter(pk=attempt.pk).update(succeeded=True)
    LoginAttempt.objects.filter(
        name_digest=attempt.name_digest, network=attempt.network, succeeded=False, at__lte=attempt.at
    ).delete()


def digest_of(name: str) -> str:
    """The same for all spellings that could be meant for one user."""
    return salted_hmac(
        "login attempt", unicodedata.normalize("NFKC", name[:200]).casefold(), algorithm="sha256"
    ).hexdigest()


def user_of(name: str) -> User | None:
    return User.objects.filter(username=name[:200]).first()


def _refuse_too_many(digest: str, network: str) -> None:
    now = clock.now()
    failures = LoginAttempt.objects.filter(Q(name_digest=digest) | Q(network=network), succeeded=False)
    recent = list(failures.filter(at__gt=now - WINDOW).order_by("at").values_list("name_digest", "network", "at"))
    of_both = [at for name, place, at in recent if (name, place) == (digest, network)]
    of_network = [at for _, place, at in recent if place == network]
    of_name = [at for name, _, at in recent if name == digest]
    wait = max(_wait(of_both, MAX_OF_NAME_AND_NETWORK, now), _wait(of_network, MAX_OF_NETWORK, now))
    wait_of_name = _wait(of_name, MAX_OF_NAME, now)
    if wait_of_name > wait and not _is_known(digest, network):
        wait = wait_of_name
    if wait > 0:
        raise LoginRefused(wait)


def _wait(times: list[datetime], limit: int, now: datetime) -> float:
    """Seconds until fewer than `limit` of the failures count."""
    return (times[-limit] + WINDOW - now).total_seconds() if len(times) >= limit else 0.0


def _is_known(digest: str, network: str) -> bool:
    return LoginAttempt.objects.filter(name_digest=digest, network=network, succeeded=True).exists()
