"""One Redis for all processes: the database names it, and a process that reaches another stops using that.

After a failover a process may still reach the old primary, which hears of no invalidation any more (split brain). The
row in the database is the fence: a server that has never been in use since it was started or promoted is written there
before its first value is trusted. Each round of recovery compares, so that a process that was left behind shows what it
finds at the old primary for one round (CACHE_RECOVERY_INTERVAL) and the query at the most: FENCE in
docs/model/failover.pml. Once a server stands in the row, what it held until then is void, and its epoch carries a mark.

A server that has been in use, and is not in the row any more, may be the right one all the same: the one in the row is
gone for good. So a process that finds itself there leaves a challenge in the row. Processes at the server in use remove
it; if none has within TAKEOVER seconds, the challenger writes its own server down.
"""

import logging
import secrets

from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.db.models import QuerySet

from systemcache import clock, conf, process_state
from systemcache.models import RedisInUse
from systemcache.storage import connection, event_log
from systemcache.storage.greeting import NONE, UNKNOWN, server

logger = logging.getLogger(__name__)

TAKEOVER = 3.0  # seconds; several rounds of each process at the server in use
LEFT_BEHIND = "the site's other processes use another Redis than the one that this process reaches"


class _Challenge:
    """The challenge that stands in the row, and since when this process has seen it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._words, self._since = "", 0.0

    def stands(self, words: str) -> float:
        """Seconds for which it has stood, as far as this process knows."""
        if words != self._words:
            self._words, self._since = words, clock.monotonic()
        return clock.monotonic() - self._since


_challenge = process_state.register(_Challenge())


def run_id_in_use() -> str | None:
    """The run id of the server in use; None before the first process has agreed on one. Raises DatabaseError."""
    return _row().values_list("run_id", flat=True).first()


def reached(run_id: str | None) -> bool:
    """Whether this process's last connection ends at that server. None is any."""
    return run_id is None or server.run_id in (UNKNOWN, run_id.encode())


def holds() -> bool:
    """One look of recovery while Redis is in use: whether this process still reaches the server that all use.

    If not, it connects again first. Raises StoreUnavailable, DatabaseError.
    """
    if server.trusted is None:
        return rejoin()
    trusted = server.trusted.decode()
    found = _row().values_list("run_id", "challenge").first()
    if found is None and _create(trusted):  # somebody has emptied the table
        found = (trusted, "")
    if found is None or found[0] != trusted or connection.connects_elsewhere():
        logger.warning("cache: another Redis is in use than before, connecting again")
        return rejoin()
    if found[1]:
        logger.warning("cache: a process of this site reaches another Redis than the others do")
        _row().filter(run_id=found[0], challenge=found[1]).update(challenge="")
    return True


def rejoin() -> bool:
    """Reconnect past the breaker, and agree on the server with the other processes. False: it is not to be used.

    Raises StoreUnavailable, DatabaseError.
    """
    connection.reconnect()
    run_id = server.run_id.decode()
    agreed = _agree(run_id)
    connection.trust(run_id.encode() if agreed else NONE)
    return agreed


def _agree(run_id: str) -> bool:
    if not _is_written_down(run_id):
        return False
    if not connection.was_agreed_on():
        # After it was written down: what other processes have told another server until then is not known here.
        connection.begin_epoch(agreed_on=True)
        event_log.events_are_missing()  # a replica that was promoted may not have the last ones, nor may an older file
    return True


def _is_written_down(run_id: str) -> bool:
    found = _row().values_list("run_id", "challenge").first()
    if found is None:
        return _create(run_id)
    in_use, challenge = found
    if in_use == run_id:
        return True
    if not connection.was_agreed_on():
        logger.warning("cache: another Redis is in use from now on: it was restarted, or promoted after a failover")
        return _write_down(run_id, _row().filter(run_id=in_use))
    if not challenge:
        _row().filter(run_id=in_use, challenge="").update(challenge=f"{run_id} {secrets.token_hex(8)}")
    elif _challenge.stands(challenge) >= TAKEOVER:
        logger.warning("cache: no process uses the former Redis any more: this one takes over")
        connection.begin_epoch(agreed_on=False)  # the next process to find it written down voids its values again
        if _write_down(run_id, _row().filter(challenge=challenge)):
            return True
        connection.begin_epoch(agreed_on=True)
    return False


def _create(run_id: str) -> bool:
    try:
        with transaction.atomic():
            RedisInUse.objects.create(prefix=conf.prefix(), run_id=run_id)
    except IntegrityError:  # another process was quicker
        return run_id_in_use() == run_id
    return True


def _write_down(run_id: str, expected: QuerySet[RedisInUse]) -> bool:
    """Unless another process was quicker, and has written another one."""
    return expected.update(run_id=run_id, challenge="", since=clock.now()) == 1 or run_id_in_use() == run_id


def _row() -> QuerySet[RedisInUse]:
    return RedisInUse.objects.using(DEFAULT_DB_ALIAS).filter(prefix=conf.prefix())
