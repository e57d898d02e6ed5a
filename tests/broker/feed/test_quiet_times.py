"""A night, a weekend and a holiday without one false alarm; and then a feed that is mute is noticed."""

from datetime import datetime, timedelta

import pytest

from broker.clock import IST
from broker.feed.sessions import MarketSessions
from broker.feed.subscriptions import Key
from broker.feed.watchdog import Watchdog
from broker.stream.packets import MarketStatus
from tests.support.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

STEP, STEP_AT_REST = timedelta(seconds=10), timedelta(minutes=1)
FRIDAY = datetime(2026, 1, 23, 14, 0, tzinfo=IST)  # the Monday after it is Republic Day
TUESDAY = datetime(2026, 1, 27, 11, 0, tzinfo=IST)
# Of each exchange, when packets come and the market says that it is open, and until when; in winter MCX closes later.
HOURS = {"NSEEQ": ("09:15", "15:30"), "MCXCOMM": ("09:00", "23:55")}
TRADING_DAYS = ("2026-01-23", "2026-01-27")


class Days:
    """A feed whose clock a test moves: its sessions, its watchdog, and ten instruments of each exchange."""

    def __init__(self, *, statuses: bool) -> None:
        self.clock = Clock(FRIDAY)
        self.sessions, self.watchdog = MarketSessions(self.clock), Watchdog()
        self.mute = self.connected = False
        self._statuses = statuses
        self._open: dict[str, bool] = {}
        self.watchdog.keep(self.instruments())

    def instruments(self) -> set[Key]:
        return {(exchange, str(number)) for exchange in HOURS for number in range(10)}

    @property
    def seconds(self) -> float:
        return self.clock.now.timestamp()

    def connect(self) -> None:
        self.connected, self._open = True, {}

    def disconnect(self) -> None:
        self.connected = False
        self.sessions.forget()
        self.watchdog.forget()

    def step(self) -> bool:
        """Let a moment pass; return whether all is well."""
        self.clock.now += STEP if any(map(self._is_open, HOURS)) else STEP_AT_REST
        if self.connected:
            for exchange in HOURS:
                self._send(exchange)
        if self.clock.now.second == 0:
            self.sessions.refresh(set(HOURS))
        expecting = filter(self.sessions.expects_packets, HOURS) if self.connected else ()
        return not self.connected or self.watchdog.check(self.seconds, expecting).is_well

    def _send(self, exchange: str) -> None:
        is_open = self._is_open(exchange)
        if self._statuses and self._open.get(exchange) != is_open:
            self.sessions.note(exchange, MarketStatus.OPENED if is_open else MarketStatus.CLOSED)
        self._open[exchange] = is_open
        if is_open and not self.mute:
            for number in range(10):
                self.watchdog.packet((exchange, str(number)), self.seconds)

    def _is_open(self, exchange: str) -> bool:
        opens, closes = HOURS[exchange]
        now = self.clock.now
        return f"{now:%Y-%m-%d}" in TRADING_DAYS and opens <= f"{now:%H:%M}" < closes


@pytest.fixture(params=[True, False], ids=["statuses", "calendar"])
def days(request: pytest.FixtureRequest) -> Days:
    return Days(statuses=request.param)


@pytest.mark.parametrize("logs_in_each_day", [True, False])
def test_from_friday_to_tuesday_after_a_holiday_all_is_well(days: Days, *, logs_in_each_day: bool) -> None:
    days.connect()
    alarms: list[datetime] = []
    while days.clock.now < TUESDAY:
        if logs_in_each_day and f"{days.clock.now:%H:%M:%S}" == "00:00:00":
            days.disconnect()  # its session has ended
        if not days.connected and f"{days.clock.now:%H:%M:%S}" == "08:45:00":
            days.connect()
        if not days.step():
            alarms.append(days.clock.now)
    assert alarms == []
    days.mute = True
    end = days.clock.now + timedelta(minutes=1)
    while days.step():
        assert days.clock.now < end, "a feed that is mute in the open market was not noticed"
