"""One thread per process receives invalidations from Redis, so that near copies are removed in time.

Redis replies on the listener's connection in the order of events: when the reply to a PING comes, every invalidation
from before the PING has come too. That moment is `confirmed_until`. A process that is disconnected, hung or starved of
CPU stops trusting its copies by itself, without having to notice anything.
"""

import logging
import threading
from collections.abc import Callable

from systemcache import clock, conf, families, process_state
from systemcache.errors import StoreUnavailable
from systemcache.local import near_cache
from systemcache.storage import connection, key_names
from systemcache.storage.tracking import TrackingConnection, TrackingMessage, TrackingRefused

logger = logging.getLogger(__name__)

PING_INTERVAL = 0.02  # seconds; shorter if copies are trusted for less than four of them
PONG_TIMEOUT = 1.0  # seconds without a reply after which the connection is given up
RECONNECT_DELAY = 0.5  # seconds
REFUSED_DELAY = 60.0  # seconds until a server that refuses tracking is tried again


class _Thread:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock, self.started = threading.Lock(), False


_thread = process_state.register(_Thread())


def ensure_started() -> None:
    """Start the listener of this process, once; a forked child needs its own."""
    if not _thread.started:
        with _thread.lock:
            if conf.near_copies_enabled() and not _thread.started:
                threading.Thread(target=_listen_forever, name="cache-listener", daemon=True).start()
            _thread.started = True


def _listen_forever() -> None:
    pause = threading.Event()
    while True:
        pause.wait(listen_until_lost(lambda: True))


def listen_until_lost(goes_on: Callable[[], bool]) -> float:
    """Listen on one connection, and log why it ended; returns the seconds after which to try again."""
    try:
        listen(goes_on)
    except TrackingRefused as error:
        why = f"off, because Redis refuses tracking: {error.words}"
        if near_cache.copies.off != why:
            logger.warning("cache: near copies are %s", why)
        near_cache.copies.off = why
        return REFUSED_DELAY
    except StoreUnavailable as error:
        logger.debug("cache: the invalidation listener lost its connection, reconnecting: %s", error)
    except BaseException:  # SystemExit too
        # If this thread ended, the process would have no near copies any more.
        logger.exception("cache: the invalidation listener failed, restarting")
    return RECONNECT_DELAY


def listen(goes_on: Callable[[], bool], clock: Callable[[], float] = clock.boottime) -> None:
    """Listen until `goes_on` returns False or the connection is lost. Raises StoreUnavailable, TrackingRefused."""
    interval = min(PING_INTERVAL, conf.near_trust() / 4)
    near_templates = (family.template for family in families.registered() if family.near)
    tracking = TrackingConnection(key_names.tracked_prefixes(near_templates))
    closed, copies = connection.times_closed(), near_cache.copies
    try:
        copies.clear()  # from here on every change is received
        copies.off = ""
        sent = clock()
        tracking.ping()
        unanswered: float | None = sent
        while goes_on():
            message = tracking.receive(max(0.0, sent + interval - clock()))
            if message is not None and message.is_pong:
                copies.confirmed_until, unanswered = unanswered or copies.confirmed_until, None
            elif message is not None:
                _invalidate(message)
            if unanswered is None and clock() - sent >= interval:
                sent = unanswered = clock()
                tracking.ping()
            elif unanswered is not None and clock() - unanswered > max(PONG_TIMEOUT, 2 * conf.near_trust()):
                raise StoreUnavailable("no reply to PING")
            if connection.times_closed() != closed:
                raise StoreUnavailable("the pool's connections were closed")
    finally:
        copies.confirmed_until = float("-inf")
        copies.clear()
        tracking.close()


def _invalidate(message: TrackingMessage) -> None:
    tags = [tag for name in message.keys if (tag := key_names.tag_of(name)) is not None]
    keys = [key for name in message.keys if (key := key_names.logical_key(name)) is not None]
    if message.everything or len(tags) + len(keys) < len(message.keys):  # the epoch has changed
        near_cache.copies.clear()
    near_cache.copies.invalidate_tags(tags)
    near_cache.copies.remove_keys(keys)
