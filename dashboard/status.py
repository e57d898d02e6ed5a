"""What every page says above its own content: the account in one line, the site's state, and what is wrong."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest

from alerts import selectors as alerts
from alerts.schemas import sentence
from broker import account_state, clock, conf
from broker.errors import BrokerLoginRequired
from broker.feed.status import State
from broker.orders import switch
from broker.values import FeedState, TradingMode, TradingState
from dashboard import outages
from dashboard.access import LOG_IN, user_id
from dashboard.books import Books
from dashboard.formatting import clock_time
from dashboard.reading import Answer, ask
from systemcache.storage.breaker import breaker

POLLED = "Prices are read from the broker every two seconds instead."
FEED_TROUBLES: dict[str, str] = {
    State.MUTE: f"The live feed is connected, and sends nothing. {POLLED} This page goes on by itself.",
    State.PARTIAL: "The live feed sends nothing for some instruments; their prices are read every two seconds instead.",
    State.DOWN: f"The live feed is down. {POLLED} The status page tells staff what to do.",
    State.LOGIN_REQUIRED: f"The live feed needs the daily login to the broker. {POLLED}",
}
ALERT_SHOWN = timedelta(minutes=5)


class Notice(NamedTuple):
    """Something that is not as it should be. `text` says what to do; `login` puts the button of the daily login there.

    level: `bad` (numbers are missing or old), `warn` (something is not possible), `info`, `quiet` (as usual), `alert`.
    """

    level: str
    text: str
    since: datetime | None = None
    login: bool = False


class Fact(NamedTuple):
    """A part of the state in a word or two; `level` is as in Notice, or `good`."""

    name: str
    label: str
    word: str
    level: str
    title: str = ""


@dataclass(frozen=True)
class Status:
    """The state of account and site at one moment."""

    books: Books
    trading: TradingState
    notices: list[Notice]
    facts: list[Fact]

    def fingerprint(self) -> Iterator[bytes]:
        yield from self.books.fingerprint()
        yield repr((self.notices, self.facts)).encode()

    @property
    def can_place(self) -> bool:
        """Whether orders may be placed now, as far as the trading switch goes."""
        return self.trading.state is TradingMode.OPEN

    @property
    def why_not_place(self) -> str:
        """Why the buttons that place orders are off; empty while they are on."""
        return (
            ""
            if self.can_place
            else f"Trading is {self.trading.state.replace('_', ' ')}. {self.trading.reason}".strip()
        )


def read(request: HttpRequest, books: Books, answers: Iterable[tuple[str, Answer[Any]]] = ()) -> Status:
    """Read the state. `answers` are what the page shows beside the books: what is wrong with them is said above it."""
    state = account_state.account_state().value
    trading = switch.in_force(state.switch)
    ends = state.session_ends if state.session_ends and state.session_ends > clock.now() else None
    named = [*answers, *books.named]
    may_log_in = request.user.has_perm(LOG_IN)
    feed = outages.feed()
    notices = [
        *_alert_notices(request),
        *_cache_notices(),
        *_feed_notices(feed),
        *_session_notices(named, ends, may_log_in=may_log_in),
        *_outage_notices(named),
        *_broker_notices(named),
        *_trading_notices(trading),
    ]
    facts = [_session_fact(ends), _feed_fact(feed), _trading_fact(trading)]
    return Status(books, trading, notices, facts)


def _session_is_over(ends: datetime | None, answers: Iterable[tuple[str, Answer[Any]]]) -> bool:
    """The simulator needs no login: the site logs in to it by itself."""
    return any(isinstance(answer.error, BrokerLoginRequired) for _, answer in answers) or (
        ends is None and not conf.simulated()
    )


def _alert_notices(request: HttpRequest) -> Iterator[Notice]:
    """What one's own alerts have said in the last minutes, on whichever page one is."""
    fired = ask(lambda: alerts.recent_alerts(user_id(request)))
    for alert in fired.value or ():
        if alert.fired_at and clock.now() - alert.fired_at < ALERT_SHOWN:
            note = f" {alert.note}" if alert.note else ""
            yield Notice("alert", f"{clock_time(alert.fired_at)}: {sentence(alert)}.{note}")


def _cache_notices() -> Iterator[Notice]:
    if not breaker.allows():
        yield Notice(
            "warn",
            "The cache (Redis) is away. Everything comes straight from the broker, more slowly; what is shown is as "
            "old as it says. The status page tells staff what to do.",
        )


def _feed_notices(feed: FeedState) -> Iterator[Notice]:
    """While Redis is away nobody knows of the feed; the cache's notice says what holds then."""
    if feed.state in FEED_TROUBLES and breaker.allows():
        yield Notice("warn", FEED_TROUBLES[feed.state], feed.since)


def _session_notices(
    answers: Iterable[tuple[str, Answer[Any]]], ends: datetime | None, *, may_log_in: bool
) -> Iterator[Notice]:
    if _session_is_over(ends, answers):
        what = "The broker session is over: nothing new can be read, and no order can be sent."
        todo = "Log in to the broker." if may_log_in else "Ask somebody who may log in to the broker to do so."
        yield Notice("bad", f"{what} {todo}", login=may_log_in)


def _outage_notices(answers: Iterable[tuple[str, Answer[Any]]]) -> Iterator[Notice]:
    """Ask whether the broker answers, unless the page's own reads have failed: then that is said already."""
    if any(answer.error for _, answer in answers):
        return
    status, since = outages.broker()
    if not status.up:
        what = "The broker does not answer; what is shown is of the times beside it, and orders may not arrive."
        yield Notice("bad", f"{what} {status.detail}".strip(), since)


def _broker_notices(answers: Sequence[tuple[str, Answer[Any]]]) -> Iterator[Notice]:
    """Why something could not be read, each reason once; then what is old."""
    errors = [answer.error for _, answer in answers if answer.error]
    reasons = [str(error) for error in errors if not isinstance(error, BrokerLoginRequired)]
    for reason in dict.fromkeys(reasons):
        yield Notice("bad", reason)
    for name, answer in answers:
        if answer.stale and answer.as_of:
            yield Notice("bad", f"{name} of {clock_time(answer.as_of)}: the broker has not answered since.")


def _trading_notices(trading: TradingState) -> Iterator[Notice]:
    if trading.state is TradingMode.OPEN:
        return
    if not trading.by:
        text = "Trading is off on this site (TRADING_ENABLED): orders can be cancelled, but not placed or changed."
        yield Notice("quiet", text)
        return
    word = "halted" if trading.state is TradingMode.HALTED else "restricted to cancellations"
    reason = f" ({trading.reason})" if trading.reason else ""
    level = "bad" if trading.state is TradingMode.HALTED else "info"
    yield Notice(
        level,
        f"Trading is {word} by {trading.by}{reason}. Orders can be cancelled, but not placed or changed.",
        trading.since,
    )


def _session_fact(ends: datetime | None) -> Fact:
    if conf.simulated():
        what = "Prices and orders are the simulator's, not the market's."
        if conf.simulator_replays():
            what += " While the market is closed it repeats the last session, so prices move at any hour."
        return Fact("session", "Broker", "simulator", "good", what)
    if ends is None:
        return Fact("session", "Broker", "login needed", "bad")
    return Fact(
        "session", "Broker", f"until {ends.astimezone(clock.IST):%H:%M}", "good", "The broker session's end, IST"
    )


def _feed_fact(feed: FeedState) -> Fact:
    if feed.state == State.OFF:
        return Fact("feed", "Feed", "polled", "good", "There is no live feed: prices are read every two seconds.")
    level = "good" if feed.state in (State.LIVE, State.CLOSED) else "warn"
    title = "The market is closed." if feed.state == State.CLOSED else ""
    return Fact("feed", "Feed", str(feed.state).replace("_", " "), level, title)


def _trading_fact(trading: TradingState) -> Fact:
    level = {TradingMode.OPEN: "good", TradingMode.CANCEL_ONLY: "warn", TradingMode.HALTED: "bad"}[trading.state]
    return Fact("trading", "Trading", str(trading.state).replace("_", " "), level, trading.reason)
