"""One thread a process that looks after the cache: carries out what others left undone, and tries a lost Redis again.

It bounds two things by its interval: how long a value outlives the crash of a process between the commit of a write and
its invalidation, and how long a process with a working Redis shows a value that another, without one, has replaced.
"""

import logging
import os
import threading

from django.db import Error as DatabaseError
from django.db import connections

from systemcache import conf, outbox, store
from systemcache.errors import StoreUnavailable

logger = logging.getLogger(__name__)

FIRST_ROUND = 2.0  # seconds for which a process's first reads wait, should the database not answer

_lock = threading.Lock()
_started = False
_looked = threading.Event()


def ensure() -> None:
    """Starts the keeper of this process, once; a forked child needs its own.

    Comes back when it has looked: what a crash left undone is done before this process trusts Redis.
    """
    if not _looked.is_set():
        _start()
        _looked.wait(FIRST_ROUND)
        _looked.set()


def _start() -> None:
    global _started
    with _lock:
        if _started:
            return  # another thread was quicker
        if conf.keeper_interval() > 0:
            threading.Thread(target=_keep, name="cache-keeper", daemon=True).start()
        else:
            _looked.set()
        _started = True


def look() -> None:
    """One round. Errors of Redis and of the database are left to the next one."""
    try:
        if store.breaker.allows():
            outbox.replay()
            store.give_back_owed()
        else:
            store.breaker.probe(outbox.put_in_order)
    except (StoreUnavailable, DatabaseError) as error:
        logger.debug("cache: the keeper could not look after it: %s", error)


def _keep() -> None:
    pause = threading.Event()
    while True:
        try:
            look()
        except Exception:
            # A thread that died would leave this process without its bound: say so and go on.
            logger.exception("cache: the keeper stumbled")
        finally:
            _close_broken()
            _looked.set()
        pause.wait(conf.keeper_interval())


def _close_broken() -> None:
    """A good connection is kept: without Redis all threads want one, and this one is not to queue behind them."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred:
            connection.close()


def _forget_parent() -> None:
    global _lock, _looked, _started
    _lock, _looked = threading.Lock(), threading.Event()
    _started = False


os.register_at_fork(after_in_child=_forget_parent)
