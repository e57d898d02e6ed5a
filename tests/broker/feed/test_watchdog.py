"""A mute feed is noticed by its rhythm, and a quiet one is not taken for mute."""

from itertools import count

import pytest

from broker.feed.watchdog import FIRST_GAP, MAX_GAP, MIN_GAP, Verdict, Watchdog

NSE, MCX = "NSEEQ", "MCXCOMM"


class Following:
    """A watchdog, and instruments that tick."""

    def __init__(self, **periods: float) -> None:
        """Of each exchange, the seconds between the packets of one of ten instruments."""
        self.watchdog = Watchdog()
        self.now = 1000.0
        self.periods = periods
        self.mute: set[tuple[str, str]] = set()
        self.watchdog.check(self.now, periods)

    def run(self, seconds: float) -> None:
        """Let time pass, with a look every quarter of a second."""
        start = self.now
        for step in count(1):
            now = start + step * 0.05
            if now > start + seconds:
                break
            self.now = now
            for exchange, period in self.periods.items():
                number = round(now / 0.05) % round(period / 0.05)
                if number < 10 and (exchange, str(number)) not in self.mute:
                    self.watchdog.packet((exchange, str(number)), now)
            if step % 5 == 0:
                self.watchdog.check(now, self.periods)

    def silence(self, *exchanges: str, numbers: range = range(10)) -> None:
        self.mute |= {(exchange, str(number)) for exchange in exchanges for number in numbers}

    @property
    def verdict(self) -> Verdict:
        return self.watchdog.check(self.now, self.periods)


def test_a_feed_that_ticks_is_well() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    assert feed.verdict.is_well


def test_a_brisk_feed_that_falls_silent_is_mute_after_the_expected_gap() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.silence(NSE)
    feed.run(MIN_GAP - 0.6)
    assert not feed.verdict.mute
    feed.run(1.2)
    assert feed.verdict.mute
    assert feed.verdict.expected_gap == MIN_GAP


def test_it_is_well_again_with_the_next_packet() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.silence(NSE)
    feed.run(10)
    feed.mute.clear()
    feed.run(2)
    assert not feed.verdict.mute


def test_a_slow_feed_is_given_more_time() -> None:
    feed = Following(NSEEQ=5.0)
    feed.run(300)
    feed.silence(NSE)
    feed.run(10)
    assert not feed.verdict.mute
    feed.run(10)
    assert feed.verdict.mute


def test_no_feed_is_given_more_than_a_minute() -> None:
    watchdog = Watchdog()
    watchdog.check(0, {NSE})
    for number in range(50):
        watchdog.packet((NSE, "1"), number * 14.0)
    assert not watchdog.check(49 * 14.0 + MAX_GAP - 20, {NSE}).mute
    assert watchdog.check(49 * 14.0 + MAX_GAP + 1, {NSE}).mute


def test_a_feed_of_which_nothing_ever_came_is_mute_after_a_while() -> None:
    watchdog = Watchdog()
    watchdog.check(0, {NSE})
    assert not watchdog.check(FIRST_GAP, {NSE}).mute
    assert watchdog.check(FIRST_GAP + 1, {NSE}).mute


def test_one_instrument_that_is_silent_says_nothing() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.silence(NSE, numbers=range(1))
    feed.run(300)
    assert feed.verdict.is_well


def test_half_of_the_instruments_that_fall_silent_at_once_are_named() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.silence(NSE, numbers=range(5))
    feed.run(8)
    assert not feed.verdict.mute
    assert feed.verdict.silent == {(NSE, str(number)) for number in range(5)}


def test_while_many_are_silent_one_that_was_hardly_heard_is_not_taken_for_quiet() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    never, once = (NSE, "never"), (NSE, "once")
    feed.watchdog.keep({never, once, *((NSE, str(number)) for number in range(10))})
    feed.watchdog.packet(once, feed.now)
    assert feed.verdict.is_well
    feed.silence(NSE, numbers=range(5))
    feed.run(8)
    assert feed.verdict.silent == {never, once, *((NSE, str(number)) for number in range(5))}
    feed.watchdog.packet(never, feed.now)
    assert never not in feed.verdict.silent


def test_a_segment_that_falls_silent_is_named_and_the_others_go_on() -> None:
    feed = Following(NSEEQ=1.0, MCXCOMM=1.0)
    feed.run(60)
    feed.silence(MCX)
    feed.run(8)
    assert (feed.verdict.mute, feed.verdict.mute_exchanges) == (False, frozenset({MCX}))


@pytest.mark.parametrize("hours", [1, 16, 64])
def test_nothing_is_expected_of_a_closed_market(hours: float) -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    assert feed.watchdog.check(feed.now + hours * 3600, ()).is_well


def test_after_a_night_the_first_packets_are_given_time() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.watchdog.check(feed.now, ())
    feed.now += 16 * 3600
    assert not feed.verdict.mute
    feed.silence(NSE)
    feed.run(FIRST_GAP - 1)
    assert not feed.verdict.mute
    feed.run(3)
    assert feed.verdict.mute


def test_after_a_reconnection_too() -> None:
    feed = Following(NSEEQ=1.0)
    feed.run(60)
    feed.watchdog.forget()
    feed.now += 600
    feed.silence(NSE)
    assert not feed.verdict.mute
    feed.run(FIRST_GAP - 1)
    assert not feed.verdict.mute


def test_when_one_market_closes_the_others_are_judged_by_their_own_rhythm() -> None:
    feed = Following(NSEEQ=0.5, MCXCOMM=40.0)
    feed.run(120)
    del feed.periods[NSE]
    for _ in range(60):
        feed.run(10)
        assert not feed.verdict.mute


def test_a_feed_that_slows_down_is_mute_a_few_times_at_most() -> None:
    watchdog = Watchdog()
    watchdog.check(0, {NSE})
    now = 0.0
    for _ in range(200):
        now += 0.1
        watchdog.packet((NSE, "1"), now)
    alarms = 0
    for _ in range(100):
        alarms += watchdog.check(now + 19.9, {NSE}).mute
        now += 20.0
        watchdog.packet((NSE, "1"), now)
    assert alarms <= 3


def test_a_few_contracts_that_nobody_trades_are_not_taken_for_a_mute_feed() -> None:
    watchdog = Watchdog()
    watchdog.keep([("NSECOMM", "1"), ("NSECOMM", "2")])
    watchdog.check(0, {"NSECOMM"})
    assert watchdog.check(3600, {"NSECOMM"}).is_well


@pytest.mark.parametrize(("subscribed", "doubtful"), [(4, {"0", "1"}), (10, set())])
def test_of_a_few_instruments_those_that_are_silent_are_doubtful(subscribed: int, doubtful: set[str]) -> None:
    feed = Following(NSEEQ=1.0)
    feed.watchdog.keep({(NSE, str(number)) for number in range(subscribed)})
    feed.run(60)
    assert feed.verdict.doubtful == frozenset()
    feed.silence(NSE, numbers=range(2))
    feed.run(8)
    assert feed.verdict.is_well
    assert feed.verdict.doubtful == {(NSE, number) for number in doubtful}
