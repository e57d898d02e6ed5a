"""One thread a process that hears from Redis what was dropped, so that near copies go in time.

Redis answers on the listener's connection in the order of what happened: when the answer to a PING comes, everything
that was dropped before the PING was sent has been heard. That moment is `heard_until`; a process that is cut off, or
too busy to listen, stops trusting its copies by itself, without noticing anything.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from systemcache import conf, ear, families, near
from systemcache.ear import Ear, Told
from systemcache.errors import StoreUnavailable

logger = logging.getLogger(__name__)

EVERY = 0.02  # seconds between two PINGs; well below near.TRUST
DEAF = 1.0  # seconds without an answer after which the connection is given up
AGAIN = 0.5  # seconds before the next one

_lock = threading.Lock()
_started = False


def ensure() -> None:
    """Starts the listener of this process, once; a forked child needs its own."""
    if not _started:
        _start()


def _start() -> None:
    global _started
    with _lock:
        if not _started and conf.listens():
            threading.Thread(target=_listen_forever, name="cache-listener", daemon=True).start()
        _started = True


def _listen_forever() -> None:
    pause = threading.Event()
    while True:
        try:
            listen(lambda: True)
        except StoreUnavailable as error:
            logger.debug("cache: no near copies for now: %s", error)
        except Exception:
            # A thread that died would leave this process without near copies for good: say so and go on.
            logger.exception("cache: the listener stumbled")
        pause.wait(AGAIN)


def listen(goes_on: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
    """Until told otherwise or the connection is lost. Raises StoreUnavailable."""
    listening = Ear(ear.beginnings(family.template for family in families.registered() if family.near))
    copies = near.copies
    try:
        copies.flush()  # from here on everything is heard
        asked = None
        sent = clock()
        listening.ask_for_a_sign()
        asked = sent
        while goes_on():
            told = listening.next(max(0.0, sent + EVERY - clock()))
            if told is not None:
                if told.is_sign:
                    copies.heard_until, asked = asked or copies.heard_until, None
                else:
                    _forget(told)
            if asked is None and clock() - sent >= EVERY:
                sent = asked = clock()
                listening.ask_for_a_sign()
            elif asked is not None and clock() - asked > DEAF:
                raise StoreUnavailable("silent")
    finally:
        copies.heard_until = float("-inf")
        copies.flush()
        listening.close()


def _forget(told: Told) -> None:
    tags = [tag for name in told.keys if (tag := ear.tag_of(name)) is not None]
    keys = [key for name in told.keys if (key := ear.documented(name)) is not None]
    if told.everything or len(tags) + len(keys) < len(told.keys):  # the epoch has changed
        near.copies.flush()
    near.copies.drop_tags(tags)
    near.copies.drop_keys(keys)


def _forget_parent() -> None:
    global _lock, _started
    _lock, _started = threading.Lock(), False


os.register_at_fork(after_in_child=_forget_parent)
