"""Plays the steps of a script that do not move prices: each before the first call after its time."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from threading import Lock

import msgspec

from broker.simulator.account.account import Account
from broker.simulator.account.ledger import Rejection
from broker.simulator.faults.faults import Faults, parse_fault
from broker.simulator.faults.quirks import Quirks
from broker.simulator.options import SimulatorError
from broker.simulator.prices.candles import opening
from broker.simulator.prices.contracts import Contracts
from broker.simulator.script.script import Script, Step

_SATURDAY = 5


class Cue(msgspec.Struct, frozen=True):
    at: float
    action: Callable[[], object]


class ScriptPlayer:
    """Raises SimulatorError for a step that is invalid in this simulator, and for a day without trading."""

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
            raise SimulatorError(
                f"{day} is not a weekday, which a script requires. Choose one, as with --start 2025-11-20T09:00."
            )
        cues: list[Cue] = []
        for number, step in script.steps.items():
            if step.symbol is not None and not contracts.knows(step.symbol):
                raise script.step_error(number, f"there is no symbol {step.symbol!r}")
            try:
                cues += self._cues_of(step)
            except ValueError as error:
                raise script.step_error(number, error) from error
        self._cues = deque(sorted(cues, key=lambda cue: cue.at))

    def play(self, now: datetime) -> None:
        with self._lock:
            while self._cues and self._opens + timedelta(seconds=self._cues[0].at) <= now:
                self._cues.popleft().action()

    def _cues_of(self, step: Step) -> Iterator[Cue]:
        if step.payin is not None:
            paise = round(step.payin * 100)
            yield Cue(step.start, lambda: self._account.add_payin(paise))
        if step.reject is not None:
            rejection = Rejection(step.reject, step.symbol)
            yield Cue(step.start, lambda: self._account.reject_next(rejection))
        if step.fault is not None:
            fault = parse_fault(step.fault)
            self._faults.validate(fault)
            yield Cue(step.start, lambda: self._faults.add(fault))
            if step.until:
                yield Cue(step.end, lambda: self._faults.remove(fault))
        if step.quirk is not None:
            quirk = step.quirk
            yield Cue(step.start, lambda: self._quirks.add(quirk))
            if step.until:
                yield Cue(step.end, lambda: self._quirks.remove(quirk))
