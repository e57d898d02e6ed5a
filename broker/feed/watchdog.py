"""Detects a feed that is connected but mute, from the rhythm of its packets.

A feed of a thousand shares is silent for a fraction of a second, one of three options for a minute. So the gap that is
expected follows from the longest of the last gaps. One instrument that is silent while others are not says nothing.
Many at once do: then half of the topics are mute, and REST takes over for those.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from broker.feed.subscriptions import Key

GAPS = 100  # that are remembered
ENOUGH = 10  # gaps after which a rhythm is known
FACTOR = 3.0  # of the longest remembered gap
MIN_GAP, MAX_GAP = 3.0, 60.0  # seconds
FIRST_GAP = 15.0  # seconds that the first packets may take
BRISK = 5.0  # seconds: a segment whose expected gap is longer is judged together with the others only
INSTRUMENT_FACTOR, INSTRUMENT_MIN_GAP = 1.5, 5.0  # of its longest gap in the last minutes; seconds
INSTRUMENT_ENOUGH, INSTRUMENT_SEEN_FOR = 5, 20.0  # packets and seconds after which an instrument's rhythm is known
UNSURE_FACTOR = 2 * INSTRUMENT_FACTOR  # before that
WINDOW = 300.0  # seconds: prices come in bursts, so the longest gap of this window and the one before counts
TICKING = frozenset({"NSEEQ"})  # an index of which is always subscribed
MANY, MANY_SHARE = 3, 0.25  # instruments that are silent at once
FEW = 5  # instruments: of so few, half may be mute without being MANY


class Rhythm:
    """The gaps between packets."""

    __slots__ = ("_gaps", "last")

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self.last: float | None = None

    def packet(self, at: float) -> None:
        """Note a packet. A gap that was longer than expected makes a longer one expected, step by step: it may have
        been a mute feed, or the evening."""
        if self.last is not None:
            self._gaps.append(min(at - self.last, self.expected_gap()))
        self.last = at

    def pause(self) -> None:
        """No packets are expected for a while; the gap until the next one is none."""
        self.last = None

    def expected_gap(self) -> float:
        if len(self._gaps) < ENOUGH:
            return FIRST_GAP
        return min(MAX_GAP, max(MIN_GAP, FACTOR * max(self._gaps)))

    def is_overdue(self, now: float, since: float) -> bool:
        """Whether no packet has come for too long; there was reason to expect one `since`."""
        last = since if self.last is None else max(self.last, since)
        return now - last > self.allowed_gap(since)

    def allowed_gap(self, since: float) -> float:
        return self.expected_gap() if self.last is not None and self.last >= since else FIRST_GAP


class _Instrument:
    __slots__ = ("before", "count", "first", "last", "longest", "window_ends")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.longest, self.before, self.window_ends = 0.0, 0.0, at + WINDOW

    def packet(self, at: float) -> None:
        if at >= self.window_ends:
            self.before, self.longest, self.window_ends = self.longest, 0.0, at + WINDOW
        self.longest = max(self.longest, at - self.last)
        self.last, self.count = at, self.count + 1

    @property
    def is_known(self) -> bool:
        return self.count >= INSTRUMENT_ENOUGH

    def is_overdue(self, now: float) -> bool:
        longest = max(self.longest, self.before)
        if self.last - self.first < INSTRUMENT_SEEN_FOR:
            return now - self.last > max(FIRST_GAP, UNSURE_FACTOR * longest)
        return now - self.last > max(INSTRUMENT_MIN_GAP, INSTRUMENT_FACTOR * longest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`mute`: no packets come at all; `mute_exchanges`, `silent`: none come of these segments and instruments.

    `doubtful`: instruments that are silent, and too few for their rhythm to say whether they are mute.
    """

    mute: bool = False
    mute_exchanges: frozenset[str] = frozenset()
    silent: frozenset[Key] = frozenset()
    expected_gap: float = FIRST_GAP
    silent_for: float = 0.0
    doubtful: frozenset[Key] = frozenset()

    @property
    def is_well(self) -> bool:
        return not (self.mute or self.mute_exchanges or self.silent)

    def is_mute(self, key: Key) -> bool:
        """Whether no packets come of this instrument."""
        return self.mute or key[0] in self.mute_exchanges or key in self.silent


@dataclass
class Watchdog:
    """All times are monotonic seconds. `packet` may be called in one thread and `check` in another."""

    _exchanges: dict[str, Rhythm] = field(default_factory=dict)
    _instruments: dict[Key, _Instrument] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _last: float = float("-inf")  # packet of a segment of which packets are expected
    _subscribed: frozenset[Key] = frozenset()

    def packet(self, key: Key, at: float) -> None:
        """Note a packet of an instrument, other than the last value that is repeated on subscribing."""
        self._rhythm(key[0]).packet(at)
        if key[0] in self._since:
            self._last = at
        instrument = self._instruments.get(key)
        if instrument is None:
            self._instruments[key] = _Instrument(at)
        else:
            instrument.packet(at)

    def forget(self) -> None:
        """The connection is over; the rhythms of the segments are kept, those of instruments are not."""
        self._since = {}
        self._instruments = {}
        for rhythm in list(self._exchanges.values()):
            rhythm.pause()

    def keep(self, keys: Collection[Key]) -> None:
        """These are the instruments that are subscribed; others are forgotten."""
        self._subscribed = frozenset(keys)
        self._instruments = {key: each for key, each in list(self._instruments.items()) if key in keys}

    def check(self, now: float, expecting: Iterable[str]) -> Verdict:
        """Judge the silence of the segments of which packets are to be expected."""
        expecting = set(expecting)
        for exchange in expecting - self._since.keys():
            self._rhythm(exchange).pause()
        self._since = {exchange: self._since.get(exchange, now) for exchange in expecting}
        judged = {exchange: self._rhythm(exchange) for exchange in expecting if self._must_tick(exchange)}
        overdue = [exchange for exchange, each in judged.items() if each.is_overdue(now, self._since[exchange])]
        if not judged:
            return Verdict()
        gap = min(each.expected_gap() for each in judged.values())
        last = max(self._last, *(self._since[exchange] for exchange in judged))
        silent_for = now - last
        if any(last <= now - judged[exchange].allowed_gap(self._since[exchange]) for exchange in overdue):
            return Verdict(True, frozenset(expecting), frozenset(), gap, silent_for)
        mute = frozenset(exchange for exchange in overdue if judged[exchange].expected_gap() <= BRISK)
        silent, doubtful = self._silent(now, expecting - mute)
        return Verdict(False, mute, silent, gap, silent_for, doubtful)

    def _rhythm(self, exchange: str) -> Rhythm:
        rhythm = self._exchanges.get(exchange)
        if rhythm is None:
            rhythm = self._exchanges[exchange] = Rhythm()
        return rhythm

    def _must_tick(self, exchange: str) -> bool:
        """Whether silence of the segment means anything: a few contracts that nobody trades may be silent all day."""
        rhythm = self._rhythm(exchange)
        has_ticked = rhythm.last is not None and rhythm.last >= self._since[exchange]
        return has_ticked or exchange in TICKING or sum(key[0] == exchange for key in self._subscribed) >= ENOUGH

    def _silent(self, now: float, expecting: set[str]) -> tuple[frozenset[Key], frozenset[Key]]:
        """Return the instruments that are mute, and those that may be."""
        known = [(key, each) for key, each in list(self._instruments.items()) if key[0] in expecting and each.is_known]
        overdue = frozenset(key for key, each in known if each.is_overdue(now))
        if len(overdue) < max(MANY, MANY_SHARE * len(known)):
            return frozenset(), overdue if len(self._subscribed) <= FEW else frozenset()
        # While many are mute, one whose rhythm is not known yet cannot be taken for quiet.
        unheard = (key for key in self._subscribed if key[0] in expecting and self._is_unheard(key, now))
        return overdue.union(unheard), frozenset()

    def _is_unheard(self, key: Key, now: float) -> bool:
        instrument = self._instruments.get(key)
        if instrument is None:
            return True
        return instrument.count < INSTRUMENT_ENOUGH and now - instrument.last > INSTRUMENT_MIN_GAP
