"""What a script does besides moving prices, each at its time: at the first call after it, before that call."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from threading import Lock

import msgspec

from broker.simulator.account import Account
from broker.simulator.candles import opening
from broker.simulator.contracts import Contracts
from broker.simulator.faults import Faults, parse_fault
from broker.simulator.ledger import Rejection
from broker.simulator.options import SimulatorError
from broker.simulator.quirks import Quirks
from broker.simulator.script import Script, Step

_SATURDAY = 5


class Cue(msgspec.Struct, frozen=True):
    at: float
    act: Callable[[], object]


class Player:
    """SimulatorError for a step that does not fit this simulator, and for a day without trading."""

    def __init__(
        self,
        script: Script,
        day: date,
        *,
        contracts: Contracts,
        account: Account,
        faults: Faults,
        quirks: Quirks,
    ) -> None:
        self._account = account
        self._faults = faults
        self._quirks = quirks
        self._opens = opening(day)
        self._lock = Lock()
        if script.steps and day.weekday() >= _SATURDAY:
            raise SimulatorError(f"{day} is no weekday: a script needs one, such as --start 2025-11-20T09:00 chooses.")
        cues = [cue for number in script.steps for cue in self._checked(script, number, contracts)]
        self._cues = deque(sorted(cues, key=lambda cue: cue.at))

    def play(self, now: datetime) -> None:
        with self._lock:
            while self._cues and self._opens + timedelta(seconds=self._cues[0].at) <= now:
                self._cues.popleft().act()

    def _checked(self, script: Script, number: int, contracts: Contracts) -> list[Cue]:
        step = script.steps[number]
        if step.symbol is not None and not contracts.knows(step.symbol):
            raise script.wrong(number, f"there is no symbol {step.symbol!r}")
        try:
            return list(self._cues_of(step))
        except ValueError as error:
            raise script.wrong(number, error) from error

    def _cues_of(self, step: Step) -> Iterator[Cue]:
        if step.payin is not None:
            paise = round(step.payin * 100)
            yield Cue(step.start, lambda: self._account.pay_in(paise))
        if step.reject is not None:
            rejection = Rejection(step.reject, step.symbol)
            yield Cue(step.start, lambda: self._account.reject_next(rejection))
        if step.fault is not None:
            fault = parse_fault(step.fault)
            self._faults.check(fault)
            yield Cue(step.start, lambda: self._faults.add(fault))
            if step.until:
                yield Cue(step.end, lambda: self._faults.remove(fault))
        if step.quirk is not None:
            quirk = step.quirk
            yield Cue(step.start, lambda: self._quirks.add(quirk))
            if step.until:
                yield Cue(step.end, lambda: self._quirks.remove(quirk))
