"""A write that leaves no record is reported within a minute, at 300 checks a second; until then nobody is accused."""

import random

import pytest

from systemcache import process_state
from systemcache.audit import check, findings, sampling
from systemcache.audit.check import REDIS, Answer
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear, outbox
from tests.systemcache.audit.planting import setting_becomes, write_past_the_site, write_without_a_record
from watchlist import selectors
from watchlist.cache_families import MAX_SIGNALS, SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Category, Signal, TradingSetting, WatchlistItem

RUNS = 20
CHECKS_A_SECOND = 300
WITHIN = 60.0  # seconds
WRITES_A_SECOND = 10
SOUND_WRITES = 15  # at the most, before the one that leaves no record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Readers:
    """Readers of 216 keys, each read of which is audited."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.checks = 0

    def read(self) -> None:
        kind = self.chance.choice([SETTINGS, *[WATCHLIST] * 15, *[SIGNALS] * MAX_SIGNALS])
        if kind is SETTINGS:
            selectors.trading_settings()
            answer = Answer(SETTINGS, entry_ref(SETTINGS, {}), REDIS)
        elif kind is WATCHLIST:
            where = {
                "active": self.chance.choice(["true", "false", "all"]),
                "category": self.chance.choice([*Category]),
            }
            selectors.watchlist(**where)
            answer = Answer(WATCHLIST, entry_ref(WATCHLIST, where), REDIS)
        else:
            limit = self.chance.randint(1, MAX_SIGNALS)
            selectors.signals(limit=limit)
            answer = Answer(SIGNALS, entry_ref(SIGNALS, {"limit": limit}), REDIS)
        sampling.audit(answer)
        self.checks += 1


def write(chance: random.Random, number: int) -> None:
    """As the site does, and as other programs do, whose writes recovery hears of."""
    match chance.randrange(4):
        case 0:
            TradingSetting.objects.filter(key="audited").update(value=str(number))
        case 1:
            WatchlistItem.objects.update(notes=str(number))
        case 2:
            Signal.objects.update(reason=str(number))
        case _:
            write_past_the_site(setting_becomes(number))
            outbox.replay()


@pytest.fixture
def rows(setting: TradingSetting) -> None:
    WatchlistItem.objects.create(symbol="TCS", category="hold")
    Signal.objects.create(symbol="TCS", signal_type="buy")


@pytest.mark.usefixtures("rows")
def test_a_write_that_leaves_no_record_is_reported_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    judging = check.LATE_ROUNDS * check.PAUSE  # seconds, which this test does not wait
    monkeypatch.setattr(check, "PAUSE", 0)
    took: list[float] = []
    for run in range(RUNS):
        process_state.reset()
        clear.invalidate(SETTINGS.name, WATCHLIST.name, SIGNALS.name)
        before = findings.report().violations
        chance = random.Random(run)
        readers = Readers(chance)
        for number in range(chance.randint(1, SOUND_WRITES)):
            write(chance, 1000 * run + number)
            for _ in range(CHECKS_A_SECOND // WRITES_A_SECOND):
                readers.read()
        assert findings.report().violations == before, f"run {run}: a false alarm"
        selectors.trading_settings()
        write_without_a_record(setting_becomes(1000 * run + 999))
        sound = readers.checks
        while findings.report().violations == before:
            readers.read()
            assert (readers.checks - sound) / CHECKS_A_SECOND + judging < WITHIN, f"run {run}: not found"
        took.append((readers.checks - sound) / CHECKS_A_SECOND + judging)
    print(f"found after {max(took):.1f} s at the most, {sum(took) / RUNS:.1f} s on average")
