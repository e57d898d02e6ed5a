"""Which answers are audited: a sample of the hits of families that name their source, checked by one thread.

The thread starts with the first answer, and ends, with its database connection, when there has been none for a while.
"""

import logging
import queue
import random
import threading
from typing import Any

from django.db import close_old_connections, connections

from systemcache import conf, process_state
from systemcache.audit import check, findings
from systemcache.audit.check import Answer
from systemcache.cached_value import Content
from systemcache.families import Family
from systemcache.storage.key_names import EntryRef

logger = logging.getLogger(__name__)

MAX_WAITING = 256  # answers; beyond, none is taken until the thread has caught up
OFF = 10_000  # hits until the setting is read again
IDLE = 5.0  # seconds without an answer after which the thread ends


class _Auditor:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock, self.running = threading.Lock(), False
        self.waiting: queue.Queue[Answer] = queue.Queue(MAX_WAITING)
        self.passes, self.has_drawn = 0, False  # hits until the next one that is taken


_auditor = process_state.register(_Auditor())


def offer(family: Family[Any], ref: EntryRef, layer: str, content: Content[Any]) -> None:
    """Have an answer audited by chance: once in CACHE_AUDIT_EVERY."""
    if family.source:
        _auditor.passes -= 1  # without a lock: a count that is lost changes nothing
        if _auditor.passes < 0:
            _draw(Answer(family, ref, layer, content))


def _draw(answer: Answer) -> None:
    """Take this answer, and draw how many pass until the next one: a hit only counts down.

    By chance, and not the same number each time: requests repeat in patterns.
    """
    every = conf.audit_every()
    is_first, _auditor.has_drawn = not _auditor.has_drawn, True
    if not every:
        _auditor.passes = OFF
    elif every == 1:
        submit(answer)
    else:
        _auditor.passes = int(random.expovariate(1 / (every - 0.5)))
        if not is_first:
            submit(answer)


def submit(answer: Answer) -> None:
    """Have an answer audited, unless too many wait."""
    try:
        _auditor.waiting.put_nowait(answer)
    except queue.Full:
        return
    with _auditor.lock:
        if not _auditor.running:
            threading.Thread(target=_run, args=(_auditor.waiting,), name="cache-auditor", daemon=True).start()
            _auditor.running = True


def _run(waiting: "queue.Queue[Answer]") -> None:
    try:
        while answer := _next(waiting):
            audit(answer)
            close_old_connections()
    finally:
        connections.close_all()


def _next(waiting: "queue.Queue[Answer]") -> Answer | None:
    """The next answer; None if the thread is to end."""
    while True:
        try:
            return waiting.get(timeout=IDLE)
        except queue.Empty:
            with _auditor.lock:
                if _auditor.waiting is not waiting:  # reset
                    return None
                if waiting.empty():
                    _auditor.running = False
                    return None


def audit(answer: Answer) -> None:
    """Judge an answer, and count the verdict."""
    try:
        findings.record(answer, check.judge(answer))
    except Exception:  # the thread goes on with the next answer
        logger.exception("cache: auditing a value of %s failed", answer.family.name)
