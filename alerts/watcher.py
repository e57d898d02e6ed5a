"""The part that runs in the feed's process: it judges live prices, fires alerts, and delivers the messages.

The feed's thread only compares prices (`on_quotes`). A thread of its own does what may wait for the database, and a few
more deliver, so that neither a slow database nor a hanging webhook holds up a price.
"""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, close_old_connections, connections
from msgspec.structs import replace

from alerts import conf, selectors, services
from alerts.delivery import outbox
from alerts.judging.index import AlertIndex, Instrument, Judgement
from alerts.judging.rule import Price, Verdict
from alerts.models import AlertDelivery
from alerts.schemas import WatchedAlert
from broker import clock
from broker.values import PriceState, Quote
from systemcache import process_state

logger = logging.getLogger(__name__)

SENDERS = 4  # threads that deliver
PATIENCE = 5.0  # seconds that stopping waits for the thread


class Decision(NamedTuple):
    """What has been judged and is not in the database yet."""

    judgement: Judgement
    at: datetime


def price_of(quote: Quote) -> Price | None:
    """Return what is judged of a quote; None if it does not say when it was traded."""
    if quote.exchange_time is None:
        return None
    return Price(quote.ltp, quote.change_percent, quote.exchange_time, quote.state is PriceState.LIVE)


class AlertWatcher:
    """Judges prices from when it is started. It may be called from several threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._index = AlertIndex()
        self._decisions: dict[int, Decision] = {}
        self._known = b""
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._senders: ThreadPoolExecutor | None = None
        self._sending: dict[int, Future[None]] = {}

    def __len__(self) -> int:
        """How many alerts are watched."""
        return len(self._index)

    # --- the feed's thread ---------------------------------------------------------------------------------

    def on_quotes(self, quotes: Iterable[Quote]) -> None:
        """Judge live prices. It takes no query, and does not wait."""
        with self._lock:
            for quote in quotes:
                if price := price_of(quote):
                    self._judge((quote.exchange, quote.instrument_id), price)

    def _judge(self, instrument: Instrument, price: Price) -> None:
        for judgement in self._index.judge(instrument, price):
            self._decisions[judgement.alert_id] = Decision(judgement, clock.now())
            self._wake.set()

    # --- its own thread ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, once: alerts are read, and messages that a process before this one has left are delivered."""
        interval = conf.interval()
        with self._lock:
            if self._thread is None and interval:
                self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="alert-messages")
                self._thread = threading.Thread(
                    target=self._run, args=(self._stop, self._wake, interval), name="alerts", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End the threads. What they have not finished, another process does a minute later."""
        self._stop.set()
        self._wake.set()
        if self._thread:
            self._thread.join(PATIENCE)
        if self._senders:
            self._senders.shutdown(wait=False, cancel_futures=True)

    def _run(self, stop: threading.Event, wake: threading.Event, interval: float) -> None:
        """Go on until `stop` is set, or the watcher is reset, which gives it other events."""
        while not stop.is_set() and self._stop is stop:
            wake.clear()
            close_old_connections()
            try:
                self.step()
            except Exception:  # this thread alone judges alerts, so it must outlive whatever a step raises
                logger.exception("alerts: the watcher failed, and tries again in %g s", interval)
                connections.close_all()
                stop.wait(interval)
            else:
                wake.wait(interval)
        connections.close_all()

    def step(self) -> None:
        """Take over alerts that are new or gone, commit what was judged, and deliver what is due."""
        self._reload()
        self._commit_decisions()
        self._deliver()

    def _reload(self) -> None:
        """Read the alerts through the cache: the same bytes mean that nothing was written."""
        found = selectors.watched_alerts()
        if found.payload == self._known:
            return
        with self._lock:
            self._index.replace(self._with_decisions(found.value))
        self._known = found.payload

    def _with_decisions(self, alerts: Iterable[WatchedAlert]) -> Iterable[WatchedAlert]:
        """What was judged holds, although the database does not know it yet."""
        for alert in alerts:
            decision = self._decisions.get(alert.id)
            if decision is None:
                yield alert
            elif decision.judgement.verdict is not Verdict.FIRE:
                yield replace(alert, armed=decision.judgement.verdict is Verdict.ARM)

    def _commit_decisions(self) -> None:
        """A decision stays until the database has it."""
        for alert_id, decision in list(self._decisions.items()):
            try:
                _commit(decision)
            except DatabaseError as error:
                logger.warning("alerts: alert %d is judged, but cannot be written yet: %s", alert_id, error)
                connections.close_all()
                return
            with self._lock:
                if self._decisions.get(alert_id) is decision:
                    del self._decisions[alert_id]

    def _deliver(self) -> None:
        """Hand due messages to the senders, no more than there are."""
        self._sending = {pk: future for pk, future in self._sending.items() if not future.done()}
        free = SENDERS - len(self._sending)
        if self._senders is None or free <= 0:
            return
        now = clock.now()
        for delivery in outbox.due(now, free):
            if outbox.claim(delivery, now):
                future = self._senders.submit(_attempt, delivery)
                future.add_done_callback(lambda _: self._wake.set())
                self._sending[delivery.pk] = future


def _commit(decision: Decision) -> None:
    judgement = decision.judgement
    if judgement.verdict is Verdict.FIRE:
        price = judgement.price
        services.fire(judgement.alert_id, at=decision.at, price=price.ltp, change_percent=price.change_percent)
    else:
        services.arm(judgement.alert_id, armed=judgement.verdict is Verdict.ARM)


def _attempt(delivery: AlertDelivery) -> None:
    try:
        outbox.attempt(delivery, outbox.SENDERS[delivery.channel])
    except DatabaseError as error:  # the claim lapses, and the message is tried again
        logger.warning("alerts: what became of %s cannot be written: %s", delivery, error)
    finally:
        connections.close_all()


watcher = process_state.register(AlertWatcher())


def on_quotes(quotes: Iterable[Quote]) -> None:
    """For the feed: judge a batch of live prices."""
    watcher.start()
    watcher.on_quotes(quotes)
